#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "answer.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace xen_drbd::xen {
namespace {

// One find names the xl processes; only those cost a fork each. It must also have found this shell, so that a /proc
// which is not ours, or a find that sees nothing, fails. find ends with 1 when a process went away meanwhile. The
// kernel names a log by where it lies in the end: with /var/log on another disk, behind a link, no watcher was seen.
constexpr const char* processes_script = R"sh(
read -r pid rest </proc/self/stat && [ "$pid" = "$$" ] || { echo "/proc does not show this process" >&2; exit 3; }
found=$(find /proc/[0-9]*/exe -maxdepth 0 \( -lname '*/xl' -o -lname '*/xl (deleted)' \
  -o -path "/proc/$$/exe" -lname '*' \) 2>/dev/null)
[ $? -le 1 ] || { echo "find failed in /proc" >&2; exit 3; }
nl='
'
logs=$(readlink -f /var/log/xen 2>/dev/null) || logs=/var/log/xen
seen=
for exe in $found; do
  process=${exe%/exe}
  [ "$process" != "/proc/$$" ] || { seen=yes; continue; }
  out=$(readlink "$process/fd/1" 2>/dev/null) || readlink "$exe" >/dev/null 2>&1 || continue
  case $out in
  /var/log/xen/xl-* | "$logs"/xl-* | /var/log/xen/*/xl-* | "$logs"/*/xl-*) printf 'log %s %s\n' "${process#/proc/}" "${out%%"$nl"*}" ;;
  *)
    echo "xl ${process#/proc/}"
    { tr '\0\n' '\n?' <"$process/cmdline" | sed 's/^/ /'; } 2>/dev/null
    ;;
  esac
done
[ "$seen" = yes ] || { echo "/proc hides the executable of this process" >&2; exit 3; }
echo end
)sh";

constexpr std::string_view incoming = "--incoming";

Error no_processes(std::string because) {
  return unreadable("the xl processes could not be listed", std::move(because));
}

/// NAME of ".../xl-NAME.log", also when the log was rotated away or deleted since; empty when it is no such log.
std::string_view name_of_log(std::string_view path) {
  constexpr std::string_view deleted = " (deleted)";
  constexpr std::string_view ending = ".log";
  if (path.ends_with(deleted)) path.remove_suffix(deleted.size());
  path.remove_prefix(std::min(path.size(), path.find_last_of('/') + 1));
  if (!path.starts_with("xl-")) return {};
  path.remove_prefix(3);
  if (!path.ends_with(ending)) {
    const std::size_t rotation = path.find_last_of('.');
    if (rotation == path.npos || !number<unsigned>(path.substr(rotation + 1))) return {};
    path = path.substr(0, rotation);
  }
  return path.ends_with(ending) ? path.substr(0, path.size() - ending.size()) : std::string_view{};
}

/// The domains whose log a file under another name may be: rotated by date, xl-vm1.log-20261126 or xl-vm1-20261126.log.
/// Accident: shown possible: such a watcher was overlooked, and its guest, while it rebooted, started on the other
/// node.
bool may_be_log_of(std::string_view path, const DomainName& domain) {
  path.remove_prefix(std::min(path.size(), path.find_last_of('/') + 1));
  const std::string begin = "xl-" + domain.str();
  if (!path.starts_with(begin)) return false;
  path.remove_prefix(begin.size());
  if (path.starts_with(incoming)) path.remove_prefix(incoming.size());
  if (path.starts_with(".log")) return true;
  constexpr std::size_t date = 8;
  return path.size() > date && (path[0] == '-' || path[0] == '.') &&
         std::all_of(path.begin() + 1, path.begin() + 1 + date, [](char c) { return c >= '0' && c <= '9'; });
}

/// Who may be watched by the process that writes to that log.
std::vector<model::Watcher> watchers_with(std::string_view path, int pid, std::span<const model::Domain> domains) {
  std::string_view name = name_of_log(path);
  if (name.ends_with(incoming)) name.remove_suffix(incoming.size());
  const std::string called(name);
  for (const model::Domain& domain : domains)
    if (called == domain.name.str()) return {{.pid = pid, .name = called}};
  std::vector<model::Watcher> found;
  for (const model::Domain& domain : domains)
    if (may_be_log_of(path, domain.name)) found.push_back({.pid = pid, .name = domain.name.str(), .or_of = called});
  if (!called.empty()) found.push_back({.pid = pid, .name = called});
  return found;
}

/// The xl commands that keep a domain suspended while they are at work, or would be cut short by its end, and their
/// options of one letter that take a value. Source: xen tools/xl/xl_migrate.c, xl_saverestore.c, xl_misc.c.
struct Suspending {
  std::string_view command, with_value;
};
constexpr std::array suspending =
    std::to_array<Suspending>({{"migrate", "sC"}, {"save", ""}, {"suspend", ""}, {"dump-core", ""}, {"remus", "isN"}});

/// The domain of `xl [options] migrate [options] DOMAIN HOST`; getopt lets the options stand anywhere.
std::string_view first_operand(const std::vector<std::string_view>& arguments, std::string_view options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--") return i + 1 < arguments.size() ? arguments[i + 1] : std::string_view{};
    if (!word.starts_with('-') || word == "-") return word;
    if (word.starts_with("--")) continue;
    const std::size_t with_value = word.find_first_of(options);
    if (with_value == word.size() - 1) ++i;
  }
  return {};
}

/// What this command line of an xl that is no watcher is at, if it is a migration or the like.
std::optional<model::MigrationProcess> migration_of(int pid, const std::vector<std::string_view>& argv) {
  std::size_t at = 1;
  while (at < argv.size() && argv[at].starts_with('-')) ++at;
  if (at >= argv.size()) return std::nullopt;
  const std::string_view command = argv[at];
  if (command.starts_with("migrate-") || command == "restore")
    return model::MigrationProcess{.pid = pid, .receiving = true, .domain = {}, .command = std::string(command)};
  const auto known =
      std::find_if(suspending.begin(), suspending.end(), [&](const Suspending& one) { return one.command == command; });
  if (known == suspending.end()) return std::nullopt;
  const std::vector<std::string_view> rest(argv.begin() + static_cast<std::ptrdiff_t>(at) + 1, argv.end());
  return model::MigrationProcess{.pid = pid,
                                 .receiving = false,
                                 .domain = std::string(first_operand(rest, known->with_value)),
                                 .command = std::string(command)};
}

/// The domain that this command line is about to create or restore, by its configuration or by a `name=` behind that;
/// empty for another command, for `xl create -n`, which only reads, and for a domain that is none of these.
/// Source: xen tools/xl/xl_vmcontrol.c main_create.
std::string_view created_domain(const std::vector<std::string_view>& argv, std::span<const model::Domain> domains) {
  std::size_t at = 1;
  while (at < argv.size() && argv[at].starts_with('-')) ++at;
  if (at >= argv.size() || (argv[at] != "create" && argv[at] != "restore")) return {};
  std::vector<std::string_view> configs;
  std::string_view given_name;
  for (const std::string_view word : std::span(argv).subspan(at + 1)) {
    if (word == "--dryrun" || (word.starts_with('-') && !word.starts_with("--") && word.find('n') != word.npos))
      return {};
    if (word.starts_with("name=")) given_name = word.substr(5);
    if (!word.starts_with('-') && word.find('=') == word.npos) configs.push_back(word);
  }
  while (given_name.starts_with('"') || given_name.starts_with('\'')) given_name.remove_prefix(1);
  while (given_name.ends_with('"') || given_name.ends_with('\'')) given_name.remove_suffix(1);
  const auto is_of = [&](std::string_view config, const model::Domain& domain) {
    const auto& known = domain.config_candidates;
    const std::string_view file = config.substr(config.rfind('/') + 1);
    return std::find(known.begin(), known.end(), config) != known.end() || file == domain.name.str() ||
           file == domain.name.str() + ".cfg";
  };
  for (const model::Domain& domain : domains) {
    if (!given_name.empty() && given_name == domain.name.str()) return domain.name.str();
    if (given_name.empty() &&
        std::any_of(configs.begin(), configs.end(), [&](std::string_view config) { return is_of(config, domain); }))
      return domain.name.str();
  }
  return {};
}

} // namespace

host::Command processes_command() {
  return {.argv = {"sh", "-c", processes_script, "sh"}, .timeout = Milliseconds{10'000}};
}

Result<Processes> parse_processes(const host::Outcome& outcome, std::span<const model::Domain> domains) {
  if (!outcome.ok()) return no_processes(explain(outcome));
  if (outcome.out != "end\n" && !outcome.out.ends_with("\nend\n")) return no_processes("the answer is cut short");

  Processes found;
  const auto all = lines(outcome.out);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const auto garbled = [&] { return no_processes("line cannot be read: " + excerpt(all[i])); };
    const bool is_log = all[i].starts_with("log ");
    if (!is_log && !all[i].starts_with("xl ")) return garbled();
    const std::string_view rest = all[i].substr(is_log ? 4 : 3);
    const auto pid = number<int>(rest.substr(0, rest.find(' ')));
    if (!pid || *pid <= 0) return garbled();
    if (is_log) {
      const std::size_t blank = rest.find(' ');
      if (blank == rest.npos) return garbled();
      for (model::Watcher& watcher : watchers_with(rest.substr(blank + 1), *pid, domains))
        found.watchers.push_back(std::move(watcher));
      continue;
    }
    std::vector<std::string_view> argv;
    while (all[i + 1].starts_with(' ')) argv.push_back(all[++i].substr(1));
    if (const std::string_view name = created_domain(argv, domains); !name.empty())
      found.watchers.push_back({.pid = *pid, .name = std::string(name), .creating = true});
    if (auto migration = migration_of(*pid, argv)) found.migrations.push_back(std::move(*migration));
  }
  return found;
}

} // namespace xen_drbd::xen
