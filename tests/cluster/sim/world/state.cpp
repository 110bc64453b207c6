#include "world/state.hpp"

#include "world/archive.hpp"

namespace sim {

std::string save(const State& state) {
  Saver saver;
  saver("state", state);
  return saver.text();
}

State load(std::string_view text) {
  State state;
  Loader loader(text);
  loader("state", state);
  return state;
}

nlohmann::json to_document(const State& state) { return state; }

State from_document(const nlohmann::json& document) { return document.get<State>(); }

bool change_setting(State& state, const std::string& name, const nlohmann::json& value) {
  nlohmann::json document = state.settings;
  if (!document.contains(name) || document[name].type_name() != std::string(value.type_name())) { return false; }
  document[name] = value;
  document.get_to(state.settings);
  return true;
}

Domain* find_domain(Node& node, const std::string& name) {
  for (auto& domain : node.domains) {
    if (domain.name == name) { return &domain; }
  }
  return nullptr;
}

Domain* find_domain(Node& node, unsigned domid) {
  for (auto& domain : node.domains) {
    if (domain.domid == domid) { return &domain; }
  }
  return nullptr;
}

Resource* find_resource(Node& node, const std::string& name) {
  for (auto& resource : node.resources) {
    if (resource.name == name) { return &resource; }
  }
  return nullptr;
}

Meta& meta_of(Node& node, const Resource& resource, const Volume& volume) {
  return node.meta[resource.name + "/" + std::to_string(volume.number)];
}

} // namespace sim
