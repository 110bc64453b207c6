#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The guest runs on at its source as if nothing had been tried.
void check_runs_on_at_its_source(Lab& lab, NodeId from) {
  CHECK(lab.world->executes_on("samba", from));
  CHECK(lab.drbd(from, "samba").primary);
  CHECK_FALSE(lab.drbd(other(from), "samba").primary);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->node(other(from)).guests.empty());
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

} // namespace

TEST_CASE("A domain is migrated: held back until its target is Primary, demoted behind it, the window closed") {
  const NodeId from = GENERATE(dom0, mirror);
  Lab lab;
  lab.world->runs("samba", from);
  const DomainReport report = lab.run(migrate_plan("samba", from));
  CHECK(report.result == ResultKind::migrated);
  CHECK(report.node == other(from));
  CHECK_FALSE(report.error);
  CHECK(report.notes.empty());
  CHECK(lab.world->executes_on("samba", other(from)));
  CHECK(lab.drbd(other(from), "samba").primary);
  CHECK_FALSE(lab.drbd(from, "samba").primary);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->node(from).records.empty());
  CHECK(lab.world->accidents == std::vector<std::string>{});

  const std::string here = lab.world->node(from).hostname + ": ";
  const std::string there = lab.world->node(other(from)).hostname + ": ";
  const std::vector<std::string> in_order{here + "relay",
                                          here + "xl migrate samba",
                                          here + "record samba before go",
                                          here + "drbdadm net-options --allow-two-primaries=yes samba",
                                          there + "drbdadm primary samba",
                                          here + "release samba",
                                          here + "record samba ready passed",
                                          here + "pass samba",
                                          here + "drbdadm secondary samba",
                                          here + "drbdadm net-options --allow-two-primaries=no samba",
                                          here + "remove record samba"};
  std::vector<std::size_t> places;
  for (const std::string& line : in_order) places.push_back(lab.world->place(line));
  CHECK(std::is_sorted(places.begin(), places.end()));
}

TEST_CASE("The progress of a migration names its phases, and the guest's memory as what is to be expected") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.run(migrate_plan("samba", dom0));
  const auto phase = [&](const std::string& words) {
    return std::find(lab.heard.phases.begin(), lab.heard.phases.end(), words) - lab.heard.phases.begin();
  };
  CHECK(phase("copying") < phase("last record held"));
  CHECK(phase("last record held") < phase("restoring"));
  CHECK(phase("restoring") < phase("changing sides"));
  CHECK(phase("changing sides") < static_cast<std::ptrdiff_t>(lab.heard.phases.size()));
  CHECK(lab.heard.expected == std::uint64_t{256} << 20U);
}

TEST_CASE("An xl migrate is told of from its start to its end, and not called ended while it goes on") {
  Lab lab;
  lab.world->runs("samba", dom0);
  std::vector<std::string> expected{"samba: xl begins", "samba: xl ended"};
  SECTION("it succeeds") { CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::migrated); }
  SECTION("over plain ssh") { CHECK(lab.run(plain_migrate_plan("samba", dom0)).result == ResultKind::migrated); }
  SECTION("its copy fails") {
    lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  }
  SECTION("it is called off because its target cannot be promoted") {
    lab.drbd(mirror, "samba").disk = "Inconsistent";
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  }
  SECTION("it hangs") {
    expected.pop_back();
    lab.world->migration_faults.xl_hangs = true;
    lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::unknown);
  }
  CHECK(lab.heard.xl == expected);
}

TEST_CASE("A promotion that fails cancels the copy, and the guest runs on") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.drbd(mirror, "samba").disk = "Inconsistent";
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  CHECK(lab.world->count("dom0: end samba") == 1);
  CHECK(lab.world->count("dom0: release samba") == 0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("When the peer's answers are too old at ready, End is said and nothing passes") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::ready] = [&] { lab.world->node(mirror).silent = true; };
  lab.world->when[Phase::nothing_sent] = [] {};
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("has not answered for 5 s"));
  CHECK(lab.world->count("dom0: end samba") == 1);
  CHECK(lab.world->count("dom0: pass samba") == 0);
  CHECK(lab.world->executes_on("samba", dom0));
  // the record says that nothing was passed
  REQUIRE(lab.world->node(dom0).records.contains("samba"));
  CHECK(engine::parse_record(lab.world->node(dom0).records.at("samba"))->before_go);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("When the peer's answers are too old once the target is promoted, the last record is not released") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->before = [&](NodeId id, const std::string& command) {
    if (command == "drbdadm primary" && id == mirror) lab.world->node(mirror).silent = true;
  };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("has not answered for 5 s"));
  CHECK(lab.world->count("dom0: release samba") == 0);
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("Nothing is moved onto a peer that began to leave after the plan was made") {
  Lab lab;
  lab.world->runs("samba", dom0);
  SECTION("before the copy") {
    lab.world->node(mirror).leaving = true;
    const DomainReport report = lab.run(migrate_plan("samba", dom0));
    CHECK(report.result == ResultKind::refused);
    CHECK_FALSE(lab.world->was_changed());
  }
  SECTION("during the copy") {
    lab.world->when[Phase::held] = [&] { lab.world->node(mirror).leaving = true; };
    const DomainReport report = lab.run(migrate_plan("samba", dom0));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("mirror is leaving"));
    CHECK(lab.world->count("dom0: pass samba") == 0);
  }
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("What comes here is stopped by an evacuation of this node that began after the run, and by no older one") {
  Lab lab;
  lab.world->runs("samba", mirror);
  lab.world->node(dom0).leaving = true;
  SECTION("the run began with it") {
    lab.execution.left_before = [] { return true; };
    CHECK(lab.run(migrate_plan("samba", mirror)).result == ResultKind::migrated);
  }
  SECTION("the run began with another, which is a matter of the past") {
    bool newer = false;
    lab.execution.left_before = [&] { return !newer; };
    lab.world->when[Phase::held] = [&] { newer = true; };
    CHECK(lab.run(migrate_plan("samba", mirror)).result == ResultKind::failed);
    check_runs_on_at_its_source(lab, mirror);
  }
  SECTION("it began since") {
    CHECK(lab.run(migrate_plan("samba", mirror)).result == ResultKind::refused);
    check_runs_on_at_its_source(lab, mirror);
  }
}

TEST_CASE("An evacuation of this node that is older than the run says nothing of the peer") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(mirror).leaving = true;
  lab.execution.left_before = [] { return true; };
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::refused);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("When DRBD is not Connected at the last look, nothing passes and the guest runs on") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::ready] = [&] { lab.world->cut_drbd(); };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  CHECK_THAT(report.reason, ContainsSubstring("samba is Connecting on mirror at the last look"));
  CHECK(lab.world->count("dom0: pass samba") == 0);
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK_FALSE(lab.drbd(mirror, "samba").primary);
  // it cannot be closed while the link is gone, and stays equal on both
  CHECK(lab.window_is("samba", true));
  REQUIRE_FALSE(report.notes.empty());
  CHECK_THAT(report.notes.back(), ContainsSubstring("two-primaries window of samba was not closed"));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("The record of a migration is kept while DRBD is not Connected in the end") {
  Lab lab;
  lab.world->runs("samba", dom0);
  int settings = 0;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm net-options" && ++settings == 4) lab.world->cut_drbd(); // the last: closed on this node
  };
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::migrated);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->node(dom0).records.contains("samba"));
}

TEST_CASE("A guest with a DRBD disk that is not declared for it is not moved: nobody would promote that disk") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(dom0).find("samba")->device = GENERATE("93:5", "93:a");
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::refused);
  CHECK(report.error->changed == Changed::no);
  CHECK_THAT(report.reason, ContainsSubstring("which the topology does not declare for it"));
  CHECK(lab.world->log == std::vector<std::string>{"dom0: relay"}); // which changes nothing
}

TEST_CASE("A guest with its own DRBD disk, or another device beside it, is moved") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(dom0).find("samba")->device = GENERATE("93:1", "93:2", "fd:0", "-");
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::migrated);
}

TEST_CASE("A source that knows before its target that DRBD's link is gone lets nothing pass") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::ready] = [&] { lab.drbd(dom0, "samba").knows_cut = true; };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("samba is Connecting on dom0 at the last look"));
  CHECK(lab.world->count("dom0: pass samba") == 0);
  CHECK(lab.world->executes_on("samba", dom0));
}

TEST_CASE("No record is made of a target whose DRBD lost its link in the copy: it may have been promoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::held] = [&] { lab.world->cut_drbd(); };
  lab.world->migration_faults.copy_stays = true; // or the record would go with the end of it all
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("samba is Connecting on mirror"));
  CHECK_FALSE(lab.world->node(dom0).records.contains("samba"));
  CHECK(lab.world->executes_on("samba", dom0));
}

TEST_CASE("The record keeps what its target had written before the promotion, whatever is written since") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.drbd(mirror, "samba").written = 4;
  lab.world->when[Phase::ready] = [&] {
    lab.world->cut_drbd();
    lab.drbd(mirror, "samba").written = 12;
  };
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  REQUIRE(lab.world->node(dom0).records.contains("samba"));
  const auto record = engine::parse_record(lab.world->node(dom0).records.at("samba"));
  CHECK(record->before_go);
  CHECK(record->target_writes == std::map<Minor, std::uint64_t>{{Minor{1}, 4}, {Minor{2}, 4}});
}

TEST_CASE("The record keeps what the disks had seen on both nodes when the guest was suspended") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.drbd(dom0, "samba").written = 700;
  lab.drbd(dom0, "samba").received = 30;
  lab.drbd(mirror, "samba").received = 700;
  lab.world->when[Phase::ready] = [&] {
    lab.world->cut_drbd();
    lab.drbd(dom0, "samba").written = 900;
  };
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  REQUIRE(lab.world->node(dom0).records.contains("samba"));
  const auto record = engine::parse_record(lab.world->node(dom0).records.at("samba"));
  CHECK(record->target_received == std::map<Minor, std::uint64_t>{{Minor{1}, 700}, {Minor{2}, 700}});
  CHECK(record->source_written == std::map<Minor, std::uint64_t>{{Minor{1}, 730}, {Minor{2}, 730}});
}

TEST_CASE("A target disk that is not UpToDate at the last look is not handed a guest") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::ready] = [&] { lab.drbd(mirror, "samba").disk = "Diskless"; };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("Diskless"));
  CHECK(lab.world->count("dom0: pass samba") == 0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("migrate_timeout cancels a copy that does not come to its end") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->topology.migrate_timeout = Milliseconds(60'000);
  const Phase phase = GENERATE(Phase::copying, Phase::released);
  lab.world->migration_faults.stops_in = phase;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("migrate_timeout (1m) has passed"));
  CHECK(report.seconds > 60);
  CHECK(report.seconds < 65);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("migrate_timeout ends nothing once ready was passed") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->topology.migrate_timeout = Milliseconds(60'000);
  lab.world->migration_faults.stops_in = Phase::passed;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(lab.world->count("dom0: pass samba") == 1);
  CHECK(lab.world->count("dom0: end samba") == 0);
  CHECK(report.seconds > 300);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("An interruption before ready cancels the copy") {
  const Phase phase = GENERATE(Phase::nothing_sent, Phase::copying, Phase::held, Phase::released);
  Lab lab;
  lab.world->runs("samba", dom0);
  std::atomic<bool> interrupted{false};
  lab.execution.stop = [&] { return interrupted.load(); };
  lab.world->when[phase] = [&] { interrupted = true; };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::interrupted);
  CHECK_FALSE(report.error->what.empty());
  CHECK(lab.world->count("dom0: pass samba") == 0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("The end of the time for moves cancels the copy, and is no interruption") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.execution.moves_end = lab.now() + std::chrono::seconds(60);
  lab.world->migration_faults.stops_in = Phase::copying;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  CHECK(report.reason == "the time for moves is over");
  CHECK(lab.world->count("dom0: pass samba") == 0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("An interruption after ready does not cancel: the domain changes sides, and is tidied up after") {
  const Phase phase = GENERATE(Phase::passed, Phase::gone);
  Lab lab;
  lab.world->runs("samba", dom0);
  std::atomic<bool> interrupted{false};
  lab.execution.stop = [&] { return interrupted.load(); };
  lab.world->when[phase] = [&] { interrupted = true; };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::migrated);
  CHECK(lab.world->count("dom0: end samba") == 0);
  CHECK(lab.world->executes_on("samba", mirror));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.window_is("samba", false));
}

TEST_CASE("An xl that never ends is reported as unknown within its bound, and nothing is demoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.xl_hangs = true;
  SECTION("after the copy was cancelled") {
    lab.world->when[Phase::held] = [&] { lab.drbd(mirror, "samba").disk = "Inconsistent"; };
  }
  SECTION("after the transport has ended by itself") {
    lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
  }
  SECTION("after ready has passed") { lab.world->migration_faults.stops_in = Phase::passed; }
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::unknown);
  CHECK_THAT(report.error->hint, ContainsSubstring("xen-drbd recover samba"));
  CHECK(report.seconds < 700);
  CHECK(lab.world->count("mirror: drbdadm secondary samba") == 0);
  CHECK(lab.world->count("dom0: drbdadm secondary samba") == 0);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("An xl that hangs behind ready is left when the time of the moves is over: the rest is for the shutdowns") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.xl_hangs = true;
  lab.world->migration_faults.stops_in = Phase::passed;
  lab.execution.moves_end = lab.now() + std::chrono::seconds(60);
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK(report.seconds >= 60);
  CHECK(report.seconds < 75);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("An xl that hangs before ready does not take the time of the shutdowns either") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.xl_hangs = true;
  lab.execution.moves_end = lab.now() + std::chrono::seconds(60);
  SECTION("its copy is cancelled then") { lab.world->migration_faults.stops_in = Phase::copying; }
  SECTION("its copy was cancelled shortly before") {
    lab.world->migration_faults.stops_in = Phase::copying;
    lab.world->topology.migrate_timeout = Milliseconds(55'000);
  }
  SECTION("its transport has ended by itself") {
    lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
  }
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK(report.seconds >= 60);
  CHECK(report.seconds < 75);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A copy that is cancelled while its xl hangs is waited for once, not once for each step") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.xl_hangs = true;
  lab.drbd(mirror, "samba").disk = "Inconsistent";
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK(report.seconds < 130);
}

TEST_CASE("A transport that ends early fails the migration, whatever ended it, and the guest runs on") {
  const Phase phase = GENERATE(Phase::nothing_sent, Phase::copying, Phase::held, Phase::released, Phase::ready);
  const EndCause cause = GENERATE(EndCause::ssh_ended, EndCause::signalled, EndCause::xl_closed,
                                  EndCause::unknown_stream, EndCause::contradicted);
  const NodeId from = GENERATE(dom0, mirror);
  Lab lab;
  lab.world->runs("samba", from);
  lab.world->migration_faults.ends_in = {phase, cause};
  const DomainReport report = lab.run(migrate_plan("samba", from));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == from);
  CHECK_FALSE(report.reason.empty());
  CHECK(lab.world->count(lab.world->node(from).hostname + ": pass samba") == 0);
  check_runs_on_at_its_source(lab, from);
}

TEST_CASE("A transport that cannot be started fails the migration") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.no_transport = true;
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("A transport of another version is told to end before anything is sent") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.version = "0.0.9";
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("0.0.9"));
  CHECK(lab.world->count("dom0: settings samba") == 0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("An option that ssh must not get fails the migration before anything is sent") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->topology.migrate_ssh_options = {"-F", "/root/other"};
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("A target of another boot gets no memory") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(mirror).identity = "boot-after-a-reset";
  CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("A source without a relay is refused before anything was changed") {
  Lab lab;
  lab.world->runs("samba", mirror);
  lab.world->fault(mirror, 1, Fault::fails); // the relay is opened first
  const DomainReport report = lab.run(migrate_plan("samba", mirror));
  REQUIRE(report.error);
  CHECK(exit_code(report.error->kind) != 0);
  CHECK(lab.world->log == std::vector<std::string>{});
  CHECK(lab.world->executes_on("samba", mirror));
}

TEST_CASE("What xl exits with decides nothing: the look at both nodes does") {
  Lab lab;
  lab.world->runs("samba", dom0);
  SECTION("moved, and xl says that it failed") {
    lab.world->migration_faults.status = 1;
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::migrated);
    CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  }
  SECTION("not moved, and xl says that it succeeded") {
    lab.world->migration_faults.status = 0;
    lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
    const DomainReport report = lab.run(migrate_plan("samba", dom0));
    CHECK(report.result == ResultKind::failed);
    CHECK(report.node == dom0);
    CHECK(lab.drbd(dom0, "samba").primary);
  }
  SECTION("neither: the target never started it") {
    lab.world->migration_faults.status = 0;
    lab.world->migration_faults.target_never_starts = true;
    const DomainReport report = lab.run(migrate_plan("samba", dom0));
    CHECK(report.result == ResultKind::unknown);
    REQUIRE(report.error);
    CHECK_THAT(report.error->what, ContainsSubstring("migrated away on dom0, an incoming copy on mirror"));
    CHECK(lab.drbd(dom0, "samba").primary);
    CHECK(lab.drbd(mirror, "samba").primary);
  }
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A target that reports a failure after GO gives the guest back") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.target_fails = true;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  check_runs_on_at_its_source(lab, dom0);
}

TEST_CASE("A source copy that is not cleared away is a failure that says where the domain runs") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.source_stays = true;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == mirror);
  REQUIRE(report.error);
  CHECK_THAT(report.error->what, ContainsSubstring("was migrated to mirror, but not cleared away on dom0"));
  CHECK(lab.world->count("dom0: drbdadm secondary samba") == 0);
  CHECK(lab.world->node(dom0).records.contains("samba"));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A cancelled copy that stays on the target is cleared away as recover would, and the window is closed") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.copy_stays = true;
  lab.world->migration_faults.ends_in = {Phase::released, EndCause::ssh_ended};
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  CHECK(report.notes.empty());
  REQUIRE(report.error);
  CHECK_THAT(report.error->hint, ContainsSubstring("samba runs on at dom0"));
  CHECK(lab.world->count("mirror: end receiver samba") == 1);
  CHECK(lab.world->node(mirror).guests.empty());
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK_FALSE(lab.drbd(mirror, "samba").primary);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A cancelled copy that cannot be cleared away, or has run, stays on the target, and its disk as it is") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.copy_stays = true;
  lab.world->migration_faults.ends_in = {Phase::released, EndCause::ssh_ended};
  SECTION("its receiver does not end") { lab.world->node(mirror).receiver_stays = true; }
  SECTION("it has run") {
    lab.world->when[Phase::released] = [&] { lab.world->node(mirror).find("samba--incoming")->cpu_seconds = 1; };
  }
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == dom0);
  REQUIRE(report.error);
  CHECK_THAT(report.error->hint, ContainsSubstring("recover samba clears away"));
  CHECK(report.seconds < 30); // nobody is left who would clear it away: only the demotion is tried for a while
  CHECK(lab.world->count("mirror: xl destroy samba--incoming") == 0);
  CHECK(lab.world->count("mirror: drbdadm secondary samba") == 0);
  CHECK(lab.drbd(mirror, "samba").primary);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A source that is left suspended is unknown, and nothing is demoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.stays_suspended = true;
  lab.world->migration_faults.ends_in = {Phase::held, EndCause::ssh_ended};
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK_THAT(report.error->what, ContainsSubstring("suspended on dom0"));
  CHECK(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("A domain that was resumed although it runs on the target is unknown, never migrated") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.both_run = true;
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK_THAT(report.error->what, ContainsSubstring("running on dom0, running on mirror"));
  CHECK(lab.world->count("dom0: drbdadm secondary samba") == 0);
}

TEST_CASE("A guest that lost its watcher in a failed migration is named") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->migration_faults.watcher_dies = true;
  lab.world->migration_faults.ends_in = {Phase::copying, EndCause::ssh_ended};
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->hint, ContainsSubstring("its xl watcher is gone"));
}

TEST_CASE("A disk that is closed at the target is a failure, and the source is demoted all the same") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->loses_a_disk.insert("samba");
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.node == mirror);
  CHECK_THAT(report.error->what, ContainsSubstring("without a disk"));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.drbd(mirror, "samba").primary);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A peer that is lost during the copy fails the migration: the guest runs on, exit 6 and not 5") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::copying] = [&] {
    lab.world->lose(mirror);
    lab.world->ssh_cut = true;
  };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  CHECK(report.node == dom0);
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK(report.seconds < 30); // what is lost is not waited for
}

TEST_CASE("A source that is lost during the copy makes the outcome unknown, and nothing is demoted") {
  Lab lab;
  lab.world->runs("samba", mirror);
  lab.world->when[Phase::copying] = [&] { lab.world->lose(mirror); };
  const DomainReport report = lab.run(migrate_plan("samba", mirror));
  CHECK(report.result == ResultKind::unknown);
  CHECK(lab.world->count("dom0: drbdadm secondary samba") == 0);
  lab.world->heal();
  CHECK(lab.world->executes_on("samba", mirror)); // its transport ended with its relay
}

TEST_CASE("A relay that dies before ready ends the copy, and the next migration gets a relay of its own") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->runs("dns", dom0);
  bool once = true;
  lab.world->when[Phase::copying] = [&] {
    if (std::exchange(once, false)) lab.world->end_relays();
  };
  model::Plan plan;
  plan.domains = {migrate_plan("samba", dom0), migrate_plan("dns", dom0)};
  lab.execution.jobs = 1;
  const Report report = lab.run(plan);
  CHECK(report.domains[0].result == ResultKind::failed);
  CHECK(report.domains[1].result == ResultKind::migrated);
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK(lab.world->executes_on("dns", mirror));
  CHECK(lab.world->count("dom0: relay") == 2);
}

TEST_CASE("Two domains migrate at the same time, each in its own conversation") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->runs("dns", dom0);
  model::Plan plan;
  plan.domains = {migrate_plan("samba", dom0), migrate_plan("dns", dom0)};
  const Report report = lab.run(plan);
  CHECK(report.domains[0].result == ResultKind::migrated);
  CHECK(report.domains[1].result == ResultKind::migrated);
  CHECK(lab.world->count("dom0: relay") == 1);
  CHECK_FALSE(lab.heard.overlapped);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A domain that is no longer as it was planned is not migrated, and nothing was changed") {
  Lab lab;
  lab.world->runs("samba", dom0);
  SECTION("it is on the target") { lab.world->add_guest(mirror, "samba--incoming", "samba", "--p---"); }
  SECTION("its watcher is on the target") { lab.world->node(mirror).watchers.insert("samba"); }
  SECTION("it does not run") { lab.world->node(dom0).find("samba")->letters = "--p---"; }
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::refused);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::refused);
  CHECK(report.error->changed == Changed::no);
  CHECK(lab.world->log == std::vector<std::string>{"dom0: relay"});
}

TEST_CASE("Over plain ssh the target is promoted before the copy") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->plain_ahead = true;
  const DomainReport report = lab.run(plain_migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::migrated);
  CHECK(lab.world->executes_on("samba", mirror));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("Over plain ssh an xl that never ends is unknown: it may still move the domain, and nothing is demoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->plain_ahead = true;
  lab.world->migration_faults.stops_in = Phase::copying;
  const DomainReport report = lab.run(plain_migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK(lab.world->count("mirror: drbdadm secondary samba") == 0);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}
