#include "xen_drbd/host/host.hpp"

#include "support/catch.hpp"

using namespace xen_drbd::host;

namespace {

Outcome outcome(End end, int status, std::string out = {}, std::string err = {}, std::string because = {}) {
  return {
      .end = end, .status = status, .out = std::move(out), .err = std::move(err), .lost_because = std::move(because)};
}

} // namespace

TEST_CASE("A failed command is described by its status and the line that tells why") {
  CHECK(describe(outcome(End::exited, 11, "",
                         "1: State change failed: (-12) Device is held open by someone\n"
                         "Command 'drbdsetup secondary 1' terminated with exit code 11\n")) ==
        "exit status 11: 1: State change failed: (-12) Device is held open by someone");
  CHECK(describe(outcome(End::exited, 3, "Parsing config from /etc/xen/samba.cfg\n",
                         "Parsing config from /etc/xen/samba.cfg\nlibxl: error: libxl_create.c:1234: out of luck\n")) ==
        "exit status 3: libxl: error: libxl_create.c:1234: out of luck");
  CHECK(describe(outcome(End::exited, 1, "said on stdout\n", "\n \n")) == "exit status 1: said on stdout");
  CHECK(describe(outcome(End::exited, 1)) == "exit status 1");
}

TEST_CASE("Success is described by its status alone") {
  CHECK(describe(outcome(End::exited, 0, "much output\n", "an error that was none\n")) == "exit status 0");
}

TEST_CASE("The other ends are told apart") {
  CHECK(describe(outcome(End::signalled, 9)) == "killed by signal 9 (Killed)");
  CHECK(describe(outcome(End::timed_out, 0, "", "", "no answer within 10s")) == "no answer within 10s");
  CHECK(describe(outcome(End::timed_out, 0)) == "no answer in time");
  CHECK(describe(outcome(End::lost, 0, "", "", "Connection reset by peer")) ==
        "the connection was lost: Connection reset by peer");
  CHECK(describe(outcome(End::lost, 0)) == "the connection was lost");
}

TEST_CASE("Hostile output cannot move the cursor of the terminal, nor fill it") {
  const std::string described = describe(outcome(End::exited, 1, "", "\x1b[2Jfailed\a" + std::string(5000, 'x')));
  CHECK(described.find('\x1b') == std::string::npos);
  CHECK(described.find('\a') == std::string::npos);
  CHECK(described.size() < 500);
}
