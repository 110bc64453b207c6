// xen-drbd-sim: xl, drbdadm and drbdsetup of a simulated node, by the name it is called by.

#include "admin.hpp"
#include "drbd/tools.hpp"
#include "node_init.hpp"
#include "world/faults.hpp"
#include "world/world.hpp"
#include "xen/xl.hpp"

#include <csignal>
#include <iostream>
#include <string>

namespace {

std::string command_line(const std::string& program, const sim::Arguments& arguments) {
  std::string line = program;
  for (const auto& argument : arguments) { line += " " + argument; }
  return line;
}

int run_tool(const std::string& program, const sim::Arguments& arguments) {
  sim::World world = sim::World::here();
  sim::Output output;
  const std::string line = command_line(program, arguments);
  sim::Faults faults(world, line, output);
  sim::Run run{world, output, faults};
  world.event("command", {{"argv", line}, {"pid", ::getpid()}});
  sim::pause_for(world.look().settings.latency);
  faults.at("before");
  int code = 0;
  if (program == "xl") {
    code = sim::xl_main(run, arguments);
  } else if (program.starts_with("drbdsetup")) {
    code = sim::drbdsetup_main(run, arguments);
  } else {
    code = sim::drbdadm_main(run, arguments);
  }
  faults.at("after");
  world.event("command-end", {{"argv", line}, {"pid", ::getpid()}, {"code", code}});
  output.flush();
  return code;
}

} // namespace

int main(int argc, char** argv) {
  sim::Arguments arguments(argv + 1, argv + argc);
  std::string program = argc > 0 ? argv[0] : "";
  program.erase(0, program.rfind('/') + 1);
  if (program == "xl" || program == "drbdadm" || program.starts_with("drbdsetup")) {
    return run_tool(program, arguments);
  }
  if (!arguments.empty() && arguments[0] == "world") {
    arguments.erase(arguments.begin());
    return sim::admin_main(arguments);
  }
  if (!arguments.empty() && arguments[0] == "node-init") { sim::node_init(); }
  std::cerr << "xen-drbd-sim: call it as xl, drbdadm or drbdsetup, or with `world` or `node-init`\n";
  return 2;
}
