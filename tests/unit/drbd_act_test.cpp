#include "xen_drbd/drbd/act.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using drbd::Refusal;
using test::exited;
using Words = std::vector<std::string>;

namespace {

const ResourceName samba = *ResourceName::parse("samba");

drbd::Explanation explained(const std::string& file, int status) {
  return drbd::explain(exited(status, "", test::data_file("drbd-8.4/parse-stderr-" + file + ".txt")));
}

} // namespace

TEST_CASE("the changing commands are those an administrator would type, never with force") {
  CHECK(drbd::primary_command(samba).argv == Words{"drbdadm", "primary", "samba"});
  CHECK(drbd::secondary_command(samba).argv == Words{"drbdadm", "secondary", "samba"});
  CHECK(drbd::two_primaries_command(samba, true).argv ==
        Words{"drbdadm", "net-options", "--allow-two-primaries=yes", "samba"});
  CHECK(drbd::two_primaries_command(samba, false).argv ==
        Words{"drbdadm", "net-options", "--allow-two-primaries=no", "samba"});
  CHECK(drbd::connect_command(samba).argv == Words{"drbdadm", "connect", "samba"});
  CHECK(drbd::connect_discarding_command(samba).argv == Words{"drbdadm", "connect", "--discard-my-data", "samba"});
}

TEST_CASE("what DRBD 8.4 refused is told apart") {
  CHECK(explained("held-open", 11) == drbd::Explanation{Refusal::held_open, "Device is held open by someone"});
  CHECK(explained("two-primaries", 11) ==
        drbd::Explanation{Refusal::two_primaries, "Multiple primaries not allowed by config"});
  CHECK(explained("no-good-data", 17) == drbd::Explanation{Refusal::no_good_data, "Need access to UpToDate data"});
  CHECK(explained("already-connecting", 10) ==
        drbd::Explanation{Refusal::already_connecting, "Local address(port) already in use."});
  CHECK(explained("not-up", 10) == drbd::Explanation{Refusal::not_up, "Device minor not allocated unknown minor"});
  CHECK(explained("no-such-resource", 10) == drbd::Explanation{Refusal::not_up, "vm1: No such resource"});
  CHECK(explained("unknown-resource", 1) ==
        drbd::Explanation{Refusal::unknown_resource, "'nosuch' not defined in your config (for this host)."});
  CHECK(explained("bad-configuration", 10).refusal == Refusal::bad_configuration);
}

TEST_CASE("an option that cannot be cleared while both are Primary is told with its whole sentence") {
  const auto refused = drbd::explain(exited(10, "",
                                            "vm1: Failure: (164) Can not clear allow_two_primaries as long as\n"
                                            "there a primaries on both sides\n"
                                            "Command 'drbdsetup-84 net-options ...' terminated with exit code 10\n"));
  CHECK(refused == drbd::Explanation{Refusal::still_two_primaries,
                                     "Can not clear allow_two_primaries as long as there a primaries on both sides"});
}

TEST_CASE("what passes by itself is worth another try, and nothing else is") {
  for (const char* text : {"1: State change failed: (-18) In transient state, retry after next state change\n",
                           "1: State change failed: (-19) Concurrent state changes detected and aborted\n",
                           "r: State change failed: (-23) Timeout in operation\n"})
    CHECK(drbd::explain(exited(11, "", text)).refusal == Refusal::transient);
  CHECK(drbd::retry_is_sensible(Refusal::held_open));
  CHECK(drbd::retry_is_sensible(Refusal::transient));
  for (Refusal refusal : {Refusal::none, Refusal::two_primaries, Refusal::no_good_data, Refusal::still_two_primaries,
                          Refusal::already_connecting, Refusal::unknown_resource, Refusal::not_up,
                          Refusal::bad_configuration, Refusal::other, Refusal::outcome_unknown})
    CHECK_FALSE(drbd::retry_is_sensible(refusal));
}

TEST_CASE("success has no refusal, and an outcome that is no exit status is unknown") {
  CHECK(drbd::explain(exited(0)) == drbd::Explanation{});
  for (host::End end : {host::End::lost, host::End::timed_out, host::End::signalled}) {
    const auto unknown =
        drbd::explain({.end = end, .err = "1: State change failed: (-12) Device is held open by someone\n"});
    CHECK(unknown.refusal == Refusal::outcome_unknown);
    CHECK_FALSE(unknown.text.empty());
  }
}

TEST_CASE("words that nobody knows are shown as they are, in one printable line") {
  CHECK(drbd::explain(exited(5, "", "a new complaint\n")) == drbd::Explanation{Refusal::other, "a new complaint"});
  CHECK(drbd::explain(exited(11, "", "1: State change failed: (-99) Something new\n")) ==
        drbd::Explanation{Refusal::other, "Something new"});
  CHECK(drbd::explain(exited(17)).refusal == Refusal::no_good_data);
  for (const std::string& text :
       {std::string("\x1b[2J"), std::string(10'000'000, 'x'), std::string("Failure: ("), std::string("Failure: (x) y"),
        std::string("Failure: (1"), "Failure: (1) " + std::string(1'000'000, '\n') + "\x07"}) {
    const auto odd = drbd::explain(exited(10, "", text));
    CHECK(odd.text.size() < 2'000);
    CHECK(odd.text.find_first_of("\n\x1b\x07") == std::string::npos);
  }
}
