// What comes from a node that holds a restricted key: SSH_ORIGINAL_COMMAND, the lines for the worker and for a relay.
// What is let in is, byte for byte, what xen-drbd would send for the words that were checked.
#include "xen_drbd/host/gate.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/engine/permitted.hpp"
#include "xen_drbd/topology/load.hpp"
#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/transport/ssh.hpp"

#include "fuzz.hpp"

using namespace xen_drbd;

namespace {

constexpr const char* run_directory = "/run/xen-drbd";

const model::Topology& pair() {
  static const auto parsed = topology::parse_topology("node1: dom0\n"
                                                      "node2: {name: mirror, address: 10.77.0.2}\n"
                                                      "domains:\n"
                                                      "  - {name: samba, disks: [{link: samba-root, minor: 1}]}\n"
                                                      "domain_home: {samba: mirror}\n",
                                                      {.name = "topology", .path = "/etc/xen/topology.yaml"});
  fuzz::must(parsed.has_value(), "the topology of the gate is right");
  return *parsed;
}

void command(const std::string& text, const engine::Permitted& permitted) {
  if (const auto held = host::parse_held_command(text)) {
    fuzz::must(host::held_command(*held) == text, "a held command is exactly the one that is sent");
    if (permitted.relay(held->argv))
      fuzz::must(held->argv.size() > 1 && held->argv[0] == "xen-drbd" && held->argv[1] == "relay",
                 "a relay is a relay");
  }
  if (const auto far = transport::parse_far_command(text))
    fuzz::must(transport::far_command(*far) == text, "a far command is exactly the one that is sent");
}

void worker_lines(std::string_view text, const engine::Permitted& permitted) {
  std::vector<std::vector<std::string>> asked;
  host::WorkerLines gate(run_directory, [&](const std::vector<std::string>& argv) {
    asked.push_back(argv);
    return permitted.command(argv);
  });
  for (std::string_view line : lines(text)) {
    asked.clear();
    if (!gate.check(line)) return;
    for (const auto& argv : asked)
      fuzz::must(permitted.command(argv), "a line that is let in runs what is permitted and nothing else");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const engine::Permitted permitted(pair(), model::NodeId::node2, run_directory);
  const std::string_view text = fuzz::text(data, size);
  command(std::string(text), permitted);
  worker_lines(text, permitted);
  if (const auto message = transport::parse_tool_message(text))
    if (const auto* settings = std::get_if<transport::Settings>(&*message))
      static_cast<void>(permitted.ssh(settings->argv));
  static_cast<void>(transport::parse_transport_message(text));
  return 0;
}
