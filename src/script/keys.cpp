#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/script/script.hpp"

#include <fmt/format.h>

namespace xen_drbd::script {
namespace {

constexpr std::string_view functions = R"sh(
say() { echo "make-keys: $*" >&2; }
fail() { say "$*"; exit 1; }

fingerprints() { # HOST-KEYS
  printf '%s\n' "$1" | ssh-keygen -lf - | sed 's/^[0-9]* \([^ ]*\) .*/\1/'
}

# Shows the fingerprint, and goes on only when it was compared.
compare() { # HOST-KEY
  shown=$(fingerprints "$1")
  if [ -n "${PEER_FINGERPRINT:-}" ]; then
    [ "$shown" = "$PEER_FINGERPRINT" ] ||
      fail "$peer shows the host key $shown, and $PEER_FINGERPRINT was expected; nothing was entered"
    return 0
  fi
  (: </dev/tty) 2>/dev/null ||
    fail "there is no terminal to ask at: look at the host key on the console of $peer, then" \
      "PEER_FINGERPRINT=SHA256:... before the sh that reads this script"
  {
    echo "$peer shows the host key"
    echo "  $shown"
    echo "On the console of $peer, this prints the right one:"
    echo "  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
    printf 'Are they the same? Type yes: '
  } >/dev/tty
  answer=
  read -r answer </dev/tty || true
  [ "$answer" = yes ] || fail "nothing was entered"
}

# For each key that the peer shows: same where it is known, its type where only other keys of that type are.
judge() { # HOST-KEYS KNOWN REVOKED
  printf '%s\n' "$1" | while read -r _ type key; do
    [ -n "$key" ] || continue
    case $3 in *" $key"*) echo revoked ;; esac
    case $2 in
    *" $type $key"*) echo same ;;
    *" $type "*) echo "$type" ;;
    esac
  done
}

learn_host_key() { # KNOWN-HOSTS-FILE
  name=$address
  [ "$port" = 22 ] || name="[$address]:$port"
  found=$(ssh-keygen -F "$name" -f "$1" 2>/dev/null | tr '\t' ' ' || true)
  known=$(printf '%s\n' "$found" | grep -v '^[#@]' || true)
  host_keys=$(ssh-keyscan -T 5 -p "$port" "$address" 2>/dev/null | grep -v '^#' || true)
  judged=$(judge "$host_keys" "$known" "$(printf '%s\n' "$found" | grep '^@revoked' || true)")
  case $judged in *revoked*) fail "the host key that $peer shows is marked @revoked in $1" ;; esac
  changed=$(printf '%s\n' "$judged" | grep -v -x same | head -n 1)
  case $judged in *same*) [ -z "$changed" ] || say "$1 also has $changed keys for $name that $peer does not show"; changed= ;; esac
  if [ -n "$changed" ]; then
    type=${changed#ssh-}
    shown=$(fingerprints "$(printf '%s\n' "$host_keys" | grep -F " $changed ")")
    known=$(fingerprints "$(printf '%s\n' "$known" | grep -F " $changed ")" | tr '\n' ' ')
    fail "the host key of $peer has changed: it shows $shown, and $1 has ${known}for $name; nothing was entered. Ask" \
      "the administrator of $peer whether it has a new one; on its console, this prints the right one: ssh-keygen -lf" \
      "/etc/ssh/ssh_host_${type%%-*}_key.pub. If $peer shows that one: $forget; then make-keys once more"
  fi
  case $found in *@cert-authority*) judged=same ;; esac
  [ -n "$host_keys" ] || [ -z "$known" ] || judged=same # there is nothing to compare it with now
  if [ -n "$judged" ]; then
    say "the host key of $peer is known already"
    return 0
  fi
  host_key=$(printf '%s\n' "$host_keys" | grep ' ssh-ed25519 ' || true)
  [ -n "$host_key" ] || fail "no SSH server with an ed25519 host key answers at $address port $port"
  compare "$host_key"
  mkdir -p "${1%/*}"
  printf '%s\n' "$host_key" >>"$1"
  say "the host key of $peer was entered into $1"
}

make_key() { # FILE
  if [ -e "$1" ]; then
    say "the key $1 is there already"
  else
    mkdir -p "${1%/*}"
    ssh-keygen -q -t ed25519 -N '' -C "$comment" -f "$1"
    say "the key $1 was made"
  fi
}

# What the peer does with the key, which comes with its options as arguments. A restricted line is entered only after
# what stands in it was tried: it may take the place of one with which this node gets in.
far_script() {
  cat <<'FAR'
put_key() { # OVER-SSH RESTRICT-TO-TOPOLOGY-OR-- TYPE KEY COMMENT FROM-NAME...
  set -eu
  umask 077
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  over_ssh=$1 topology=$2 type=$3 key=$4 comment=$5
  shift 5
  refuse() { echo "$*; nothing was entered" >&2; exit 3; }
  line="$type $key $comment"
  if [ "$topology" != - ]; then
    tool=$(command -v xen-drbd) || refuse "xen-drbd is not installed there"
    from=$(for name; do getent ahosts "$name" | while read -r at _; do echo "$at"; done; done | sort -u |
      grep -v -e '^127\.' -e '^::1$' | tr '\n' ',')
    [ -n "$from" ] || refuse "$* does not resolve there"
    at=${SSH_CONNECTION-}
    if [ "$over_ssh" = yes ]; then
      case ,$from in *,"${at%% *}",*) ;; *)
        refuse "the connection comes from ${at%% *}, and $* resolves there to ${from%,}: see to the addresses in the topology" \
          "and to /etc/hosts there"
      esac
    fi
    SSH_ORIGINAL_COMMAND=true "$tool" ssh-gate "$topology" </dev/null ||
      refuse "xen-drbd there cannot use $topology yet"
    echo "the key is let in for xen-drbd alone, from ${from%,}" >&2
    line="restrict,from=\"${from%,}\",command=\"$tool ssh-gate $topology\" $line"
  fi
  mkdir -p ~/.ssh
  file=~/.ssh/authorized_keys
  touch "$file"
  if grep -q -x -F -e "$line" "$file"; then return 0; fi
  grep -v -F -e "$key" "$file" >"$file.new" || true
  printf '%s\n' "$line" >>"$file.new"
  mv "$file.new" "$file"
}
FAR
  echo "put_key $*"
}

reach() { # COMMAND SSH-OPTION...
  wanted=$1
  shift
  ssh -F "$config" -T -p "$port" -l "$user" -o NumberOfPasswordPrompts=1 -o StrictHostKeyChecking=yes \
    -o UserKnownHostsFile="$known_hosts" -o ConnectTimeout=5 "$@" -- "$address" "$wanted"
}

# Whether the peer runs a command for this very key: not for one of an agent, or over a connection that is open already.
# After failed logins sshd hangs up on this node for a while (PerSourcePenalties): it is asked again then, a minute long.
obeys() { # COMMAND
  tries=20
  while :; do
    code=0
    problem=$(reach "$1" -i "$identity" -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
      -o ControlPath=none </dev/null 2>&1 >/dev/null) || code=$?
    case $code$problem in
    *'Permission denied'*) return "$code" ;;
    255*kex_exchange_identification* | 255*'Connection closed by '* | 255*'Connection reset by '*) ;;
    *) return "$code" ;;
    esac
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "sshd on $peer hangs up before it looks at any key; see its log there. After failed logins" \
      "it does so for some minutes (PerSourcePenalties in man sshd_config): wait, then make-keys once more"
    [ "$tries" -lt 19 ] || say "sshd on $peer hangs up, as it does for a while after failed logins; trying again"
    sleep 3
  done
}

# What the key reaches there. The gate of a restricted key lets the first of these two through.
reached() {
  code=0
  obeys true || code=$?
  case $code in
  0) if obeys :; then echo all; else echo xen-drbd; fi ;;
  255) echo nothing ;;
  *) echo refusals ;;
  esac
}

put_key() { # TOPOLOGY-OR-- FROM-NAME...
  read -r type key _ <"$identity.pub"
  case $type$key in *[!A-Za-z0-9+/=-]*) fail "$identity.pub holds no public key" ;; esac
  topology=$1
  shift
  wanted_reach=xen-drbd
  [ "$topology" != - ] || wanted_reach=all
  alone=
  [ "$topology" = - ] || alone=', to xen-drbd alone'
  now=$(reached)
  if [ "$now" = "$wanted_reach" ]; then
    say "$peer lets the key in already$alone"
    return 0
  fi
  case $now in
  xen-drbd | refusals)
    say "$peer lets the key in to xen-drbd alone, and it cannot change that itself"
    key_option=-oIdentityFile=none
    ;;
  *) key_option=-i$identity ;;
  esac
  say "ssh may ask for the password of $user on $peer now. Debian's sshd asks, and takes none from root:" \
    "press Enter then, and what to run on $peer instead is said"
  code=0
  far_script yes "$topology" "$type" "$key" "$comment" "$@" | reach "sh -s" "$key_option" || code=$?
  [ "$code" != 3 ] || fail "nothing was changed on $peer"
  if [ "$code" = 0 ]; then
    say "the key was put on $peer"
    now=$(reached)
    [ "$now" = "$wanted_reach" ] || fail "it was tried, and reaches $now there instead of $wanted_reach. See what sshd's" \
      "log on $peer says of it. Its line is the last one in ~$user/.ssh/authorized_keys there; a line before it, or" \
      "another file that sshd reads, may count as well"
    say "$peer lets the key in$alone"
    return 0
  fi
  say "the key could not be put on $peer. Run this there, as $user, and then make-keys here once more, which tries it:"
  echo "sh <<'KEY'" >&2
  far_script no "$topology" "$type" "$key" "$comment" "$@" >&2
  echo "KEY" >&2
  exit 1
}
)sh";

} // namespace

std::string make_keys(const model::Topology& topology, model::NodeId this_node, bool restricted) {
  const model::Node& here = topology.node(this_node);
  const model::Node& peer = topology.node(other(this_node));
  const std::string identity = topology.ssh.identity_file.value_or("/root/.ssh/id_ed25519");
  std::string from = shell_quote(here.address.str());
  const std::string alias =
      topology.ssh.port == 22 ? peer.address.str() : fmt::format("[{}]:{}", peer.address.str(), topology.ssh.port);
  if (here.migration_address != here.address) from += " " + shell_quote(here.migration_address.str());
  return fmt::format(
      R"sh(#!/bin/sh
# Makes the SSH key of {0}, learns the host key of {1}, and puts the key on {1}.
# May be run again at any time. Needs the client of OpenSSH.
{{ # nothing is done before the last line was read
{2}
make_keys() {{
  set -eu
  umask 077
  peer={1}
  address={3}
  port={4}
  user={5}
  identity={6}
  known_hosts={7}
  forget={11}
  config={8}
  comment=xen-drbd@{0}

  learn_host_key "$known_hosts"
  make_key "$identity"
  put_key {9} {10}
}}

make_keys; }}
)sh",
      here.name.str(), peer.name.str(), functions, shell_quote(peer.address.str()), topology.ssh.port,
      shell_quote(topology.ssh.user), shell_quote(identity), shell_quote(topology.ssh.known_hosts_file),
      shell_quote(topology.ssh.config_file.value_or("none")), restricted ? shell_quote(topology.path) : "-", from,
      shell_quote(
          fmt::format("ssh-keygen -R {} -f {}", shell_quote(alias), shell_quote(topology.ssh.known_hosts_file))));
}

} // namespace xen_drbd::script
