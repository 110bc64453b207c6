#include "bridge_functions.hpp"

namespace xen_drbd::script {

const std::string_view common_functions = R"sh(
say() { echo "bridges: $*" >&2; }
fail() { say "$*"; exit 1; }

has_device() { ip link show dev "$1" >/dev/null 2>&1; }
is_bridge() { ip -o -d link show dev "$1" | grep -q ' bridge forward_delay '; }
is_in() { ip -o link show dev "$1" | grep -q " master $2 "; } # PORT BRIDGE
is_a_part() { ip -o link show dev "$1" | grep -q ' master '; }
has_addresses() { [ -n "$(ip -o address show dev "$1" scope global)" ]; }
)sh";

const std::string_view make_functions = R"sh(
bridge=   # the one that is being made
new=      # itself, if this run made it
new_vlan= # its VLAN's device, if this run made it
before=   # the bridges before it

# A bridge that fails leaves nothing behind that was not there before.
clear_away() {
  [ $? -ne 0 ] || return 0
  if [ -n "$new" ] && [ -z "$(ip -o link show master "$new")" ]; then ip link delete dev "$new" type bridge; fi
  if [ -n "$new_vlan" ] && ! is_a_part "$new_vlan"; then ip link delete dev "$new_vlan" type vlan; fi
  [ -z "$before" ] || say "what was made before $bridge stays:$before"
}

make_bridge() { # BRIDGE
  before="$before${bridge:+ $bridge}"
  bridge=$1
  new=
  new_vlan=
  trap clear_away EXIT
  if ! has_device "$1"; then
    ip link add name "$1" type bridge stp_state 0 forward_delay 0
    new=$1
  elif ! is_bridge "$1"; then
    fail "$1 is there and is no bridge"
  fi
}

add_address() { # BRIDGE ADDRESS
  case $2 in
    *:*) ip address replace "$2" dev "$1" nodad ;;
    *) ip address replace "$2" brd + dev "$1" ;;
  esac
}
)sh";

const std::string_view vlan_functions = R"sh(
use_vlan() { # INTERFACE VLAN DEVICE
  ip link set dev "$1" up
  if ! has_device "$3"; then
    ip link add link "$1" name "$3" type vlan id "$2"
    new_vlan=$3
  elif ! ip -o -d link show dev "$3" | grep ": $3@$1: " | grep -q " vlan protocol 802.1Q id $2 "; then
    fail "$3 is there and is not VLAN $2 of $1"
  fi
}
)sh";

const std::string_view move_functions = R"sh(
# The addresses of a device, each as the arguments of `ip address replace`. Privacy addresses are left out: the kernel
# makes new ones. An address that a router advertises (mngtmpaddr) keeps its end, which the next advertisement puts off.
# One from a DHCP client loses it, since that client does not renew it on another device.
addresses_of() { # FAMILY DEVICE
  family=$1
  ip "-$1" -o address show dev "$2" | while read -r _ _ _ address rest; do
    line=$address
    wanted=yes
    ends=no
    # shellcheck disable=SC2086 # split into words on purpose
    set -- $rest
    while [ $# -gt 0 ]; do
      case $1 in
        peer | brd | scope | metric) line="$line $1 $2" ;;
        noprefixroute) line="$line $1" ;;
        temporary) wanted=no ;;
        dynamic) ends=yes ;;
        mngtmpaddr)
          line="$line $1"
          ends=no
          ;;
        valid_lft | preferred_lft) [ "$ends" = yes ] || line="$line $1 ${2%sec}" ;;
      esac
      shift
    done
    [ "$family" = 4 ] || line="$line nodad"
    [ "$wanted" = no ] || echo "$line"
  done
}

# The routes through a device, each as the arguments of `ip route replace`: the neighbours first, then what needs them.
# A route with several ways goes along whole when one of them leads through the device.
routes_of() { # FAMILY DEVICE
  lines=$(ip "-$1" -o route show table all | tr '\\\t' '  ' |
    grep -v -e ' table local' -e '^local ' -e '^broadcast ' -e '^multicast ' -e '^anycast ' -e '^fe80::/64 ' |
    sed -e 's/ linkdown//g' -e 's/ dead//g' -e 's/ nhid [0-9]*//g' -e 's/ expires \([0-9]*\)sec/ expires \1/' |
    sed -e 's/$/ /' | grep -F " dev $2 " || true)
  echo "$lines" | grep -v -e ' via ' -e '^$' || true
  echo "$lines" | grep ' via ' || true
}

# The gateways of these routes that are behind a device.
gateways_behind() { # DEVICE ROUTES
  echo "$2" | awk -v device="$1" '{
    gateway = ""
    for (i = 1; i < NF; i++) {
      if ($i == "via") gateway = $(i + 1) == "inet6" ? $(i + 2) : $(i + 1)
      if ($i == "dev" && $(i + 1) == device && gateway != "") print gateway
      if ($i == "dev") gateway = ""
    }
  }' | sort -u
}

pinged() { # GATEWAY DEVICE
  case $1 in
    fe80:*) ping -c 1 -W 1 "$1%$2" >/dev/null 2>&1 ;;
    *) ping -c 1 -W 1 "$1" >/dev/null 2>&1 ;;
  esac
}

# Asks for the hardware address of the gateway, anew.
resolved() { # GATEWAY DEVICE
  ip neighbour flush to "$1" dev "$2" >/dev/null 2>&1 || true
  ip neighbour replace "$1" dev "$2" use >/dev/null 2>&1 || return 1
  sleep 1
  ip neighbour show to "$1" dev "$2" | grep -q -e REACHABLE -e STALE -e DELAY
}

# The gateways that answer now, all asked at the same time, each with its question. One that drops pings still tells its
# hardware address.
who_answers() { # DEVICE GATEWAY...
  behind=$1
  shift
  for gateway in "$@"; do
    if pinged "$gateway" "$behind"; then
      echo "pinged $gateway"
    elif resolved "$gateway" "$behind"; then
      echo "resolved $gateway"
    fi &
  done
  wait
}

keeps_silent() { # QUESTION GATEWAY DEVICE
  for _ in 1 2 3 4 5 6 7 8; do
    if "$1" "$2" "$3"; then return 1; fi
    sleep 1
  done
}

# Those that answered before and do not now; all are asked at the same time, each some 16 seconds at most.
who_is_silent() { # DEVICE ANSWERS
  echo "$2" | {
    while read -r question gateway; do
      if [ -n "$gateway" ] && keeps_silent "$question" "$gateway" "$1"; then echo "$gateway"; fi &
    done
    wait
  }
}

# Routes as lines of `ip -batch`, from one device to another. A second route to the same place is appended: it would
# replace the first. One that a router advertised gets the next metric, and lasts until its end: with its own metric it
# would stand where the kernel puts its route at the next advertisement, which is ignored then, and the addresses expire.
moved() { # FROM TO ROUTES
  echo "$3" | awk -v from="$1" -v to="$2" 'NF {
    place = $1
    for (i = 2; i < NF; i++) {
      if ($i == "dev" && $(i + 1) == from) $(i + 1) = to
      if ($i == "metric" && / proto ra /) $(i + 1)++
      if ($i ~ /^(from|table|metric|tos)$/) place = place " " $i " " $(i + 1)
    }
    print "route", (place in seen ? "append" : "replace"), $0
    seen[place]
  }'
}

# The lines of `ip -batch` that put addresses and routes on one device and take them from the other.
batch() { # FROM TO LINK-COMMAND ADDRESSES ROUTES
  [ -z "$4" ] || echo "$4" | sed "s/^/address replace dev $2 /"
  [ -z "$3" ] || echo "$3"
  echo "address flush dev $1"
  echo "route flush dev $1"
  moved "$1" "$2" "$5"
}

# Moves what was remembered in addresses4, addresses6, routes4 and routes6 from one device to the other. Each family is
# one run of ip, which ends its work even when this shell is killed.
move() { # FROM TO LINK-COMMAND
  batch4=$(batch "$1" "$2" "$3" "$addresses4" "$routes4")
  batch6=$(batch "$1" "$2" "" "$addresses6" "$routes6")
  echo "$batch4" | ip -4 -batch - || return 1
  [ -z "$addresses6$routes6" ] || echo "$batch6" | ip -6 -batch -
}

# Moves the addresses and routes of a device, and moves them back when a gateway no longer answers.
move_and_ask() { # FROM TO LINK-COMMAND COMMAND-BACK
  trap '' HUP INT QUIT TERM PIPE # half of this is a node that nobody reaches
  addresses4=$(addresses_of 4 "$1")
  addresses6=$(addresses_of 6 "$1")
  routes4=$(routes_of 4 "$1")
  routes6=$(routes_of 6 "$1")
  # shellcheck disable=SC2046 # one word for each gateway
  answered=$(who_answers "$1" $(gateways_behind "$1" "$routes4
$routes6"))
  if move "$1" "$2" "$3"; then
    silent=$(who_is_silent "$2" "$answered")
    if [ -z "$silent" ]; then
      trap - HUP INT QUIT TERM PIPE
      return 0
    fi
  fi
  move "$2" "$1" "$4" || say "not everything could be put back on $1"
  trap - HUP INT QUIT TERM PIPE
  for gateway in ${silent-}; do say "the gateway $gateway answered before and not afterwards"; done
  [ -n "${silent-}" ] || say "a step failed"
  say "the addresses are on $1 again"
  return 1
}
)sh";

const std::string_view take_over_functions = R"sh(
must_be_there() { # INTERFACE
  has_device "$1" || fail "there is no interface $1; no bridge was made"
}

# Whether a DHCP client gave a device an address: one that ends and that no router advertised.
has_lease() { # DEVICE
  ip -o address show dev "$1" scope global | grep ' dynamic ' | grep -q -v -e ' mngtmpaddr ' -e ' temporary '
}

# The bridge does with router advertisements what the interface did that had the addresses: each device has settings of
# its own.
take_settings() { # BRIDGE PORT
  for setting in accept_ra autoconf use_tempaddr; do
    theirs=/proc/sys/net/ipv6/conf/$2/$setting
    [ ! -e "$theirs" ] || cat "$theirs" >"/proc/sys/net/ipv6/conf/$1/$setting"
  done
}

take_over() { # BRIDGE PORT
  if ! is_in "$2" "$1" && is_a_part "$2"; then fail "$2 is a part of another device"; fi
  if is_in "$2" "$1" && ! has_addresses "$2"; then return 0; fi
  hardware=$(ip -o link show dev "$2" | sed -n 's/.* link\/ether \([^ ]*\) .*/\1/p')
  [ -z "$hardware" ] || ip link set dev "$1" address "$hardware"
  if has_addresses "$2"; then take_settings "$1" "$2"; fi
  ip link set dev "$2" up
  ip link set dev "$1" up
  leased=no
  if has_lease "$2"; then leased=yes; fi
  move_and_ask "$2" "$1" "link set dev $2 master $1" "link set dev $2 nomaster" || fail "$1 was not made"
  if [ "$leased" = yes ]; then
    say "$2 had an address by DHCP, which is on $1 now. Its client would put it on $2 again: end that client without"
    say "giving the address back (dhclient -x -pf /run/dhclient.$2.pid $2, or dhcpcd -x $2) and start one on $1"
  fi
}
)sh";

const std::string_view remove_functions = R"sh(
# A bridge that a guest uses stays, and then all stay.
must_be_idle() { # BRIDGE PORT-OR-EMPTY
  if ! has_device "$1"; then return 0; fi
  is_bridge "$1" || fail "$1 is no bridge"
  others=$(ip -o link show master "$1" | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v -x -F -e "$2" || true)
  [ -z "$others" ] || fail "$1 is in use by $others; no bridge was removed"
}

remove_bridge() { # BRIDGE PORT-OR-EMPTY ADDRESS...
  if ! has_device "$1"; then return 0; fi
  bridge=$1
  port=$2
  shift 2
  for address in "$@"; do
    ip address delete "$address" dev "$bridge" 2>/dev/null || true
  done
  # a port that has left the bridge already, while addresses have not: a removal that was cut short
  if [ -n "$port" ] && has_device "$port" &&
    { is_in "$port" "$bridge" || { has_addresses "$bridge" && ! is_a_part "$port"; }; }; then
    ip link set dev "$port" up
    if ! move_and_ask "$bridge" "$port" "link set dev $port nomaster" "link set dev $port master $bridge"; then
      fail "$bridge was not removed"
    fi
  fi
  ip link delete dev "$bridge" type bridge
}

remove_vlan() { # DEVICE
  if has_device "$1" && ! has_addresses "$1"; then
    ip link delete dev "$1" type vlan
  fi
}
)sh";

} // namespace xen_drbd::script
