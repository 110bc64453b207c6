#include "sections.hpp"

#include <fmt/format.h>
#include <map>

namespace xen_drbd::topology {
namespace {

/// Where something was named first, and of which domain.
struct First {
  int line = 1;
  const DeclaredDomain* domain = nullptr;
};
using Seen = std::map<std::string, First>;

const Value* field(const Value& map, std::string_view key) {
  for (std::size_t i = 0; i < map.keys.size(); ++i)
    if (map.keys[i].text == key && map.items[i].kind == Value::Kind::scalar) return &map.items[i];
  return nullptr;
}

class Uniqueness {
public:
  explicit Uniqueness(Reader& reader) : reader_(reader) {}

  void add(const Value& item, const DeclaredDomain& domain) {
    if (!domain.name.empty()) once(names_, *domain.where, "name", domain);
    if (item.kind != Value::Kind::map) return;
    if (const Value* config = field(item, "config")) once(configs_, *config, "config", domain);
    for (std::size_t i = 0; i < item.keys.size(); ++i)
      if (item.keys[i].text == "disks" && item.items[i].kind == Value::Kind::list)
        for (const Value& disk : item.items[i].items) add_disk(disk, domain);
  }

private:
  void add_disk(const Value& disk, const DeclaredDomain& domain) {
    if (disk.kind != Value::Kind::map) return;
    if (const Value* link = field(disk, "link")) once(links_, *link, "link", domain);
    if (const Value* minor = field(disk, "minor")) once(minors_, *minor, "minor", domain);
    // A resource has one role on a node: promoted for one domain, it would be writable for the other as well.
    if (const Value* resource = field(disk, "resource")) {
      const auto [seen, is_new] = resources_.emplace(resource->text, First{resource->line, &domain});
      if (!is_new && seen->second.domain != &domain)
        reader_.wrong(*resource, "resource",
                      fmt::format("a resource of one domain only ({} has it, on line {})",
                                  in_quotes(seen->second.domain->name), seen->second.line));
    }
  }
  void once(Seen& seen, const Value& value, std::string_view key, const DeclaredDomain& domain) {
    const auto [first, is_new] = seen.emplace(value.text, First{value.line, &domain});
    if (is_new) return;
    const std::string owner =
        first->second.domain == &domain || key == "name" ? "it is" : in_quotes(first->second.domain->name) + " has it";
    reader_.wrong(value, key, fmt::format("each {} once ({} on line {} already)", key, owner, first->second.line));
  }

  Reader& reader_;
  Seen names_, configs_, links_, minors_, resources_;
};

} // namespace

void check_unique(const Value& domains, const std::vector<DeclaredDomain>& declared, Reader& reader) {
  Uniqueness uniqueness(reader);
  std::size_t next = 0;
  for (const Value& item : domains.items)
    if (item.kind == Value::Kind::map || item.kind == Value::Kind::scalar) uniqueness.add(item, declared[next++]);
}

} // namespace xen_drbd::topology
