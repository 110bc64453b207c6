#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "answer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xen_drbd::xen {
namespace {

using Json = nlohmann::json;

// Arguments: "xl" or "-", then for each domain "." and its candidates. The answer names domain and candidate by their
// place, never by their text. xl runs a second time only to say why it refused.
constexpr const char* config_script = R"sh(
how=$1
shift
domain=0
for path; do
  if [ "$path" = . ]; then
    domain=$((domain + 1)) candidate=0 missing=yes
    continue
  fi
  candidate=$((candidate + 1))
  [ "$missing" = yes ] && [ -e "$path" ] || continue
  missing=no
  sum=$(sha256sum 2>/dev/null <"$path") || { echo "file $domain $candidate -"; continue; }
  echo "file $domain $candidate ${sum%% *}"
  [ "$how" = xl ] || continue
  if out=$(xl create -n "$path" 2>/dev/null </dev/null); then
    echo "xl 0"
  else
    echo "xl $?"
    out=$(xl create -n "$path" 2>&1 >/dev/null </dev/null)
  fi
  printf '%s\n' "$out" | sed 's/^/ /'
done
echo end
)sh";

Error no_configs(std::string because) {
  return unreadable("the configuration files could not be read", std::move(because));
}

/// The member of that name if it has that type, or nothing.
const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}
std::string text_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

Error no_report(std::string because) {
  return unreadable("the configuration could not be read as xl reads it", std::move(because));
}

} // namespace

std::vector<ConfigQuestion> config_questions(std::span<const model::Domain> domains) {
  std::vector<ConfigQuestion> questions;
  questions.reserve(domains.size());
  for (const auto& domain : domains)
    questions.push_back({.domain = domain.name, .candidates = domain.config_candidates});
  return questions;
}

host::Command config_command(std::span<const ConfigQuestion> questions, Reading reading) {
  const bool with_xl = reading == Reading::with_xl;
  host::Command command{.argv = {"sh", "-c", config_script, "sh", with_xl ? "xl" : "-"},
                        .timeout = Milliseconds{10'000}};
  for (const auto& question : questions) {
    command.argv.emplace_back(".");
    command.argv.insert(command.argv.end(), question.candidates.begin(), question.candidates.end());
    if (with_xl) command.timeout += Milliseconds{3'000};
  }
  return command;
}

Result<model::ConfigReport> parse_config_json(std::string_view text) {
  if (trimmed(text).starts_with('('))
    return no_report("xl prints SXP and not JSON: output_format in /etc/xen/xl.conf must be \"json\"");
  // the parser takes a NUL byte for the end, whatever comes after it
  if (text.find('\0') != text.npos) return no_report("xl create -n printed a NUL byte");
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) return no_report("xl create -n did not print JSON");

  const Json* creation = member(document, "c_info");
  const Json* building = member(document, "b_info");
  const Json* memory = building == nullptr ? nullptr : member(*building, "max_memkb");
  model::ConfigReport report;
  report.name = creation == nullptr ? std::string() : text_member(*creation, "name");
  if (report.name.empty()) return no_report("xl create -n printed no c_info.name");
  if (memory != nullptr && (!memory->is_number_unsigned() || memory->get<std::uint64_t>() > (std::uint64_t{1} << 52U)))
    return no_report("xl create -n printed no usable b_info.max_memkb");
  if (building == nullptr || !building->is_object()) return no_report("xl create -n printed no b_info");
  report.memory = memory == nullptr ? MiB{32} : MiB{(memory->get<std::int64_t>() + 1023) / 1024};

  for (const auto& [list, name] : {std::pair{member(document, "disks"), "disks"}, {member(document, "nics"), "nics"}})
    if (list != nullptr && !list->is_array()) return no_report(fmt::format("{} is no list", name));
  if (const Json* disks = member(document, "disks"))
    for (const Json& disk : *disks)
      report.disks.push_back({.path = text_member(disk, "pdev_path"),
                              .script = text_member(disk, "script"),
                              .vdev = text_member(disk, "vdev")});
  if (const Json* nics = member(document, "nics"))
    for (const Json& nic : *nics)
      if (auto bridge = text_member(nic, "bridge"); !bridge.empty()) report.bridges.push_back(std::move(bridge));
  report.parsed = true;
  return report;
}

namespace {

/// How xl read the file: its lines of the answer, the first of which is "xl STATUS".
model::ConfigReport read_by_xl(int status, const std::string& text) {
  if (status != 0) {
    model::ConfigReport report;
    report.problem = "xl cannot read it: " +
                     explain({.end = host::End::exited, .status = status, .out = {}, .err = text, .lost_because = {}});
    return report;
  }
  auto parsed = parse_config_json(text);
  if (parsed) return std::move(*parsed);
  model::ConfigReport report;
  report.problem = parsed.error().because;
  return report;
}

} // namespace

Result<std::map<DomainName, model::ConfigReport>> parse_configs(const host::Outcome& outcome,
                                                                std::span<const ConfigQuestion> questions) {
  if (!outcome.ok()) return no_configs(explain(outcome));
  if (outcome.out != "end\n" && !outcome.out.ends_with("\nend\n")) return no_configs("the answer is cut short");

  std::map<DomainName, model::ConfigReport> reports;
  for (const auto& question : questions) reports.emplace(question.domain, model::ConfigReport{});
  const auto all = lines(outcome.out);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const auto garbled = [&] { return no_configs("line cannot be read: " + excerpt(all[i])); };
    const auto file = words(all[i]);
    if (file.size() != 4 || file[0] != "file") return garbled();
    const auto domain = number<std::size_t>(file[1]);
    const auto candidate = number<std::size_t>(file[2]);
    if (!domain || *domain == 0 || *domain > questions.size()) return garbled();
    const ConfigQuestion& question = questions[*domain - 1];
    if (!candidate || *candidate == 0 || *candidate > question.candidates.size()) return garbled();
    if (file[3] != "-" && file[3].size() != 64) return garbled();

    model::ConfigReport report;
    if (all[i + 1].starts_with("xl ")) {
      const auto status = number<int>(all[++i].substr(3));
      if (!status) return garbled();
      std::string text;
      while (all[i + 1].starts_with(' ')) text.append(all[++i].substr(1)).append("\n");
      report = read_by_xl(*status, text);
    }
    report.path = question.candidates[*candidate - 1];
    if (file[3] == "-")
      report.problem = "the file is there but cannot be read";
    else
      report.sha256 = file[3];
    reports.insert_or_assign(question.domain, std::move(report));
  }
  return reports;
}

} // namespace xen_drbd::xen
