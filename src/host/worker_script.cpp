#include "worker_script.hpp"

namespace xen_drbd::host {

// clang-format off
const std::string_view worker_script = R"sh(
# the worker of xen-drbd
set -f
unset ENV BASH_ENV CDPATH frame beat run dir tick line turn id n asked child files codes now last quiet holder held problem
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
cd / || exit 1
nl='
'

# note TEXT: one line, one write
note() { printf '%s %s\n' "$beat" "${1%%"$nl"*}"; }

# store ID N: makes the two files of a command's output; false when there is no room for them
store() {
  printf '%s out %s %s\n' "$frame" "$1" "$2" >"$dir/$1.$2.o" &&
    printf '%s err %s %s\n' "$frame" "$1" "$2" >"$dir/$1.$2.e"
}

# seal ID N: what a daemon left behind still writes there comes after this and is not read
seal() {
  printf '%s cut\n' "$frame" >>"$dir/$1.$2.o"
  printf '%s cut\n' "$frame" >>"$dir/$1.$2.e"
}

# answer ID CODES FILE...: whole answers, one at a time
answer() {
  id=$1
  codes=$2
  shift 2
  [ $# -eq 0 ] || flock "$dir/answers" cat "$@"
  note "done $id$codes"
  [ $# -eq 0 ] || rm -f "$@"
}

# The questions are asked at once, so that several which hang take no longer than one.
ask() {
  id=$1 n=0 asked='' files='' codes=''
  shift
  while [ $# -gt 1 ]; do
    n=$((n + 1))
    if store "$id" "$n"; then
      (eval "exec timeout -k 1 $1 $2") >>"$dir/$id.$n.o" 2>>"$dir/$id.$n.e" &
      asked="$asked $!"
    else
      asked="$asked -"
    fi
    shift 2
  done
  n=0
  for child in $asked; do
    n=$((n + 1))
    if [ "$child" = - ]; then
      codes="$codes -"
      continue
    fi
    wait "$child"
    codes="$codes $?"
    seal "$id" "$n"
    files="$files \"\$dir/$id.$n.o\" \"\$dir/$id.$n.e\""
  done
  eval "answer $id '$codes' $files"
}

# scope COMMAND...: becomes the command, and all that it leaves behind is in a scope of its own where systemd runs
scope() {
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    exec systemd-run --quiet --scope --slice=system.slice --property=Before=xen-drbd-guests.target -- "$@"
  fi
  exec "$@"
}

# act ID "exec COMMAND" or "scope COMMAND"
# The lock is let go before the answer, so that a client that does not read cannot keep it. What ends a session by signals
# does not reach the command in its scope: the lock must not be let go before that has ended, either.
act() {
  trap '' HUP INT TERM
  if store "$1" 1; then
    (trap - HUP INT TERM; eval "$2") >>"$dir/$1.1.o" 2>>"$dir/$1.1.e" 9>&-
    codes=" $?"
    exec 9>&-
    seal "$1" 1
    answer "$1" "$codes" "$dir/$1.1.o" "$dir/$1.1.e"
  else
    exec 9>&-
    answer "$1" ' -'
  fi
}

lock() {
  if [ "$held" ]; then
    printf '%s\n' "$2" >"$run/lock"
    note "lock $1 taken"
    return
  fi
  if [ -L "$run" ] || [ -L "$run/lock" ]; then
    note "lock $1 failed $run is a symbolic link, or its lock is"
    return
  fi
  if ! problem=$(exec 2>&1; umask 077; chmod 0700 "$run" && : >>"$run/lock"); then
    note "lock $1 failed $run/lock cannot be used: $problem"
    return
  fi
  exec 9<>"$run/lock"
  flock -n 9
  case $? in
  0)
    held=yes
    printf '%s\n' "$2" >"$run/lock"
    note "lock $1 taken"
    ;;
  1)
    exec 9>&-
    holder=
    read -r holder <"$run/lock"
    note "lock $1 busy $(printf '%.1000s' "$holder")"
    ;;
  *)
    exec 9>&-
    note "lock $1 failed flock does not work on $run/lock"
    ;;
  esac
}

# Ends the worker when no line came for 15 ticks, and clears away after it however it ended.
watch() {
  last='' quiet=0
  while kill -0 "$1" 2>/dev/null && read -r now <"$dir/turn"; do
    if [ "$now" != "$last" ]; then
      last=$now quiet=0
    elif [ $quiet -ge 15 ]; then
      kill -KILL "$1"
      break
    fi
    quiet=$((quiet + 1))
    sleep "$tick" || break
  done
  rm -rf "$dir"
}

IFS= read -r line || exit 0
eval "set -- $line"
frame=$1 beat=$2 run=$3 dir=$3/$4 tick=$5 turn=1000000000 held=''
if ! problem=$(exec 2>&1; umask 077; mkdir -p "$run" "$dir" && echo $turn >"$dir/turn"); then
  rm -rf "$dir"
  note "failed 0 $problem"
  exit 1
fi
# in a subshell: dash would keep copies of redirected descriptors in a function
(watch $$) </dev/null >/dev/null 2>&1 &
note 'hello 0'

while IFS= read -r line; do
  # in place, so that it works on a full file system
  turn=$((turn + 1))
  echo $turn 1<>"$dir/turn"
  eval "set -- $line"
  case $1 in
  beat) note "beat $2" ;;
  ask) shift; (ask "$@" &) </dev/null 9>&- ;;
  act) shift; (act "$@" &) </dev/null ;;
  lock) lock "$2" "$3" ;;
  unlock) exec 9>&-; held=''; note "unlock $2" ;;
  esac
done
exec 9>&-
rm -rf "$dir"
)sh";
// clang-format on

} // namespace xen_drbd::host
