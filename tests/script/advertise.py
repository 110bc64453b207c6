#!/usr/bin/env python3
"""Sends one router advertisement: advertise.py INTERFACE PREFIX SECONDS. This host is said to be a router, and addresses
of PREFIX/64 to be formed, both for so many seconds. Needs root. RFC 4861, 4.2 and 4.6.2."""

import socket
import struct
import sys

interface, prefix, seconds = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2]), int(sys.argv[3])
router = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, seconds, 0, 0)
formed = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, seconds, seconds, 0, prefix)  # on the link, for addresses
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    sender.sendto(router + formed, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))
