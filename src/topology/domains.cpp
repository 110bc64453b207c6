#include "sections.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace xen_drbd::topology {
namespace {

constexpr unsigned largest_minor = (1U << 20U) - 1;
constexpr std::string_view name_expected = "the name of a domain";

std::optional<model::Disk> read_disk(const Value& value, Reader& reader) {
  if (value.kind != Value::Kind::map) {
    reader.wrong(value, "disks", "a disk such as {link: samba-root, minor: 1}");
    return std::nullopt;
  }
  const Fields fields(value, "a disk", {"link", "minor", "resource"}, reader.problems());
  const Value* link_value = fields.required("link", "the name of its link in /dev/drbd");
  const Value* minor_value = fields.required("minor", "the minor number N of its /dev/drbdN");
  const Value* resource_value = fields.find("resource");
  const auto link = link_value != nullptr
                        ? reader.name<LinkName>(*link_value, "link", "the name of a link in /dev/drbd")
                        : std::nullopt;
  const auto minor = minor_value != nullptr ? reader.number(*minor_value, "minor", 0, largest_minor) : std::nullopt;
  const auto resource = resource_value != nullptr
                            ? reader.name<ResourceName>(*resource_value, "resource", "the name of a DRBD resource")
                            : std::nullopt;
  if (resource && resource->str().find_first_not_of("0123456789") == std::string::npos)
    reader.wrong(*resource_value, "resource", "the name of a DRBD resource: it has only digits");
  if (!link || !minor) return std::nullopt;
  return model::Disk{*link, Minor{*minor}, resource};
}

std::vector<model::Disk> read_disks(const Value& value, Reader& reader) {
  std::vector<model::Disk> disks;
  if (value.kind != Value::Kind::list) {
    reader.wrong(value, "disks", "a list of disks such as [{link: samba-root, minor: 1}]");
    return disks;
  }
  for (const Value& item : value.items)
    if (auto disk = read_disk(item, reader)) disks.push_back(std::move(*disk));
  return disks;
}

/// Remembers the words of `after` for check_after, which knows all domains.
void read_after(const Value& value, DeclaredDomain& declared, Reader& reader) {
  constexpr std::string_view expected = "a list of domains such as [dns]";
  if (value.kind != Value::Kind::list) return reader.wrong(value, "after", expected);
  for (const Value& item : value.items)
    if (reader.text(item, "after", name_expected)) declared.after.push_back(&item);
}

std::vector<std::string> default_configs(const DomainName& name) {
  return {"/etc/xen/" + name.str() + ".cfg", "/etc/xen/" + name.str()};
}

DeclaredDomain read_short(const Value& value, Reader& reader) {
  DeclaredDomain declared{value.text, &value, {}, std::nullopt};
  if (const auto name = reader.name<DomainName>(value, "domains", name_expected)) {
    declared.domain =
        model::Domain{.name = *name, .config_candidates = default_configs(*name), .disks = {}, .after = {}};
  }
  return declared;
}

DeclaredDomain read_long(const Value& value, Reader& reader) {
  const Fields fields(value, "a domain", {"name", "config", "disks", "after", "delay", "shutdown_timeout"},
                      reader.problems());
  DeclaredDomain declared{"", &value, {}, std::nullopt};
  const Value* name_value = fields.required("name", name_expected);
  std::optional<DomainName> name;
  if (name_value != nullptr) {
    name = reader.name<DomainName>(*name_value, "name", name_expected);
    declared.name = name_value->text;
    declared.where = name_value;
  }
  std::vector<model::Disk> disks;
  std::optional<std::string> config;
  Milliseconds delay{0};
  std::optional<Milliseconds> shutdown_timeout;
  if (const Value* field = fields.find("config")) config = reader.path(*field, "config");
  if (const Value* field = fields.find("disks")) disks = read_disks(*field, reader);
  if (const Value* field = fields.find("after")) read_after(*field, declared, reader);
  if (const Value* field = fields.find("delay"))
    delay = reader.duration(*field, "delay", Milliseconds(0)).value_or(delay);
  if (const Value* field = fields.find("shutdown_timeout"))
    shutdown_timeout = reader.duration(*field, "shutdown_timeout", Milliseconds(1000));
  if (!name) return declared;
  model::Domain domain{.name = *name, .config_candidates = default_configs(*name), .disks = disks, .after = {}};
  if (config) domain.config_candidates = {*config};
  domain.delay = delay;
  domain.shutdown_timeout = shutdown_timeout.value_or(domain.shutdown_timeout);
  declared.domain = std::move(domain);
  return declared;
}

/// Follows `after` from one domain. A cycle is reported where it closes, once.
class CycleSearch {
public:
  CycleSearch(const std::vector<DeclaredDomain>& declared, Reader& reader) : reader_(reader) {
    for (const DeclaredDomain& domain : declared) by_name_.emplace(domain.name, &domain);
  }

  void visit(const DeclaredDomain& start) {
    std::vector<Step> path;
    enter(start, path);
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next == step.domain->after.size()) {
        state_[step.domain] = State::done;
        path.pop_back();
        continue;
      }
      const Value& wanted = *step.domain->after[step.next++];
      const auto found = by_name_.find(wanted.text);
      if (found == by_name_.end()) continue;
      switch (state_[found->second]) {
      case State::fresh: enter(*found->second, path); break;
      case State::entered: report(wanted, found->second, path); break;
      case State::done: break;
      }
    }
  }

private:
  enum class State { fresh, entered, done };
  struct Step {
    const DeclaredDomain* domain = nullptr;
    std::size_t next = 0;
  };

  void enter(const DeclaredDomain& domain, std::vector<Step>& path) {
    if (state_[&domain] != State::fresh) return;
    state_[&domain] = State::entered;
    path.push_back({&domain, 0});
  }
  void report(const Value& closing, const DeclaredDomain* first, const std::vector<Step>& path) {
    std::string cycle;
    bool inside = false;
    for (const Step& step : path) {
      inside = inside || step.domain == first;
      if (inside) cycle += step.domain->name + " after ";
    }
    reader_.wrong(closing, "after", "no cycle: " + cycle + first->name);
  }

  std::map<std::string_view, const DeclaredDomain*> by_name_;
  std::map<const DeclaredDomain*, State> state_;
  Reader& reader_;
};

} // namespace

std::vector<DeclaredDomain> read_domains(const Value& value, Reader& reader) {
  std::vector<DeclaredDomain> declared;
  if (value.kind != Value::Kind::list) {
    reader.wrong(value, "domains", "a list of domains (`[]` for none), each a name or a map with its `name`");
    return declared;
  }
  for (const Value& item : value.items) {
    if (item.kind == Value::Kind::map)
      declared.push_back(read_long(item, reader));
    else if (item.kind == Value::Kind::scalar)
      declared.push_back(read_short(item, reader));
    else
      reader.wrong(item, "domains", "a domain: its name, or a map with its `name`");
  }
  return declared;
}

void check_after(const std::vector<DeclaredDomain>& declared, Reader& reader) {
  std::vector<std::string> names;
  for (const DeclaredDomain& domain : declared)
    if (!domain.name.empty()) names.push_back(domain.name);
  const std::set<std::string> known(names.begin(), names.end());
  for (const DeclaredDomain& domain : declared) {
    std::map<std::string_view, int> seen;
    for (const Value* wanted : domain.after) {
      if (!known.contains(wanted->text))
        reader.wrong(*wanted, "after", "a domain that `domains` declares" + suggestion(wanted->text, names));
      else if (!seen.emplace(wanted->text, wanted->line).second)
        reader.wrong(*wanted, "after", "each domain once");
    }
  }
  CycleSearch search(declared, reader);
  for (const DeclaredDomain& domain : declared) search.visit(domain);
}

void read_homes(const Value* homes, const Nodes& nodes, std::vector<DeclaredDomain>& declared, Reader& reader) {
  std::vector<std::string> names;
  for (const DeclaredDomain& domain : declared) names.push_back(domain.name);
  const std::set<std::string> known(names.begin(), names.end());
  if (homes != nullptr && homes->kind != Value::Kind::map)
    return reader.wrong(*homes, "domain_home", "a map from each domain to its node, such as {dns: dom0}");
  std::map<std::string_view, std::optional<model::NodeId>> home_of;
  if (homes != nullptr) {
    check_keys(*homes, reader.problems());
    for (std::size_t i = 0; i < homes->keys.size(); ++i) {
      const Value& key = homes->keys[i];
      if (key.kind != Value::Kind::scalar) continue;
      if (!known.contains(key.text))
        reader.wrong(key, "domain_home", "a domain that `domains` declares" + suggestion(key.text, names));
      home_of.emplace(key.text, nodes.read(homes->items[i], "domain_home", reader));
    }
  }
  for (DeclaredDomain& domain : declared) {
    if (!domain.domain) continue; // its name is wrong, and that was said
    const auto home = home_of.find(domain.name);
    if (home == home_of.end())
      reader.problems().add(
          *domain.where,
          fmt::format("found no home of {} in `domain_home`, expected one of the nodes", in_quotes(domain.name)));
    else if (home->second && domain.domain)
      domain.domain->home = *home->second;
  }
}

} // namespace xen_drbd::topology
