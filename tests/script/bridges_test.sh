#!/bin/sh
# make-bridges and its inverse, run for real: sh bridges_test.sh MAKE REMOVE. The scripts are those of a node
# with xenbr0 on eth0 and an internal bridge dmz with 192.168.7.1/24, run by TEST_SHELL (dash). They run in a network
# namespace beside another that is the gateway; no address is used outside of them. Needs root.
set -eu

make=$1
remove=$2
scripts=$(dirname "$0")
node=xdnode$$
gateway=xdgate$$
ip=$(command -v ip)
lost=/tmp/$node # a folder of programs that stand in front of PATH
wrong() {
  echo "bridges_test: $*" >&2
  ip -n "$node" address show >&2
  ip -n "$node" route show >&2
  exit 1
}
# shellcheck disable=SC2086 # a shell may be two words
run() { "$ip" netns exec "$node" ${TEST_SHELL:-dash} "$1"; }
in_node() { ip netns exec "$node" "$@"; }

set_up() {
  tear_down
  ip netns add "$node"
  ip netns add "$gateway"
  ip link add eth0 netns "$node" type veth peer name eth0 netns "$gateway"
  ip -n "$node" link set lo up
  ip -n "$node" link set eth0 up
  ip -n "$gateway" link set eth0 up
  ip -n "$gateway" address add 10.99.0.1/24 dev eth0
  ip -n "$gateway" address add fd99::1/64 dev eth0 nodad
  ip -n "$node" address add 10.99.0.5/24 brd + dev eth0
  ip -n "$node" address add 10.99.0.6/24 dev eth0
  ip -n "$node" address add 10.98.0.5/32 dev eth0
  ip -n "$node" address add fd99::5/64 dev eth0 nodad
  ip -n "$node" route add default via 10.99.0.1 dev eth0 metric 100
  ip -n "$node" route add 10.50.0.0/16 via 10.99.0.1 dev eth0
  ip -n "$node" route add 10.51.0.0/16 dev eth0 table 100
  ip -n "$node" -6 route add default via fd99::1 dev eth0
  while ip -n "$node" -6 address show dev eth0 | grep -q ' tentative '; do sleep 0.1; done
}
tear_down() {
  ip netns delete "$node" 2>/dev/null || true
  ip netns delete "$gateway" 2>/dev/null || true
  rm -rf "$lost"
}
trap tear_down EXIT

# The global addresses and the routes of a device, without its name.
picture() {
  ip -n "$node" -o address show dev "$1" scope global | sed -e 's/^[0-9]*: [^ ]* *//' -e "s/ $1\\\\/ /" | sort
  ip -n "$node" route show table all dev "$1" | grep -v 'table local' | sort
  ip -n "$node" -6 route show dev "$1" | grep -v '^fe80' | sort
}
reaches() {
  in_node busybox ping -c 1 -W 2 10.99.0.1 >/dev/null || wrong "$1: the gateway is not reached over IPv4"
  in_node busybox ping -6 -c 1 -W 2 fd99::1 >/dev/null || wrong "$1: the gateway is not reached over IPv6"
}
is_taken_over() {
  [ "$(picture xenbr0)" = "$before" ] || wrong "$1: xenbr0 has not what eth0 had: $(picture xenbr0) instead of $before"
  [ -z "$(picture eth0)" ] || wrong "$1: eth0 still has something"
  ip -n "$node" -o link show eth0 | grep -q ' master xenbr0 ' || wrong "$1: eth0 is not in xenbr0"
  ip -n "$node" -o address show dmz | grep -q ' 192.168.7.1/24 brd 192.168.7.255 ' || wrong "$1: dmz has no address"
  reaches "$1"
}
is_as_before() {
  [ "$(picture eth0)" = "$before" ] || wrong "$1: eth0 has not what it had: $(picture eth0) instead of $before"
  if ip -n "$node" -o link show eth0 | grep -q ' master '; then wrong "$1: eth0 is in a bridge"; fi
}

set_up
before=$(picture eth0)
reaches "before"
run "$make" || wrong "the first run failed"
is_taken_over "after the first run"
run "$make" || wrong "the second run failed"
is_taken_over "after the second run"
run "$remove" || wrong "the removal failed"
is_as_before "after the removal"
reaches "after the removal"
for device in xenbr0 dmz; do
  if ip -n "$node" link show dev "$device" >/dev/null 2>&1; then wrong "$device is still there"; fi
done
run "$remove" || wrong "the second removal failed"
is_as_before "after the second removal"

# An interface that was taken down while it was in the bridge.
run "$make" || wrong "the run after a removal failed"
ip -n "$node" link set eth0 down
run "$remove" || wrong "the removal from an interface that is down failed"
is_as_before "after the removal from an interface that was down"

# A first run that ended half way: the bridge is there, eth0 is in it, its addresses are not.
ip -n "$node" link add xenbr0 type bridge
ip -n "$node" link set eth0 master xenbr0
run "$make" || wrong "the run after a half-done one failed"
is_taken_over "after a half-done run"

# A guest's interface in the bridge: it is not removed under its feet.
ip -n "$node" link add vif1.0 type veth peer name vif1.1
ip -n "$node" link set vif1.0 master xenbr0
if run "$remove" 2>/dev/null; then wrong "a bridge in use was removed"; fi
ip -n "$node" -o link show vif1.0 | grep -q ' master xenbr0 ' || wrong "the guest lost its bridge"
is_taken_over "after a refused removal"

# A gateway that answers before and not afterwards: everything is put back, and that is said. Programs stand in front of
# PATH: a ping that each gateway answers as often as a file says, and a sleep that takes the gateways away once their
# hardware addresses were asked for.
loses_a_gateway() { # WHAT GATEWAY...
  what=$1
  shift
  before=$(picture eth0)
  chmod 755 "$lost"/*
  if output=$(PATH="$lost:$PATH" run "$make" 2>&1); then wrong "$what: the loss was not noticed"; fi
  for gateway_lost in "$@"; do
    case $output in
    *"the gateway $gateway_lost answered before and not afterwards"*) ;;
    *) wrong "$what: the loss of $gateway_lost was not said: $output" ;;
    esac
  done
  [ "$(echo "$output" | grep -c 'answered before')" = $# ] || wrong "$what: more was said to be lost: $output"
  is_as_before "$what"
  if ip -n "$node" link show dev xenbr0 >/dev/null 2>&1; then wrong "$what: xenbr0 is still there"; fi
  rm -r "$lost"
}
pings() { # GATEWAY...: these answer once, others always
  mkdir -p "$lost"
  cat >"$lost/ping" <<PING
#!/bin/sh
for asked; do :; done
for silent in $*; do [ "\$silent" != "\$asked" ] || mkdir "\$0.\$asked" 2>/dev/null || exit 1; done
exit 0
PING
  printf '#!/bin/sh\nexec busybox sleep 0.1\n' >"$lost/sleep"
}

set_up
pings 10.99.0.1
loses_a_gateway "a ping that is lost over IPv4" 10.99.0.1
reaches "a ping that is lost over IPv4"

set_up
pings fd99::1
loses_a_gateway "a ping that is lost over IPv6" fd99::1
reaches "a ping that is lost over IPv6"

set_up
pings 10.99.0.1 fd99::1
loses_a_gateway "both pings are lost" 10.99.0.1 fd99::1

set_up
mkdir "$lost"
printf '#!/bin/sh\nexit 1\n' >"$lost/ping"
printf '#!/bin/sh\nbusybox sleep 0.4\nip -n %s address flush dev eth0\n' "$gateway" >"$lost/sleep"
loses_a_gateway "hardware addresses that are lost" 10.99.0.1 fd99::1

# Without a ping, in truth: the gateway goes silent over IPv6 alone while the bridge is made.
set_up
mkdir "$lost"
printf '#!/bin/sh\nexit 1\n' >"$lost/ping"
cat >"$lost/sleep" <<SLEEP
#!/bin/sh
busybox sleep 0.4
ip -n $gateway -6 address flush dev eth0 scope global
SLEEP
loses_a_gateway "the gateway is silent over IPv6 alone" fd99::1

# Default routes with several ways, and two of them with the same metric: all of them move, and all gateways are asked.
several_ways() {
  set_up
  ip -n "$gateway" address add 10.99.0.2/24 dev eth0
  ip -n "$gateway" address add fd99::2/64 dev eth0 nodad
  ip -n "$node" link add eth1 type veth peer name eth1.peer
  ip -n "$node" link set eth1 up
  ip -n "$node" link set eth1.peer up
  ip -n "$node" address add 10.97.0.5/24 dev eth1
  ip -n "$node" route replace default metric 100 nexthop via 10.99.0.1 dev eth0 nexthop via 10.99.0.2 dev eth0 weight 3
  ip -n "$node" route add 10.60.0.0/16 nexthop via 10.97.0.1 dev eth1 nexthop via 10.99.0.2 dev eth0
  ip -n "$node" route add 10.61.0.0/16 via 10.99.0.1 dev eth0 metric 7
  ip -n "$node" route append 10.61.0.0/16 via 10.99.0.2 dev eth0 metric 7
  ip -n "$node" -6 route append default via fd99::2 dev eth0
}
ways() { # DEVICE
  for family in 4 6; do
    ip -n "$node" "-$family" -o route show table all | grep " dev $1 " | grep -v -e 'table local' -e '^fe80::/64 ' \
      -e '^multicast ' | sed "s/ dev $1 / dev ONE /g; s/ *\$//" | sort -u
  done
}
several_ways
before=$(ways eth0)
[ "$(echo "$before" | grep -c nexthop)" = 3 ] || wrong "the routes with several ways are not as meant: $before"
run "$make" || wrong "routes with several ways stopped the run"
[ "$(ways xenbr0)" = "$before" ] || wrong "xenbr0 has not the ways of eth0: $(ways xenbr0) instead of $before"
[ -z "$(ways eth0)" ] || wrong "eth0 still has a way: $(ways eth0)"
reaches "with several ways"
run "$remove" || wrong "routes with several ways stopped the removal"
[ "$(ways eth0)" = "$before" ] || wrong "eth0 has not its ways again: $(ways eth0) instead of $before"

for second in 10.99.0.2 fd99::2; do
  several_ways
  ways=$(ways eth0)
  pings $second
  loses_a_gateway "the second way, $second, is lost" $second
  [ "$(ways eth0)" = "$ways" ] || wrong "after the loss of $second: $(ways eth0) instead of $ways"
done

# Addresses that end. A DHCP client's lose their end, since it does not renew them on the bridge, and it is said what to
# do with the client.
has() { # DEVICE ADDRESS LIFETIMES
  ip -n "$node" -o address show dev "$1" | grep " $2 " | grep -q " $3\$" || wrong "$1 has not $2 with $3"
}
set_up
ip -n "$node" address add 10.99.0.9/24 dev eth0 valid_lft 3000 preferred_lft 3000
ip -n "$node" address add fd99::9/128 dev eth0 valid_lft 3000 preferred_lft 3000 nodad
ip -n "$node" address add fd99::8/64 dev eth0 preferred_lft 0 nodad
said=$(run "$make" 2>&1) || wrong "addresses that end stopped the run: $said"
case $said in
*"eth0 had an address by DHCP, which is on xenbr0 now"*"dhclient -x -pf /run/dhclient.eth0.pid eth0"*) ;;
*) wrong "it is not said what to do with the DHCP client: $said" ;;
esac
has xenbr0 10.99.0.9/24 "valid_lft forever preferred_lft forever"
has xenbr0 fd99::9/128 "valid_lft forever preferred_lft forever"
has xenbr0 fd99::8/64 "valid_lft forever preferred_lft 0sec"

# An address and a gateway by router advertisements, on a node that forwards and takes them on eth0 all the same. They
# keep their end; the next advertisement, which the bridge takes, puts it off. No privacy address is moved.
ends_within() { # DEVICE SECONDS WHAT: both, within 300 seconds before that
  address=$(ip -n "$node" -o -6 address show dev "$1" mngtmpaddr | sed -n 's/.* valid_lft \([0-9]*\)sec .*/\1/p')
  route=$(ip -n "$node" -6 route show default dev "$1" | grep -m 1 " via $router ") || true
  route=$(echo "$route" | sed 's/.* expires \([0-9]*\)sec.*/\1/')
  for left in "${address:-0}" "${route:-0}"; do
    if [ "$left" -gt "$2" ] || [ "$left" -lt $(($2 - 300)) ]; then
      [ -z "${3-}" ] || wrong "$3: address and gateway of $1 end in ${address:-?} s and ${route:-?} s, not $2"
      return 1
    fi
  done
}
is_advertised() { # DEVICE SECONDS
  for _ in 1 2 3 4 5 6 7 8 9; do
    ip netns exec "$gateway" python3 "$scripts/advertise.py" eth0 fdaa:: "$2"
    sleep 0.2
    if ends_within "$1" "$2"; then return 0; fi
  done
  ends_within "$1" "$2" "an advertisement was not taken"
}
set_up
in_node sh -c 'cd /proc/sys/net/ipv6/conf; echo 1 >all/forwarding; echo 2 >eth0/accept_ra; echo 2 >eth0/use_tempaddr'
ip -n "$node" -6 route delete default
ip -n "$node" -6 address delete fd99::5/64 dev eth0
router=$(ip -n "$gateway" -o -6 address show dev eth0 scope link | sed 's/.* inet6 \([^/]*\).*/\1/')
is_advertised eth0 1000
[ -n "$(ip -n "$node" -o -6 address show dev eth0 temporary)" ] || wrong "eth0 has no privacy address"
mkdir "$lost"
printf '#!/bin/sh\nexec busybox ping "$@"\n' >"$lost/ping"
chmod 755 "$lost/ping"
PATH="$lost:$PATH" run "$make" || wrong "what a router advertised stopped the run"
ends_within xenbr0 1000 "after the first run"
[ -z "$(picture eth0)" ] || wrong "what was advertised is still on eth0: $(picture eth0)"
is_advertised xenbr0 2000
[ "$(ip -n "$node" -o -6 address show dev xenbr0 mngtmpaddr | wc -l)" = 1 ] || wrong "xenbr0 has a second address"
PATH="$lost:$PATH" run "$remove" || wrong "what a router advertised stopped the removal"
ends_within eth0 2000 "after the removal"
is_advertised eth0 3000

# And that gateway is lost.
cat >"$lost/ping" <<PING
#!/bin/sh
for asked; do :; done
[ "\$asked" != $router%xenbr0 ]
PING
if said=$(PATH="$lost:$PATH" run "$make" 2>&1); then wrong "the loss of $router was not noticed"; fi
case $said in *"the gateway $router answered before"*) ;; *) wrong "the loss of $router was not said: $said" ;; esac
ends_within eth0 3000 "after the loss of $router"
rm -r "$lost"

# A bridge that takes nothing over keeps its own ways with advertisements.
set_up
ip -n "$node" address flush dev eth0
ip -n "$node" -6 route flush dev eth0
ip -n "$node" link add xenbr0 type bridge
in_node sh -c 'cd /proc/sys/net/ipv6/conf; echo 0 >eth0/accept_ra; echo 1 >xenbr0/accept_ra'
run "$make" || wrong "an interface without addresses stopped the run"
[ "$(in_node cat /proc/sys/net/ipv6/conf/xenbr0/accept_ra)" = 1 ] || wrong "xenbr0 got the settings of a bare interface"

# Killed before each of its changes in turn, and run again, or the other way: all ends well. A program in front of PATH
# counts what ip is to change.
set_up
before=$(picture eth0)
mkdir "$lost"
printf '#!/bin/sh\nexit 0\n' >"$lost/ping"
cat >"$lost/ip" <<IP
#!/bin/sh
case "\$*" in *neighbour* | *show*) exec $ip "\$@" ;; esac
echo >>$lost/changes
if [ "\$(wc -l <$lost/changes)" = "\$(cat $lost/fatal)" ]; then
  kill -9 "\$PPID"
  exit 1
fi
exec $ip "\$@"
IP
chmod 755 "$lost"/*
run_to_its_end() { # SCRIPT WHEN
  echo none >"$lost/fatal"
  PATH="$lost:$PATH" run "$1" || wrong "$2: it failed"
}
is_killed() { # SCRIPT NUMBER: before its change of that number; false when it has not so many
  : >"$lost/changes"
  echo "$2" >"$lost/fatal"
  ended=0
  PATH="$lost:$PATH" run "$1" 2>/dev/null || ended=$?
  [ "$ended" != 0 ] || return 1
  [ "$(wc -l <"$lost/changes")" = "$2" ] || wrong "it ended with $ended before its change $2"
}
for first in "$make" "$remove"; do
  for second in "$make" "$remove"; do
    number=1
    [ "$first" = "$make" ] || run_to_its_end "$make" "before it is killed"
    while is_killed "$first" "$number"; do
      state="killed before change $number of ${first##*/}, then ${second##*/}"
      run_to_its_end "$second" "$state"
      if [ "$second" = "$make" ]; then is_taken_over "$state"; else is_as_before "$state"; fi
      case $first$second in
      "$make$make") run_to_its_end "$remove" "$state" ;;
      "$remove$remove") run_to_its_end "$make" "$state" ;;
      esac
      number=$((number + 1))
    done
    [ "$number" -gt 5 ] || wrong "${first##*/} has but $number changes"
    [ "$first" = "$remove" ] || run_to_its_end "$remove" "after it was not killed"
  done
done
rm -r "$lost"

# A bridge that cannot be made leaves nothing behind; one that was there already, and those before it, stay.
for there in no yes; do
  set_up
  ip -n "$node" link add other type bridge
  ip -n "$node" link set eth0 master other
  [ "$there" = no ] || ip -n "$node" link add xenbr0 type bridge
  if said=$(run "$make" 2>&1); then wrong "a part of another bridge was taken"; fi
  case $said in *"eth0 is a part of another device"*) ;; *) wrong "it was said: $said" ;; esac
  is_there=no
  if ip -n "$node" link show dev xenbr0 >/dev/null 2>&1; then is_there=yes; fi
  [ "$is_there" = "$there" ] || wrong "xenbr0 is there: $is_there, and was there: $there"
done

# A kernel without IPv6 refuses all questions of that family.
set_up
ip -n "$node" -6 address flush dev eth0
ip -n "$node" -6 route flush dev eth0
before=$(ways eth0)
mkdir "$lost"
cat >"$lost/ip" <<IP
#!/bin/sh
[ "\$1" != -6 ] || exit 255
exec $ip "\$@"
IP
chmod 755 "$lost/ip"
PATH="$lost:$PATH" run "$make" || wrong "a kernel without IPv6 stopped the run"
[ "$(ways xenbr0)" = "$before" ] || wrong "without IPv6, xenbr0 has not what eth0 had: $(ways xenbr0)"
PATH="$lost:$PATH" run "$remove" || wrong "a kernel without IPv6 stopped the removal"
[ "$(ways eth0)" = "$before" ] || wrong "without IPv6, eth0 has not what it had: $(ways eth0)"
rm -r "$lost"

# A gateway that never answered is no reason to stop.
set_up
ip -n "$gateway" link set eth0 down
before=$(ip -n "$node" -o address show dev eth0 scope global | wc -l)
run "$make" || wrong "a gateway that never answered stopped the run"
[ "$(ip -n "$node" -o address show dev xenbr0 scope global | wc -l)" = "$before" ] || wrong "addresses were lost"
