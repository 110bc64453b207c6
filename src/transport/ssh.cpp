#include "xen_drbd/transport/ssh.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace xen_drbd::transport {

namespace {

Error refused(std::string what, std::string because) {
  return Error{.kind = ErrorKind::topology,
               .what = std::move(what),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

// ssh splits values at blanks, unless quoted, and expands ${...} in file names.
Result<> check_value(const std::string& name) {
  const bool odd = std::any_of(name.begin(), name.end(), [](unsigned char byte) {
    return byte <= ' ' || byte == 0x7f || byte == '"' || byte == '\'' || byte == '\\' || byte == '$';
  });
  if (odd) return refused("ssh cannot be given '" + printable(name) + "'", "ssh would split or expand it");
  return {};
}

// ssh expands % in file names too, but lets it be doubled.
Result<std::string> file_name(const std::string& name) {
  XEN_DRBD_CHECK(check_value(name));
  std::string escaped;
  for (const char byte : name) escaped += byte == '%' ? std::string("%%") : std::string(1, byte);
  return escaped;
}

// Which of ssh's options a user may give, those that take a value with it.
constexpr std::string_view plain_options = "46AaCgqvXxY";
constexpr std::string_view options_with_value = "BbcDIiJLlmopR";

// Walks the user's words as ssh's own getopt does.
Result<> check_options(const std::vector<std::string>& options) {
  const auto wrong = [](const std::string& word, std::string because) {
    return refused("migrate_ssh_options may not hold '" + printable(word) + "'", std::move(because));
  };
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string& word = options[i];
    if (word.find('\0') != std::string::npos) return wrong(word, "it holds a NUL byte");
    if (word.size() < 2 || word.front() != '-') return wrong(word, "ssh would take it for the host");
    for (std::size_t at = 1; at < word.size(); ++at) {
      if (plain_options.find(word[at]) != std::string_view::npos) continue;
      if (options_with_value.find(word[at]) == std::string_view::npos)
        return wrong(word, fmt::format("-{} undoes what a migration needs, or is unknown", word[at]));
      if (at + 1 == word.size() && ++i == options.size()) return wrong(word, "its value is missing");
      break;
    }
  }
  return {};
}

// What runs at the far end. $1 identity, $2 run directory, $3 domain, $4 systemd's directory, then the words. The pid
// and the start time stay what they are through the exec, and through that of systemd-run --scope.
constexpr std::string_view far_script = R"(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
id=$1 run=$2 domain=$3 systemd=$4
shift 4
found=
read -r found 2>/dev/null <"$run/id"
if [ -z "$found" ] || [ "$found" != "$id" ]; then
  echo "xen-drbd: this is not the boot of the node that was asked for: $run/id has '$found', not '$id'" >&2
  exit 97
fi
record() {
  read -r stat <"/proc/$$/stat" || return 1
  pid=$$ file=$run/receive-$domain
  set -- ${stat##*) }
  (umask 077 && echo "$pid ${20}" >"$file.new" && mv -f "$file.new" "$file")
}
if ! record; then
  echo "xen-drbd: the receiver of $domain could not be recorded in $run" >&2
  exit 98
fi
if [ -d "$systemd" ] && command -v systemd-run >/dev/null 2>&1; then
  exec systemd-run --quiet --scope --slice=system.slice --property=Before=xen-drbd-guests.target -- "$@"
fi
exec "$@")";

} // namespace

Result<std::vector<std::string>> ssh_argv(const SshTarget& target, const std::string& remote_command) {
  XEN_DRBD_TRY(const std::string identity, file_name(target.identity));
  XEN_DRBD_TRY(const std::string known_hosts, file_name(target.known_hosts));
  XEN_DRBD_CHECK(check_value(target.host_key_alias));
  XEN_DRBD_CHECK(check_options(target.options));
  const auto seconds = std::max<std::int64_t>(1, (target.connect_timeout.count() + 999) / 1000);

  std::vector<std::string> argv{"ssh", "-F", target.config_file.empty() ? "none" : target.config_file};
  const auto add = [&argv](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
  add({"-T", "-p", std::to_string(target.port), "-l", target.user});
  if (!identity.empty()) add({"-i", identity});
  if (!known_hosts.empty()) add({"-o", "UserKnownHostsFile=" + known_hosts});
  add({"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"});
  if (!target.host_key_alias.empty()) add({"-o", "HostKeyAlias=" + target.host_key_alias});
  add({"-o", "ConnectTimeout=" + std::to_string(seconds)});
  add({"-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3", "-o", "ControlPath=none"});
  argv.insert(argv.end(), target.options.begin(), target.options.end());
  add({"--", target.address.str(), remote_command});
  return argv;
}

std::string far_command(const FarCommand& command) {
  std::vector<std::string> argv{"exec",
                                "/bin/sh",
                                "-c",
                                std::string(far_script),
                                "xen-drbd",
                                command.identity,
                                command.run_directory,
                                command.domain.str(),
                                command.systemd_directory};
  argv.insert(argv.end(), command.words.begin(), command.words.end());
  return shell_join(argv);
}

std::optional<FarCommand> parse_far_command(std::string_view text) {
  const auto words = shell_split(text);
  constexpr std::size_t own_words = 9;
  if (!words || words->size() <= own_words) return std::nullopt;
  const auto domain = DomainName::parse((*words)[7]);
  if (!domain) return std::nullopt;
  FarCommand command{.identity = (*words)[5],
                     .domain = *domain,
                     .words = {words->begin() + own_words, words->end()},
                     .run_directory = (*words)[6],
                     .systemd_directory = (*words)[8]};
  if (far_command(command) != text) return std::nullopt;
  return command;
}

bool is_receiver(std::span<const std::string> words) {
  const auto only = [](std::string_view word, std::string_view letters) {
    return word.size() > 1 && word.front() == '-' && word.find_first_not_of(letters, 1) == word.npos;
  };
  std::size_t at = 0;
  if (at == words.size() || words[at++] != "xl") return false;
  while (at < words.size() && only(words[at], "vt")) ++at;
  if (at == words.size() || words[at++] != "migrate-receive") return false;
  while (at < words.size() && only(words[at], "edp")) ++at;
  return at == words.size();
}

Result<Receiver> parse_receiver(std::string_view text) {
  const auto parts = words(trimmed(text));
  const auto number = [](std::string_view word, auto& value) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc{} && end == word.data() + word.size();
  };
  Receiver receiver;
  if (parts.size() == 2 && number(parts[0], receiver.pid) && number(parts[1], receiver.start_time) && receiver.pid > 0)
    return receiver;
  return Error{.kind = ErrorKind::failed,
               .what = "the record of a migration's receiver is not understood: " + printable(text.substr(0, 200)),
               .because = "it must hold a pid and a start time",
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

} // namespace xen_drbd::transport
