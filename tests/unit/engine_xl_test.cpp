#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string create = "xl create -q /etc/xen/samba.cfg";

DomainPlan recover_steps(std::vector<Step> all) { return plan_of("samba", Verdict::recover, dom0, std::move(all)); }

} // namespace

TEST_CASE("A node that begins to leave between the plan and the create gets no domain any more") {
  Lab lab;
  const NodeId node = GENERATE(dom0, mirror);
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm primary") lab.world->node(node).leaving = true;
  };
  const DomainReport report = lab.run(start_plan("samba", node));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring(lab.cluster.name(node) + " is leaving"));
  CHECK(lab.world->count(lab.cluster.name(node) + ": xl create /etc/xen/samba.cfg") == 0);
  CHECK_FALSE(lab.drbd(node, "samba").primary);
}

TEST_CASE("A node that begins to leave while absence is proved on it gets no domain any more") {
  Lab lab;
  lab.world->node(mirror).watchers_listable = false; // the proof takes 10 s
  lab.world->time->after(Milliseconds(2000), [&] { lab.world->node(mirror).leaving = true; });
  const DomainReport report = lab.run(plain_start("web", mirror));
  CHECK(report.result == ResultKind::refused);
  CHECK_THAT(report.reason, ContainsSubstring("mirror is leaving"));
  CHECK_FALSE(lab.world->was_changed());
}

TEST_CASE("A domain is started: promoted, created, seen running with its disks") {
  const NodeId node = GENERATE(dom0, mirror);
  Lab lab;
  const DomainReport report = lab.run(start_plan("samba", node));
  CHECK(report.result == ResultKind::started);
  CHECK(report.node == node);
  CHECK_FALSE(report.error);
  CHECK(lab.world->executes_on("samba", node));
  CHECK(lab.drbd(node, "samba").primary);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A domain that has turned up on either node since the plan is not created, and its disk is given back") {
  const NodeId where = GENERATE(dom0, mirror);
  const std::string row = GENERATE(values<std::string>({"samba", "samba--incoming", ""}));
  Lab lab;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command != "drbdadm primary") return;
    if (row.empty())
      lab.world->node(where).watchers.insert("samba");
    else
      lab.world->add_guest(where, row, "samba", "--p---").has_disks = false;
  };
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed); // the promotion was a change
  CHECK(lab.world->count("dom0: " + create) == 0);
  CHECK(lab.drbd(dom0, "samba").primary == (where == dom0));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("Nothing is created on a peer that began to leave after the plan was made") {
  Lab lab;
  lab.world->node(mirror).leaving = true;
  const DomainReport report = lab.run(plain_start("web", mirror));
  CHECK(report.result == ResultKind::refused);
  CHECK_THAT(report.reason, ContainsSubstring("mirror is leaving"));
  CHECK(lab.world->log.empty());
}

TEST_CASE("Nothing is created where a node cannot be asked about the domain") {
  Lab lab;
  SECTION("xl fails there") { lab.world->node(mirror).xl_works = false; }
  SECTION("it is lost") { lab.world->lose(mirror); }
  SECTION("it is silent") { lab.world->node(mirror).silent = true; }
  SECTION("it was never reached, and nobody says that it is dead") {
    lab.cluster.hosts[1] = nullptr;
    lab.cluster.peer_error =
        Error{.kind = ErrorKind::unreachable, .what = "mirror was not reached", .because = "No route to host"};
  }
  const DomainReport report = lab.run(plain_start("web", dom0));
  CHECK(report.result == ResultKind::refused);
  REQUIRE(report.error);
  CHECK(report.error->changed == Changed::no);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A start whose absence cannot be proved after the promotion has created nothing, and gives the disk back") {
  const NodeId where = GENERATE(dom0, mirror);
  Lab lab;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command != "drbdadm primary") return;
    lab.world->node(where).xl_works = false;
    lab.world->time->after(Milliseconds(1000), [&] { lab.world->node(where).xl_works = true; });
  };
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.error->kind == ErrorKind::failed);
  CHECK(report.error->changed == Changed::yes);
  CHECK(lab.world->count("dom0: " + create) == 0);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("xl create that succeeds for a guest with a closed disk is a failure that names the disk") {
  Lab lab;
  lab.world->loses_a_disk.insert("samba");
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->what, ContainsSubstring("without a disk"));
  CHECK_THAT(report.reason, ContainsSubstring("51712"));
  CHECK(lab.drbd(dom0, "samba").primary); // it is there: nothing is demoted under it
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("xl create that fails starts nothing, and what was promoted is demoted again") {
  Lab lab;
  lab.world->fault(dom0, 6, Fault::fails); // look, promote, role, mark, rows, create
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("the machine has a bad day"));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->guests_of("samba") == 0);
}

TEST_CASE("The way out of an xl create that failed leads through xen-drbd, which promotes the disk first") {
  for (NodeId node : {dom0, mirror}) {
    Lab lab;
    lab.world->fault(node, 6, Fault::fails); // look, promote, role, mark, rows, create
    const DomainReport report = lab.run(start_plan("samba", node));
    REQUIRE(report.error);
    const std::string name = node == dom0 ? "dom0" : "mirror";
    CHECK(report.error->hint == "correct the cause: on " + name +
                                    ", `xl create -n /etc/xen/samba.cfg` checks the file, and "
                                    "/var/log/xen/xl-samba.log may tell more; then on " +
                                    name + ": xen-drbd start samba");
  }
}

TEST_CASE("xl create that fails although the domain is listed is a failure, and nothing is demoted") {
  Lab lab;
  lab.world->fault(dom0, 6, Fault::fails);
  lab.world->when_faulty = [&] { lab.world->add_guest(dom0, "samba", "samba", "--p---"); };
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->what, ContainsSubstring("samba is on dom0, but xl create failed"));
  CHECK(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("xl create that succeeds for a guest that is gone a moment later is a failure") {
  Lab lab;
  lab.world->crashes_at_once.insert("samba");
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->what, ContainsSubstring("did not stay up"));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("xl create without an answer is unknown, and nothing is demoted, whatever is seen") {
  const Fault fault = GENERATE(Fault::times_out, Fault::times_out_works, Fault::times_out_late);
  Lab lab;
  lab.world->fault(dom0, 6, fault);
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK(report.error->kind == ErrorKind::unknown);
  CHECK_THAT(report.error->hint, ContainsSubstring("xen-drbd recover samba"));
  CHECK(lab.drbd(dom0, "samba").primary);
  lab.world->heal();
  CHECK(lab.world->guests_of("samba") == (fault == Fault::times_out ? 0 : 1));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A connection that is lost during xl create makes it unknown") {
  Lab lab;
  lab.world->fault(mirror, 6, GENERATE(Fault::lost, Fault::lost_works)); // look, promote, role, mark, rows, create
  const DomainReport report = lab.run(start_plan("samba", mirror));
  CHECK(report.result == ResultKind::unknown);
  CHECK(lab.drbd(mirror, "samba").primary);
}

TEST_CASE("A guest that runs, but whose disks cannot be asked for, is unknown and not failed") {
  Lab lab;
  // look, promote, role, mark, rows, create, rows, disks
  for (std::size_t asked = 8; asked < 200; ++asked) lab.world->fault(dom0, asked, Fault::times_out);
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK_THAT(report.error->what, ContainsSubstring("whether samba has its disks"));
  CHECK(lab.world->executes_on("samba", dom0));
}

TEST_CASE("What xl cannot tell at once after a create is asked again") {
  const NodeId node = GENERATE(dom0, mirror);
  const Fault fault = GENERATE(Fault::times_out, Fault::fails);
  const int which = GENERATE(7, 8); // look, promote, role, mark, rows, create, rows, disks
  Lab lab;
  lab.world->fault(node, which, fault);
  const DomainReport report = lab.run(start_plan("samba", node));
  CHECK(report.result == ResultKind::started);
  CHECK(lab.world->executes_on("samba", node));
}

TEST_CASE("A guest whose xl stays silent after the create is unknown, and not waited for without end") {
  Lab lab;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command.find("xl create") != std::string::npos) lab.world->node(dom0).xl_works = false;
  };
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::unknown);
  CHECK_THAT(report.error->what, ContainsSubstring("whether samba was started on dom0 is not known"));
  CHECK(report.seconds >= 20);
  CHECK(report.seconds < 60);
  CHECK(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("With an accepted claim that the peer is dead it is not looked at, but asked for before each step") {
  Lab lab;
  lab.cluster.hosts[1] = nullptr;
  lab.cluster.peer_error =
      Error{.kind = ErrorKind::unreachable, .what = "mirror was not reached", .because = "No route to host"};
  lab.execution.peer_is_dead = true;
  lab.world->may_promote_alone = true;
  lab.world->cut_drbd();
  int asked = 0;
  int alive_from = 100;
  lab.execution.still_dead = [&]() -> std::optional<Error> {
    if (++asked < alive_from) return std::nullopt;
    return Error{.kind = ErrorKind::refused, .what = "mirror is not dead", .because = "its port 22 answers"};
  };
  SECTION("it stays dead") {
    CHECK(lab.run(start_plan("samba", dom0)).result == ResultKind::started);
    CHECK(asked == 2);
  }
  SECTION("a suspended guest is resumed without a look at it") {
    lab.drbd(dom0, "samba").primary = true;
    lab.world->add_guest(dom0, "samba", "samba", "---ss-");
    CHECK(lab.run(recover_steps({next(model::Resume{dom0, "samba"})})).result == ResultKind::recovered);
    CHECK(asked == 1);
  }
  SECTION("it shows signs of life before the promotion") {
    alive_from = 1;
    const DomainReport report = lab.run(start_plan("samba", dom0));
    CHECK(report.result == ResultKind::refused);
    CHECK(lab.world->log.empty());
  }
  SECTION("it shows signs of life before the create") {
    alive_from = 2;
    const DomainReport report = lab.run(start_plan("samba", dom0));
    CHECK(report.result == ResultKind::failed);
    CHECK(lab.world->guests_of("samba") == 0);
    CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  }
  SECTION("steps that name it fail, and do no harm") {
    const std::vector<model::Action> actions{model::Promote{mirror, samba_resource},
                                             model::Demote{mirror, samba_resource},
                                             model::Create{mirror, "/etc/xen/samba.cfg"},
                                             model::OpenWindow{samba_resource},
                                             model::CloseWindow{samba_resource},
                                             model::CopyMemory{mirror},
                                             model::CopyMemory{dom0},
                                             model::HandOver{mirror},
                                             model::MigratePlain{mirror},
                                             model::Shutdown{mirror, Milliseconds(1000), false},
                                             model::Destroy{mirror, "samba"},
                                             model::Unpause{mirror},
                                             model::Resume{mirror, "samba"},
                                             model::EndReceiver{mirror},
                                             model::Reconnect{mirror, samba_resource},
                                             model::Connect{samba_resource},
                                             model::RemoveRecord{mirror}};
    for (const model::Action& action : actions) {
      INFO(name_of(action));
      CHECK(lab.run(recover_steps({next(action)})).error);
    }
    CHECK(lab.world->node(mirror).commands == 0);
  }
}

TEST_CASE("A guest that is only asked to shut down is not destroyed when nobody clears it away") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(dom0).watchers.clear();
  const DomainReport report =
      lab.run(plan_of("samba", Verdict::stop, dom0, {next(model::Shutdown{dom0, Milliseconds(30'000), false, true})}));
  CHECK(report.result == ResultKind::failed);
  CHECK(lab.world->count("dom0: xl destroy samba") == 0);
}

TEST_CASE("Nothing is created from a configuration that has changed since the look, and its disk is given back") {
  Lab lab;
  const auto plan_with = [&](char digit) {
    const ResourceName disk = resource_name("samba");
    return plan_of("samba", Verdict::start, dom0,
                   {next(model::Promote{dom0, disk}),
                    next(model::Create{dom0, "/etc/xen/samba.cfg", std::string(64, digit)}),
                    on_failure(model::Demote{dom0, disk})});
  };
  SECTION("another file") {
    const DomainReport report = lab.run(plan_with('b'));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("/etc/xen/samba.cfg has changed since it was looked at"));
    CHECK(lab.world->count("dom0: " + create) == 0);
    CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  }
  SECTION("the same file") { CHECK(lab.run(plan_with('a')).result == ResultKind::started); }
}

TEST_CASE("A domain is shut down, and demoted once it is gone") {
  Lab lab;
  lab.world->runs("samba", dom0);
  const DomainReport report = lab.run(stop_plan("samba", dom0));
  CHECK(report.result == ResultKind::stopped);
  CHECK(report.seconds < 10);
  CHECK(lab.world->guests_of("samba") == 0);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->count("dom0: xl destroy samba") == 0);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("Where watchers cannot be listed a guest has shut down only when it stayed away for ten seconds") {
  Lab lab;
  lab.world->runs("web", dom0);
  lab.world->node(dom0).watchers_listable = false;
  const DomainReport report =
      lab.run(plan_of("web", Verdict::stop, dom0, {next(model::Shutdown{dom0, Milliseconds(60'000), false})}));
  CHECK(report.result == ResultKind::stopped);
  CHECK(report.seconds >= 10);
}

TEST_CASE("A guest that ignores its shutdown is left running after the deadline") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->ignores_shutdown.insert("samba");
  const DomainReport report = lab.run(stop_plan("samba", dom0, Milliseconds(60'000)));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("after 1m it is running"));
  CHECK_THAT(report.error->hint, ContainsSubstring("--destroy"));
  CHECK(report.seconds >= 60);
  CHECK(report.seconds < 61);
  CHECK(lab.world->executes_on("samba", dom0));
  CHECK(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("With --destroy a guest that ignores its shutdown is destroyed after the deadline, and demoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->ignores_shutdown.insert("samba");
  lab.world->may_be_destroyed_running.insert("samba");
  CHECK(lab.run(stop_plan("samba", dom0, Milliseconds(60'000), true)).result == ResultKind::stopped);
  CHECK(lab.world->guests_of("samba") == 0);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A guest that reboots in the moment in which it is to be destroyed is destroyed once it is back") {
  Lab lab;
  lab.world->runs("web", dom0);
  lab.world->ignores_shutdown.insert("web");
  lab.world->may_be_destroyed_running.insert("web");
  const auto row = *lab.world->node(dom0).find("web");
  lab.world->time->after(Milliseconds(9'500), [&] { lab.world->node(dom0).guests.clear(); });
  lab.world->time->after(Milliseconds(11'500), [&] { lab.world->node(dom0).guests.push_back(row); });
  const DomainReport report =
      lab.run(plan_of("web", Verdict::stop, dom0, {next(model::Shutdown{dom0, Milliseconds(10'000), true})}));
  CHECK(report.result == ResultKind::stopped);
  CHECK(lab.world->guests_of("web") == 0);
  CHECK(lab.world->count("dom0: xl destroy web") == 1);
}

TEST_CASE("A guest that has powered off and is cleared away by nobody is destroyed") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(dom0).watchers.clear();
  const DomainReport report = lab.run(stop_plan("samba", dom0));
  CHECK(report.result == ResultKind::stopped);
  CHECK(lab.world->count("dom0: xl destroy samba") == 1);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("A guest with a watcher is left to it, however long it takes") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->node(dom0).find("samba")->letters = "---s--";
  lab.world->ignores_shutdown.insert("samba");
  lab.world->time->after(Milliseconds(40'000), [&] {
    lab.world->node(dom0).guests.clear();
    lab.world->node(dom0).watchers.clear();
  });
  SECTION("within shutdown_timeout") { CHECK(lab.run(stop_plan("samba", dom0)).result == ResultKind::stopped); }
  SECTION("longer than shutdown_timeout, which is the guest's own time, and it has shut down") {
    CHECK(lab.run(stop_plan("samba", dom0, Milliseconds(10'000))).result == ResultKind::stopped);
  }
  CHECK(lab.world->count("dom0: xl destroy samba") == 0);
}

TEST_CASE("A guest that did not shut down in time is given longer by what bounded it") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->ignores_shutdown.insert("samba");
  const Milliseconds own = lab.world->topology.find(domain_name("samba"))->shutdown_timeout;
  const DomainReport bounded = lab.run(stop_plan("samba", dom0, Milliseconds(10'000)));
  REQUIRE(bounded.error);
  CHECK_THAT(bounded.error->hint, ContainsSubstring("wait longer (--deadline)"));
  const DomainReport patient = lab.run(stop_plan("samba", dom0, own));
  REQUIRE(patient.error);
  CHECK_THAT(patient.error->hint, ContainsSubstring("wait longer (shutdown_timeout)"));
}

TEST_CASE("A shutdown that xl refuses is a failure after a moment; one without an answer is waited for") {
  Lab lab;
  lab.world->runs("samba", dom0);
  SECTION("refused") {
    lab.world->fault(dom0, 1, Fault::fails);
    const DomainReport report = lab.run(stop_plan("samba", dom0));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("the machine has a bad day"));
    CHECK(report.seconds < 7);
  }
  SECTION("refused, with --destroy") {
    lab.world->fault(dom0, 1, Fault::fails);
    lab.world->may_be_destroyed_running.insert("samba");
    CHECK(lab.run(stop_plan("samba", dom0, Milliseconds(120'000), true)).result == ResultKind::stopped);
  }
  SECTION("without an answer") {
    lab.world->fault(dom0, 1, Fault::times_out_late); // the guest shuts down a minute later
    CHECK(lab.run(stop_plan("samba", dom0)).result == ResultKind::stopped);
  }
}

TEST_CASE("A stop goes on when the peer is lost: it needs this node's half of the lock only") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->lose(mirror);
  CHECK(lab.run(stop_plan("samba", dom0)).result == ResultKind::stopped);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("A shutdown that cannot be looked at is unknown") {
  Lab lab;
  lab.world->runs("samba", dom0);
  SECTION("xl fails") {
    lab.world->before = [&](NodeId, const std::string&) { lab.world->node(dom0).xl_works = false; };
    CHECK(lab.run(stop_plan("samba", dom0)).result == ResultKind::unknown);
  }
  SECTION("the node is lost") {
    lab.world->fault(dom0, 2, Fault::lost);
    const DomainReport report = lab.run(stop_plan("samba", dom0));
    CHECK(report.result == ResultKind::unknown);
    CHECK(report.seconds < 1);
  }
}

TEST_CASE("A row is destroyed and waited for until its domid is gone") {
  Lab lab;
  lab.world->add_guest(mirror, "samba--incoming", "samba", "--p---");
  lab.world->add_guest(mirror, "(null)", "another", "-----d"); // another's remains are no concern
  const DomainReport report = lab.run(recover_steps({next(model::Destroy{mirror, "samba--incoming"})}));
  CHECK(report.result == ResultKind::recovered);
  CHECK(lab.world->guests_of("samba") == 0);
  CHECK(report.seconds >= 1);
  CHECK(report.seconds < 2);
}

TEST_CASE("Nothing is destroyed, resumed or unpaused while a node's answers are too old") {
  Lab lab;
  lab.world->node(GENERATE(dom0, mirror)).silent = true;
  lab.drbd(dom0, "samba").primary = true;
  model::Action action = model::Destroy{dom0, "samba"};
  SECTION("destroyed") { lab.world->add_guest(dom0, "samba", "samba", "---s--"); }
  SECTION("resumed") {
    lab.world->add_guest(dom0, "samba", "samba", "---ss-");
    action = model::Resume{dom0, "samba"};
  }
  SECTION("unpaused") {
    lab.world->add_guest(dom0, "samba", "samba", "--p---");
    action = model::Unpause{dom0};
  }
  const DomainReport report = lab.run(recover_steps({next(action)}));
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::unreachable);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A domain that dies longer than the patience is not destroyed yet") {
  Lab lab;
  lab.world->add_guest(dom0, "samba", "samba", "---s--");
  lab.world->dies_slowly.insert("samba");
  const DomainReport report = lab.run(recover_steps({next(model::Destroy{dom0, "samba"})}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("is still listed"));
}

TEST_CASE("A row that runs by now is not destroyed, and one that is gone needs nothing") {
  Lab lab;
  SECTION("it runs") {
    lab.world->runs("samba", dom0);
    const DomainReport report = lab.run(recover_steps({next(model::Destroy{dom0, "samba"})}));
    CHECK(report.result == ResultKind::refused);
    CHECK(lab.world->executes_on("samba", dom0));
  }
  SECTION("it is paused, as a domain that is being created") {
    lab.world->add_guest(dom0, "samba", "samba", "--p---");
    const DomainReport report = lab.run(recover_steps({next(model::Destroy{dom0, "samba"})}));
    CHECK(report.result == ResultKind::refused);
    CHECK(lab.world->log.empty());
  }
  SECTION("it is gone") {
    CHECK(lab.run(recover_steps({next(model::Destroy{dom0, "samba"})})).result == ResultKind::recovered);
  }
  SECTION("xl cannot say") {
    lab.world->node(dom0).xl_works = false;
    CHECK(lab.run(recover_steps({next(model::Destroy{dom0, "samba"})})).result == ResultKind::unknown);
  }
  CHECK(lab.world->log.empty());
}

TEST_CASE(
    "A guest is unpaused beside the copy that its migration left at the source, but beside nothing that may run") {
  Lab lab;
  lab.world->add_guest(mirror, "samba", "samba", "--p---");
  lab.drbd(mirror, "samba").primary = true;
  SECTION("the source's copy") {
    lab.world->add_guest(dom0, "samba--migratedaway", "samba", "--pss-");
    CHECK(lab.run(recover_steps({next(model::Unpause{mirror})})).result == ResultKind::recovered);
    CHECK(lab.world->executes_on("samba", mirror));
  }
  SECTION("nothing at all") {
    CHECK(lab.run(recover_steps({next(model::Unpause{mirror})})).result == ResultKind::recovered);
  }
  SECTION("the domain") {
    lab.world->runs("samba", dom0);
    CHECK(lab.run(recover_steps({next(model::Unpause{mirror})})).result == ResultKind::refused);
    CHECK(lab.world->log.empty());
  }
  SECTION("a source's copy that somebody resumed") {
    lab.world->add_guest(dom0, "samba--migratedaway", "samba", "-b----");
    lab.drbd(dom0, "samba").primary = true;
    CHECK(lab.run(recover_steps({next(model::Unpause{mirror})})).result == ResultKind::refused);
    CHECK(lab.world->log.empty());
  }
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A guest is not unpaused without its disk, or once somebody has written to it") {
  Lab lab;
  lab.world->add_guest(mirror, "samba", "samba", "--p---");
  lab.world->add_guest(dom0, "samba--migratedaway", "samba", "---ss-");
  lab.drbd(mirror, "samba").primary = true;
  lab.drbd(mirror, "samba").received = 7;
  const model::Unpause unpause{mirror, {{Minor{1}, 7}, {Minor{2}, 7}}};
  SECTION("all is well") {
    CHECK(lab.run(recover_steps({next(unpause)})).result == ResultKind::recovered);
    CHECK(lab.world->executes_on("samba", mirror));
    return;
  }
  SECTION("its block backend is closed") {
    lab.world->node(mirror).find("samba")->disk_closed = true;
    const DomainReport report =
        lab.run(recover_steps({next(unpause), next(model::Destroy{dom0, "samba--migratedaway"})}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.error->what, ContainsSubstring("samba is paused on mirror without a disk"));
  }
  SECTION("written on the other node, and mirrored") {
    lab.drbd(mirror, "samba").received = 8;
    CHECK_THAT(lab.run(recover_steps({next(unpause)})).reason, ContainsSubstring("was written since"));
  }
  CHECK(lab.world->log.empty());
}

TEST_CASE("A resumed guest without its disk is a failure") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->add_guest(dom0, "samba", "samba", "---ss-").disk_closed = true;
  const DomainReport report = lab.run(recover_steps({next(model::Resume{dom0, "samba"})}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->what, ContainsSubstring("samba runs on dom0 without a disk"));
}

TEST_CASE("What cannot be created in its place is not destroyed") {
  Lab lab;
  lab.world->add_guest(dom0, "samba", "samba", "---ss-");
  lab.drbd(dom0, "samba").primary = true;
  const model::Create create{dom0, "/etc/xen/samba.cfg"};
  const DomainPlan plan = recover_steps(
      {next(model::Destroy{dom0, "samba", create}), next(create), on_failure(model::Demote{dom0, samba_resource})});
  SECTION("all is well") {
    CHECK(lab.run(plan).result == ResultKind::recovered);
    CHECK(lab.world->executes_on("samba", dom0));
    return;
  }
  SECTION("its watcher is on the other node") { lab.world->node(mirror).watchers.insert("samba"); }
  SECTION("the node leaves") { lab.world->node(dom0).leaving = true; }
  CHECK(lab.run(plan).result == ResultKind::refused);
  CHECK(lab.world->log.empty());
}

TEST_CASE(
    "While it cannot be told whether the other node has the domain, nothing of it is touched, and that is a refusal") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->node(mirror).xl_works = false;
  DomainPlan plan = migrate_plan("samba", dom0);
  SECTION("resumed") {
    lab.world->add_guest(dom0, "samba", "samba", "---ss-");
    plan = recover_steps({next(model::Resume{dom0, "samba"})});
  }
  SECTION("unpaused") {
    lab.world->add_guest(dom0, "samba", "samba", "--p---");
    plan = recover_steps({next(model::Unpause{dom0})});
  }
  SECTION("destroyed for a start") {
    lab.world->add_guest(dom0, "samba", "samba", "---ss-");
    const model::Create create{dom0, "/etc/xen/samba.cfg"};
    plan = recover_steps({next(model::Destroy{dom0, "samba", create}), next(create)});
  }
  SECTION("moved") { lab.world->runs("samba", dom0); }
  const DomainReport report = lab.run(std::move(plan));
  CHECK(report.result == ResultKind::refused);
  REQUIRE(report.error);
  CHECK(report.error->changed == Changed::no);
  CHECK(lab.world->count("dom0: xl") == 0);
  CHECK_FALSE(lab.world->was_changed());
}

TEST_CASE("Whether recover has started a domain anew is told by its create, whatever else fails") {
  Lab lab;
  lab.world->add_guest(dom0, "samba", "samba", "---ss-");
  lab.drbd(dom0, "samba").primary = true;
  const model::Create create{dom0, "/etc/xen/samba.cfg"};
  DomainPlan plan =
      recover_steps({next(model::Destroy{dom0, "samba", create}), next(create), next(model::RemoveRecord{mirror})});
  SECTION("all is well") {
    CHECK(lab.run(plan).new_start == engine::NewStart::done);
    CHECK(lab.world->executes_on("samba", dom0));
  }
  SECTION("the create fails") {
    lab.world->crashes_at_once.insert("samba");
    CHECK(lab.run(plan).new_start == engine::NewStart::failed);
  }
  SECTION("what was destroyed dies longer than the patience") {
    lab.world->dies_slowly.insert("samba");
    CHECK(lab.run(plan).new_start == engine::NewStart::failed);
  }
  SECTION("what comes after it fails") {
    lab.world->before = [&](NodeId, const std::string& command) {
      if (command == "xl create") lab.world->fault(mirror, 1, Fault::fails);
    };
    const DomainReport report = lab.run(plan);
    CHECK(report.result == ResultKind::failed);
    CHECK(report.new_start == engine::NewStart::done);
  }
  SECTION("it is not come to") {
    lab.world->node(dom0).leaving = true;
    CHECK(lab.run(plan).new_start == engine::NewStart::none);
  }
}

TEST_CASE("A disk that still belongs to what was not destroyed is not demoted, nor waited for") {
  Lab lab;
  lab.world->add_guest(dom0, "samba", "samba", "---ss-");
  lab.drbd(dom0, "samba").primary = true;
  lab.drbd(mirror, "samba").primary = true;
  lab.world->before = [&](NodeId, const std::string&) { lab.world->cut_drbd(); }; // by the first change
  const model::Create create{dom0, "/etc/xen/samba.cfg"};
  const DomainReport report = lab.run(recover_steps(
      {next(model::Demote{mirror, samba_resource}), next(model::Promote{dom0, samba_resource}),
       next(model::Destroy{dom0, "samba", create}), next(create), on_failure(model::Demote{dom0, samba_resource})}));
  CHECK(report.result == ResultKind::failed);
  CHECK(report.seconds < 5);
  CHECK(report.notes.empty());
  CHECK(lab.world->node(dom0).find("samba") != nullptr);
  CHECK(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("A suspended guest is resumed under its own name, where nothing of it is on the other node") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  const std::string row = GENERATE(values<std::string>({"samba", "samba--migratedaway"}));
  lab.world->add_guest(dom0, row, "samba", "---ss-");
  SECTION("nothing is there") {
    CHECK(lab.run(recover_steps({next(model::Resume{dom0, row})})).result == ResultKind::recovered);
    CHECK(lab.world->executes_on("samba", dom0));
    CHECK(lab.world->node(dom0).find("samba") != nullptr);
  }
  SECTION("its copy is there") {
    lab.world->add_guest(mirror, "samba--incoming", "samba", "--p---");
    CHECK(lab.run(recover_steps({next(model::Resume{dom0, row})})).result == ResultKind::refused);
    CHECK(lab.world->log.empty());
  }
  lab.drbd(dom0, "samba").received = 6;
  SECTION("its disks are as they were") {
    const model::Resume resume{dom0, row, {{Minor{1}, 6}, {Minor{2}, 6}}};
    CHECK(lab.run(recover_steps({next(resume)})).result == ResultKind::recovered);
  }
  SECTION("its disk was written since") {
    const model::Resume resume{dom0, row, {{Minor{1}, 6}, {Minor{2}, 2}}};
    const DomainReport report = lab.run(recover_steps({next(resume)}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("its /dev/drbd2 was written since it was looked at"));
    CHECK_THAT(report.error->hint, ContainsSubstring("recover"));
    CHECK(lab.world->log.empty());
  }
  SECTION("its disk is not up any more") {
    lab.drbd(dom0, "samba").up = false;
    const model::Resume resume{dom0, row, {{Minor{1}, 6}, {Minor{2}, 6}}};
    CHECK(lab.run(recover_steps({next(resume)})).result == ResultKind::failed);
    CHECK(lab.world->log.empty());
  }
  SECTION("it cannot be renamed") {
    if (row == "samba") return;
    lab.world->fault(dom0, 1, Fault::fails);
    CHECK(lab.run(recover_steps({next(model::Resume{dom0, row})})).result == ResultKind::failed);
    CHECK(lab.world->executing_on("samba").empty());
  }
}

TEST_CASE("The receiver of a copy is ended, and one that does not end is a failure") {
  Lab lab;
  lab.world->add_guest(mirror, "samba--incoming", "samba", "--p---");
  lab.world->node(mirror).receiver_stays = GENERATE(false, true);
  const DomainReport report = lab.run(recover_steps({next(model::EndReceiver{mirror})}));
  CHECK(report.result == (lab.world->node(mirror).receiver_stays ? ResultKind::failed : ResultKind::recovered));
  CHECK(lab.world->log == std::vector<std::string>{"mirror: end receiver samba"});
}
