#include "drbd/tools.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace sim {

namespace {

/// The value as drbdsetup shows it, empty when it is the default and not shown.
std::string shown_value(const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> defaults{{"protocol", "C"},         {"allow-two-primaries", "no"},
                                                           {"ping-timeout", "5"},     {"fencing", "dont-care"},
                                                           {"on-io-error", "detach"}, {"timeout", "60"},
                                                           {"ping-int", "10"}};
  const auto standard = defaults.find(name);
  if (standard != defaults.end() && standard->second == value) { return ""; }
  if (name == "resync-rate" && !value.empty() && value.back() == 'M') {
    return std::to_string(std::atoi(value.c_str()) * 1024) + "k";
  }
  return value;
}

std::string unit_of(const std::string& name) {
  if (name == "ping-timeout" || name == "timeout") { return " # 1/10 seconds"; }
  return name == "resync-rate" ? " # bytes/second" : "";
}

std::string option_lines(const std::map<std::string, std::string>& options, const std::string& indent) {
  std::string text;
  for (const auto& [name, value] : options) {
    const std::string shown = shown_value(name, value);
    if (!shown.empty()) {
      text += indent + format("%-16s\t%s;%s\n", name.c_str(), shown.c_str(), unit_of(name).c_str());
    }
  }
  return text;
}

std::map<std::string, std::string> net_now(const Resource& resource) {
  auto net = resource.net;
  net["allow-two-primaries"] = resource.two_primaries ? "yes" : "no";
  return net;
}

nlohmann::ordered_json option_values(const std::map<std::string, std::string>& options) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const auto& [name, value] : options) {
    const std::string shown = shown_value(name, value);
    if (shown.empty()) { continue; }
    if (shown == "yes" || shown == "no") {
      values[name] = shown == "yes";
    } else if (std::ranges::all_of(shown, [](unsigned char c) { return std::isdigit(c) != 0; })) {
      values[name] = std::atoi(shown.c_str());
    } else {
      values[name] = shown;
    }
  }
  return values;
}

nlohmann::ordered_json address_json(const std::string& address) {
  const auto colon = address.rfind(':');
  return {{"address", address.substr(0, colon)},
          {"port", std::atoi(address.substr(colon + 1).c_str())},
          {"family", "ipv4"}};
}

std::string connection_text(const Resource& resource, int peer_id) {
  std::string text = "    connection {\n" + format("        _peer_node_id %d;\n", peer_id);
  text += "        path {\n            _this_host ipv4 " + resource.own_address + ";\n            _remote_host ipv4 " +
          resource.peer_address + ";\n        }\n";
  text += "        _cstate " + resource.connection + ";\n        net {\n";
  text += option_lines(net_now(resource), "            ");
  text += format("            %-16s\t\"%s\";\n        }\n    }\n", "_name", resource.peer_name.c_str());
  return text;
}

} // namespace

std::string show_text(const State& state, const Resource& resource) {
  std::string text = "resource " + resource.name + " {\n    options {\n    }\n";
  if (resource.has_net && !is_nine(state)) {
    text += "    net {\n" + option_lines(net_now(resource), "        ") + "    }\n";
    text += "    _remote_host {\n        address\t\t\tipv4 " + resource.peer_address + ";\n    }\n";
  }
  text += "    _this_host {\n";
  if (resource.has_net && !is_nine(state)) { text += "        address\t\t\tipv4 " + resource.own_address + ";\n"; }
  for (const auto& volume : resource.volumes) {
    text += format("        volume %d {\n            device\t\t\tminor %d;\n", volume.number, volume.minor);
    if (volume.disk != "Diskless") {
      text += "            disk\t\t\t\"" + volume.backing + "\";\n            meta-disk\t\t\tinternal;\n";
      const std::string options = option_lines(resource.disk_options, "                ");
      text += options.empty() ? "" : "            disk {\n" + options + "            }\n";
    }
    text += "        }\n";
  }
  text += "    }\n";
  if (is_nine(state) && resource.has_net) {
    text += connection_text(resource, state.nodes[0].name == resource.peer_name ? 0 : 1);
  }
  return text + "}\n";
}

std::string show_json(const State& state, int node, const std::function<bool(const Resource&)>& wanted) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const auto& resource : node_of(state, node).resources) {
    if (!wanted(resource)) { continue; }
    Json volumes = Json::array();
    for (const auto& volume : resource.volumes) {
      volumes.push_back({{"volume_nr", volume.number},
                         {"device_minor", volume.minor},
                         {"backing-disk", volume.backing},
                         {"meta-disk", "internal"},
                         {"disk", option_values(resource.disk_options)}});
    }
    Json entry{{"resource", resource.name}, {"_this_host", {{"node-id", node}, {"volumes", volumes}}}};
    if (resource.has_net) {
      Json net = option_values(net_now(resource));
      net["_name"] = resource.peer_name;
      entry["connections"] =
          Json::array({{{"paths", Json::array({{{"this_host", address_json(resource.own_address)},
                                                {"remote_host", address_json(resource.peer_address)}}})},
                        {"_cstate", resource.connection},
                        {"net", std::move(net)},
                        {"_peer_node_id", 1 - node}}});
    }
    list.push_back(std::move(entry));
  }
  return list.dump(4) + "\n";
}

} // namespace sim
