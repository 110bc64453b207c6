#!/bin/sh
# make-bridges and its inverse, run for real: sh bridges_test.sh MAKE REMOVE. The scripts are those of a node
# with xenbr0 on eth0 and an internal bridge dmz with 192.168.7.1/24, run by TEST_SHELL (dash). They run in a network
# namespace beside another that is the gateway; no address is used outside of them. Needs root.
set -eu

make=$1
remove=$2
node=xdnode$$
gateway=xdgate$$
wrong() {
  echo "bridges_test: $*" >&2
  ip -n "$node" address show >&2
  ip -n "$node" route show >&2
  exit 1
}
# shellcheck disable=SC2086 # a shell may be two words
run() { ip netns exec "$node" ${TEST_SHELL:-dash} "$1"; }
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
}
tear_down() {
  ip netns delete "$node" 2>/dev/null || true
  ip netns delete "$gateway" 2>/dev/null || true
  rm -rf "/tmp/$node"
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

# A gateway that answers before and not afterwards: everything is put back, and that is said. Two programs stand in
# front of PATH, one after the other: a ping that answers once, and (with no ping) a sleep that takes the gateway away
# once its hardware address was asked for.
lost=/tmp/$node
loses_the_gateway() { # WHAT
  before=$(picture eth0)
  chmod 755 "$lost"/*
  if output=$(PATH="$lost:$PATH" run "$make" 2>&1); then wrong "$1: the loss was not noticed"; fi
  case $output in *"the gateway 10.99.0.1 answered before"*) ;; *) wrong "$1: the loss was not said: $output" ;; esac
  is_as_before "$1"
  if ip -n "$node" link show dev xenbr0 >/dev/null 2>&1; then wrong "$1: xenbr0 is still there"; fi
  rm -r "$lost"
}

set_up
mkdir "$lost"
cat >"$lost/ping" <<'PING'
#!/bin/sh
[ ! -e "$0.asked" ] || exit 1
: >"$0.asked"
PING
loses_the_gateway "a ping that is lost"
reaches "a ping that is lost"

set_up
mkdir "$lost"
printf '#!/bin/sh\nexit 1\n' >"$lost/ping"
printf '#!/bin/sh\nbusybox sleep 1\nip -n %s address flush dev eth0\n' "$gateway" >"$lost/sleep"
loses_the_gateway "a hardware address that is lost"

# A gateway that never answered is no reason to stop.
set_up
ip -n "$gateway" link set eth0 down
before=$(ip -n "$node" -o address show dev eth0 scope global | wc -l)
run "$make" || wrong "a gateway that never answered stopped the run"
[ "$(ip -n "$node" -o address show dev xenbr0 scope global | wc -l)" = "$before" ] || wrong "addresses were lost"
