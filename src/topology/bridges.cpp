#include "sections.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <netinet/in.h>

namespace xen_drbd::topology {
namespace {

constexpr std::string_view address_expected =
    "an address of this bridge with its prefix length, such as 192.168.7.1/24";

/// "ADDRESS/PREFIX" in the kernel's spelling, or nothing when no machine can have that address.
std::optional<std::string> canonical_address(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::string address = text.substr(0, slash);
  unsigned prefix = 0;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data() + slash + 1, last, prefix);
  if (status != std::errc{} || end != last || prefix == 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> shown{};
  if (in_addr v4{}; inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const std::uint32_t number = ntohl(v4.s_addr);
    const std::uint32_t host_bits = prefix >= 32 ? 0 : ~std::uint32_t{0} >> prefix;
    const bool no_host = prefix < 31 && ((number & host_bits) == 0 || (number & host_bits) == host_bits);
    if (prefix > 32 || no_host || number >> 24U == 0 || number >> 24U == 127 || number >= 0xe0000000U)
      return std::nullopt;
    inet_ntop(AF_INET, &v4, shown.data(), shown.size());
  } else if (in6_addr v6{}; inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
    if (prefix > 128 || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_MULTICAST(&v6))
      return std::nullopt;
    inet_ntop(AF_INET6, &v6, shown.data(), shown.size());
  } else {
    return std::nullopt;
  }
  return fmt::format("{}/{}", shown.data(), prefix);
}

/// Reads the bridges one by one and remembers what may be there only once.
class BridgeReader {
public:
  BridgeReader(const Nodes& nodes, Reader& reader) : nodes_(nodes), reader_(reader) {}

  std::optional<model::Bridge> read(const Value& value) {
    if (value.kind != Value::Kind::map) {
      reader_.wrong(value, "bridges", "a bridge such as {name: xenbr0, interface: eth0}");
      return std::nullopt;
    }
    const Fields fields(value, "a bridge", {"name", "interface", "vlan", "address", "mtu"}, reader_.problems());
    model::Bridge bridge{InterfaceName::parse("bridge").value(), {}, {}, {}, {}};
    const Value* name_value = fields.required("name", "the name of the bridge");
    const auto name = name_value != nullptr ? read_device(*name_value, "name", "the name of a bridge") : std::nullopt;
    if (name && !names_.emplace(name->str(), name_value).second)
      reader_.wrong(*name_value, "name",
                    fmt::format("each name once (it is on line {} already)", names_[name->str()]->line));
    if (const Value* field = fields.find("interface"))
      bridge.interface = read_device(*field, "interface", "the name of an interface");
    if (const Value* field = fields.find("vlan")) {
      bridge.vlan = reader_.number(*field, "vlan", 1, 4094);
      if (fields.find("interface") == nullptr) reader_.wrong(*field, "vlan", "an `interface` that carries the VLAN");
    }
    if (const Value* field = fields.find("address")) read_addresses(*field, bridge);
    if (const Value* field = fields.find("mtu")) bridge.mtu = reader_.number(*field, "mtu", 68, 65535);
    if (!name) return std::nullopt;
    bridge.name = *name;
    if (bridge.interface) check_interface(*fields.find("interface"), bridge);
    return bridge;
  }

  /// What can be told only when all bridges are known: a bridge goes into no other bridge, and has another name than
  /// the device of a VLAN, which is called INTERFACE.VLAN.
  void check_devices() {
    for (const Device& device : devices_) {
      const std::string& interface = device.bridge.interface->str();
      if (!device.bridge.vlan) {
        if (names_.contains(interface)) reader_.wrong(*device.where, "interface", "an interface, not a bridge");
      } else if (const auto same = names_.find(fmt::format("{}.{}", interface, *device.bridge.vlan));
                 same != names_.end()) {
        reader_.wrong(*same->second, "name",
                      fmt::format("another name than that of the VLAN device of `{}`", device.bridge.name.str()));
      }
    }
  }

private:
  std::optional<InterfaceName> read_device(const Value& value, std::string_view key, std::string_view expected) {
    auto name = reader_.name<InterfaceName>(value, key, expected);
    if (!name || (name->str() != "lo" && name->str() != "all" && name->str() != "default")) return name;
    reader_.wrong(value, key,
                  fmt::format("{} other than `lo`, `all` and `default`, which mean something else", expected));
    return std::nullopt;
  }

  void check_interface(const Value& where, const model::Bridge& bridge) {
    const std::string& name = bridge.interface->str();
    if (name == bridge.name.str()) return reader_.wrong(where, "interface", "another name than the bridge's");
    devices_.push_back({&where, bridge});
    const auto [port, is_new] = ports_.emplace(std::pair(name, bridge.vlan.value_or(0)), bridge.name.str());
    if (!is_new)
      reader_.wrong(where, "interface",
                    fmt::format("each interface{} in one bridge only (`{}` has it)", bridge.vlan ? " and VLAN" : "",
                                port->second));
  }

  void read_addresses(const Value& value, model::Bridge& bridge) {
    if (value.kind != Value::Kind::map)
      return reader_.wrong(value, "address", "a map from nodes to addresses, such as {dom0: 192.168.7.1/24}");
    check_keys(value, reader_.problems());
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      const auto node = nodes_.read(value.keys[i], "address", reader_);
      const Value& item = value.items[i];
      if (item.kind == Value::Kind::list)
        for (const Value& one : item.items) read_address(one, node, bridge);
      else
        read_address(item, node, bridge);
    }
  }

  void read_address(const Value& value, std::optional<model::NodeId> node, model::Bridge& bridge) {
    const auto text = reader_.text(value, "address", address_expected);
    if (!text) return;
    const auto address = canonical_address(*text);
    if (!address) return reader_.wrong(value, "address", address_expected);
    const std::string host = address->substr(0, address->find('/'));
    if (const auto [first, is_new] = addresses_.emplace(host, value.line); !is_new)
      return reader_.wrong(value, "address",
                           fmt::format("each address once (it is on line {} already)", first->second));
    if (node) bridge.addresses[*node].push_back(*address);
  }

  struct Device {
    const Value* where = nullptr; ///< the interface in the file
    model::Bridge bridge;
  };

  const Nodes& nodes_;
  Reader& reader_;
  std::map<std::string, const Value*> names_;
  std::vector<Device> devices_;
  std::map<std::pair<std::string, unsigned>, std::string> ports_;
  std::map<std::string, int> addresses_;
};

} // namespace

std::vector<model::Bridge> read_bridges(const Value& value, const Nodes& nodes, Reader& reader) {
  std::vector<model::Bridge> bridges;
  if (value.kind != Value::Kind::list) {
    reader.wrong(value, "bridges", "a list of bridges such as [{name: xenbr0, interface: eth0}]");
    return bridges;
  }
  BridgeReader bridge_reader(nodes, reader);
  for (const Value& item : value.items)
    if (auto bridge = bridge_reader.read(item)) bridges.push_back(std::move(*bridge));
  bridge_reader.check_devices();
  return bridges;
}

} // namespace xen_drbd::topology
