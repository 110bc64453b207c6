#pragma once
// How the far end of a migration is reached: the ssh that a transport runs, and what it runs over there. All pure.

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/result.hpp"
#include "xen_drbd/base/units.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::transport {

struct SshTarget {
  Address address;
  std::string user;
  unsigned port = 22;
  std::string identity;       ///< private key file; empty: ssh's defaults
  std::string known_hosts;    ///< empty: ssh's default
  std::string config_file;    ///< empty: none is read, neither the user's nor the system's
  std::string host_key_alias; ///< the name under which the verified key stands in known_hosts; empty: the address
  Milliseconds connect_timeout{5000};
  std::vector<std::string> options; ///< migrate_ssh_options, as words: "-c", "aes128-gcm@openssh.com"
};

/// The argument vector of the ssh of a migration: the fixed options of rule 5.7 first, then the user's, then `--`, the
/// address and `remote_command` as one word. ssh takes the first value of an option, so the fixed ones stand.
/// There is no IdentitiesOnly: an agent may hold the key here as it may for every other connection to the node.
/// Fails: ErrorKind::topology for a user's option that would undo a fixed one all the same (-F and -S: the last one
/// counts), detach ssh from the stream (-n, -f, -N, -t, ...) or be taken for the host; and for a file name that ssh
/// would expand or split. Source: ssh(1), ssh_config(5), OpenSSH 9.2.
[[nodiscard]] Result<std::vector<std::string>> ssh_argv(const SshTarget& target, const std::string& remote_command);

struct FarCommand {
  std::string identity;                                  ///< of the node's boot, as RUN_DIRECTORY/id must have it
  DomainName domain;                                     ///< names the record of the receiver
  std::vector<std::string> words;                        ///< xl migrate-receive and options (Hello::words)
  std::string run_directory = "/run/xen-drbd";           ///< of the far node
  std::string systemd_directory = "/run/systemd/system"; ///< exists where systemd runs
};

/// The exit status of a far command that found another identity than it was told, and its message's first words.
/// The accident it prevents: memory sent to a clone, or to another machine behind the same address (rule 5.1).
inline constexpr int wrong_identity_status = 97;
/// The exit status of a far command that could not record its pid.
inline constexpr int no_record_status = 98;

/// The remote command, for any login shell that knows single quotes: a POSIX sh that checks the identity, writes
/// RUN_DIRECTORY/receive-DOMAIN ("PID STARTTIME", see parse_receiver) and becomes `words`; where systemd runs, in a
/// scope of system.slice, because a login session ends early at shutdown, and one that outlives STOP_ACTION
/// (init/xen-drbd-guests.target). stdout is left to `words`.
[[nodiscard]] std::string far_command(const FarCommand& command);

/// The inverse, for a node that gets such a text: nothing unless far_command would make exactly this text.
[[nodiscard]] std::optional<FarCommand> parse_far_command(std::string_view text);

/// Whether the words are those of an xl that receives: `xl migrate-receive`, and of xl's options those that concern the
/// one migration (-e -d -p, and -v and -t before). Source: xen tools/xl/xl_migrate.c main_migrate_receive.
[[nodiscard]] bool is_receiver(std::span<const std::string> words);

/// The process that receives a migration: `start_time` is field 22 of /proc/PID/stat, so that a later process with the
/// same pid is never taken for it. Units: clock ticks since boot.
struct Receiver {
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const Receiver&) const = default;
};

/// Reads a receive-DOMAIN file. Fails: ErrorKind::failed for a text of another form.
[[nodiscard]] Result<Receiver> parse_receiver(std::string_view text);

} // namespace xen_drbd::transport
