#!/bin/sh
# make-links, run for real: sh links_test.sh SCRIPT. SCRIPT is what make-links printed for two disks, root
# (minor 1) and data (minor 2), run by TEST_SHELL (dash). It runs in a mount namespace with a /dev of its own. Needs root.
set -eu

if [ "${OWN_DEV:-no}" = no ]; then
  OWN_DEV=yes exec unshare --mount -- sh "$0" "$@"
fi
script=$1
wrong() { echo "links_test: $*" >&2; exit 1; }
# shellcheck disable=SC2086 # a shell may be two words
run() { ${TEST_SHELL:-dash} "$script"; }
points() { [ "$(readlink "/dev/drbd/$1")" = "$2" ] || wrong "$1 points to $(readlink "/dev/drbd/$1"), not to $2"; }

mount -t tmpfs none /dev
mknod -m 666 /dev/null c 1 3

run || wrong "the first run failed"
points root /dev/drbd1
points data /dev/drbd2
run || wrong "the second run failed"
points root /dev/drbd1
[ "$(ls /dev/drbd)" = "data
root" ] || wrong "there is more than the two links"

ln -sfn /dev/drbd7 /dev/drbd/root
mkdir /dev/directory
ln -sfn /dev/directory /dev/drbd/data
run || wrong "the run over wrong links failed"
points root /dev/drbd1
points data /dev/drbd2
[ -z "$(ls /dev/directory)" ] || wrong "a link was followed"

rm /dev/drbd/root /dev/drbd/data
echo precious >/dev/drbd/data
if run 2>/dev/null; then wrong "a file in the way was not noticed"; fi
[ "$(cat /dev/drbd/data)" = precious ] || wrong "a file in the way was lost"
if [ -e /dev/drbd/root ] || [ -L /dev/drbd/root ]; then wrong "something was changed although a file was in the way"; fi
