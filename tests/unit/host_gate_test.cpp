#include "xen_drbd/host/gate.hpp"

#include "support/catch.hpp"
#include "wire.hpp"

using namespace xen_drbd;
using namespace xen_drbd::host;
using Catch::Matchers::ContainsSubstring;

namespace {

using Words = std::vector<std::string>;

const std::string token(32, 'a');

std::string line_of(const Words& words) {
  std::string line = wire_line(words);
  line.pop_back();
  return line;
}

/// Lines after a right first one, with a gate that lets "xl list" and a script of two lines through.
struct Gate {
  WorkerLines lines{"/run/xen-drbd", [](const Words& argv) {
                      return argv == Words{"xl", "list"} || argv == Words{"sh", "-c", "echo 'a'\necho b"};
                    }};
  Gate() { REQUIRE(lines.check(line_of({token, token, "/run/xen-drbd", "worker." + token, "1.000"}))); }
  bool passes(const std::string& line) { return lines.check(line).has_value(); }
};

} // namespace

TEST_CASE("The lines of a run pass the gate when its commands are permitted") {
  Gate gate;
  CHECK(gate.passes(line_of({"beat", "1"})));
  CHECK(gate.passes(
      line_of({"ask", "2", "10", line_of({"xl", "list"}), "0.500", line_of({"sh", "-c", "echo 'a'\necho b"})})));
  CHECK(gate.passes(line_of({"act", "3", "exec " + line_of({"xl", "list"})})));
  CHECK(gate.passes(line_of({"act", "3", "scope " + line_of({"xl", "list"})})));
  CHECK(gate.passes(line_of({"lock", "4", "dom0 pid 4711 start samba; rm -rf /"})));
  CHECK(gate.passes(line_of({"unlock", "5"})));
}

TEST_CASE("A command that is not permitted does not pass, wherever it stands") {
  Gate gate;
  const auto refused = gate.lines.check(line_of({"act", "3", "exec " + line_of({"xl", "destroy", "0"})}));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().because, ContainsSubstring("xl destroy 0"));
  CHECK_FALSE(gate.passes(line_of({"ask", "2", "10", line_of({"xl", "list"}), "10", line_of({"id"})})));
}

TEST_CASE("A question about another topology file is refused as such") {
  Gate gate;
  const auto refused = gate.lines.check(line_of({"ask", "2", "10", line_of({"cat", "--", "/etc/xen/lan.yaml"})}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().because == "it is let in for another topology than /etc/xen/lan.yaml");
}

TEST_CASE("What the worker's sh would read otherwise than the gate does not pass") {
  Gate gate;
  const std::string odd =
      GENERATE(as<std::string>{}, "beat 1; id", "beat $(id)", "beat 1 `id`", "act 1 'exec xl list; id'",
               "act 1 'xl list'", "act 1 'eval xl list'", "act 1 'exec xl list\" \"'", "act 1 'exec xl  list'",
               "act  1 'exec xl list'", "act 1 exec xl list", "ask 1 '10 id' 'xl list'", "ask 1 '' 'xl list'",
               "ask 1 10", "act 1 \"exec xl list\"", "act x 'exec xl list'", "beat", "", "beat 1 2", "eval 1 id",
               "beat 1 # x", "beat '1'", "act 1 '\"$nl\"id'", "beat 1\r");
  CAPTURE(odd);
  CHECK_FALSE(gate.passes(odd));
}

TEST_CASE("The first line must be that of a run: tokens, the run directory, a directory of its own below it") {
  const Words right{token, token, "/run/xen-drbd", "worker." + token, "1.000"};
  const auto passes = [](const Words& words) {
    return WorkerLines("/run/xen-drbd", [](const Words&) { return true; }).check(line_of(words)).has_value();
  };
  CHECK(passes(right));
  for (std::size_t at = 0; at < right.size(); ++at) {
    Words wrong = right;
    wrong[at] = at == 3 ? "worker./../../../etc" : "/etc";
    CHECK_FALSE(passes(wrong));
  }
  CHECK_FALSE(passes({"act", "1", "id"}));
}

TEST_CASE("A held command is read back, and nothing that only looks like one") {
  const HeldCommand relay{.mark = token, .argv = {"xen-drbd", "relay", "0af3", "/run/xen-drbd"}};
  const std::string text = held_command(relay);
  CHECK(parse_held_command(text) == relay);
  CHECK_FALSE(parse_held_command(text + "; id"));
  CHECK_FALSE(parse_held_command(text + " "));
  CHECK_FALSE(parse_held_command("exec sh -c 'echo " + token + "' sh id"));
  CHECK_FALSE(parse_held_command("exec sh -c id sh id"));
  CHECK_FALSE(parse_held_command(""));
}
