// The topology file: any bytes give a topology or problems whose places lie inside the file.
#include "xen_drbd/topology/load.hpp"

#include "fuzz.hpp"

#include <algorithm>

using namespace xen_drbd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const topology::TopologyFile file{.name = "topology", .path = "/etc/xen/topology.yaml"};
  const auto parsed = topology::parse_topology(text, file);
  if (parsed) {
    fuzz::must(parsed->node(model::NodeId::node1).name != parsed->node(model::NodeId::node2).name,
               "the two nodes have different names");
    fuzz::must(parsed->jobs >= 1, "there is at least one job");
    return 0;
  }
  fuzz::must(!parsed.error().empty(), "what is wrong is said");
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  std::pair<int, int> before{1, 1};
  for (const topology::Problem& problem : parsed.error()) {
    fuzz::must(problem.line >= 1 && problem.line <= lines, "the line of a problem is one of the file");
    fuzz::must(problem.column >= 1 && static_cast<std::size_t>(problem.column) <= size + 1,
               "the column of a problem is one of the file");
    fuzz::must(std::none_of(problem.text.begin(), problem.text.end(), [](unsigned char c) { return c < 0x20; }),
               "a problem is one line, fit for a terminal");
    fuzz::must(before <= std::pair(problem.line, problem.column), "problems come in the order of the file");
    before = {problem.line, problem.column};
  }
  return 0;
}
