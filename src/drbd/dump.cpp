#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"

#include "answer.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <pugixml.hpp>

namespace xen_drbd::drbd {
namespace {

Error no_dump(std::string because) {
  return unreadable("the configuration of DRBD could not be read", std::move(because));
}

/// The value of an option in a section of this element, "yes" for an option without one.
std::optional<std::string> own_option(const pugi::xml_node& element, const char* section, const char* name) {
  std::optional<std::string> value;
  for (const auto& part : element.children("section")) {
    if (std::string_view(part.attribute("name").value()) != section) continue;
    for (const auto& option : part.children("option"))
      if (std::string_view(option.attribute("name").value()) == name)
        value = option.attribute("value").empty() ? "yes" : option.attribute("value").value();
  }
  return value;
}

/// The nearest setting: a connection's, the resource's, the common one.
std::optional<std::string> option(const pugi::xml_node& resource, const char* section, const char* name) {
  for (const auto& connection : resource.children("connection"))
    if (auto value = own_option(connection, section, name)) return value;
  if (auto value = own_option(resource, section, name)) return value;
  return own_option(resource.parent().child("common"), section, name);
}

/// The section `on NODE` of this node; why there is none that can be used, in `objection`.
pugi::xml_node host_section(const pugi::xml_node& resource, std::string_view host_name, std::string& objection) {
  pugi::xml_node found;
  bool floating = false;
  for (const auto& host : resource.children("host")) {
    floating = floating || host.attribute("floating");
    const auto names = words(host.attribute("name").value());
    if (std::find(names.begin(), names.end(), host_name) == names.end()) continue;
    if (names.size() > 1)
      objection = "it is stacked on another resource";
    else if (found)
      objection = "it names this node twice";
    found = host;
  }
  if (floating)
    objection = "its addresses are floating, so it does not say what is this node's";
  else if (!found)
    objection = fmt::format("it has no section for {}", host_name);
  return objection.empty() ? found : pugi::xml_node{};
}

std::string read_volumes(const pugi::xml_node& host, model::ResourceConfig& config) {
  for (const auto& volume : host.children("volume")) {
    const auto number_read = number<unsigned>(volume.attribute("vnr").value());
    const auto minor = read_minor(volume.child("device").attribute("minor").value());
    if (!number_read || !minor) return "a volume of it has no number or no minor";
    if (std::string_view(volume.child("disk").text().get()).starts_with("/dev/drbd"))
      return "it is stacked on another resource";
    config.volumes.push_back({.number = *number_read, .minor = *minor});
  }
  return config.volumes.empty() ? "it has no volume on this node" : "";
}

model::TwoPrimaries two_primaries(const std::optional<std::string>& value) {
  if (!value || *value == "no") return model::TwoPrimaries::no;
  return *value == "yes" ? model::TwoPrimaries::yes : model::TwoPrimaries::unknown;
}

void read_options(const pugi::xml_node& resource, model::ResourceConfig& config) {
  config.two_primaries = two_primaries(option(resource, "net", "allow-two-primaries"));
  if (auto protocol = option(resource, "net", "protocol")) config.protocol = *protocol;
  auto fencing = option(resource, "net", "fencing"); // where 9 has it; 8.4 has it in disk
  if (!fencing) fencing = option(resource, "disk", "fencing");
  if (fencing) config.fencing = *fencing;
  for (const char* policy : {"after-sb-0pri", "after-sb-1pri", "after-sb-2pri"})
    if (auto value = option(resource, "net", policy)) config.after_split_brain[policy] = *std::move(value);
  config.auto_promote = option(resource, "options", "auto-promote") != "no";
  if (auto seconds = option(resource, "startup", "wfc-timeout")) config.wfc_timeout = number<unsigned>(*seconds);
}

} // namespace

host::Command dump_command() { return {.argv = {"drbdadm", "dump-xml"}, .timeout = Milliseconds{10'000}}; }

Result<Configuration> parse_dump(const host::Outcome& outcome, std::string_view host_name) {
  if (!outcome.ok()) return no_dump("drbdadm dump-xml: " + failure(outcome));
  return parse_dump_text(outcome.out, host_name);
}

Result<Configuration> parse_dump_text(std::string_view xml, std::string_view host_name) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) return no_dump(fmt::format("drbdadm dump-xml printed no whole XML: {}", parsed.description()));
  const auto root = document.child("config");
  if (!root) return no_dump("drbdadm dump-xml printed no <config>");

  Configuration configuration;
  for (const auto& resource : root.children("resource")) {
    const std::string called = resource.attribute("name").value();
    auto name = ResourceName::parse(called);
    std::string objection = name ? std::string() : name.error().because;
    if (name) {
      model::ResourceConfig config{.name = *name};
      const auto host = host_section(resource, host_name, objection);
      if (objection.empty()) objection = read_volumes(host, config);
      if (objection.empty()) {
        read_options(resource, config);
        configuration.resources.push_back(std::move(config));
        continue;
      }
    }
    configuration.notes.push_back(fmt::format("resource '{}' is passed over: {}", excerpt(called), excerpt(objection)));
  }
  return configuration;
}

} // namespace xen_drbd::drbd
