#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;

namespace {

const ResourceName dns = resource_name("dns");

DomainPlan steps(std::vector<Step> all, Verdict verdict = Verdict::recover) {
  return plan_of("samba", verdict, dom0, std::move(all));
}

} // namespace

TEST_CASE("A promotion is verified by reading the role back, whatever drbdadm says") {
  Lab lab;
  lab.world->drbd(dom0, "samba").held_open = 0;
  SECTION("it works") {
    CHECK(lab.run(steps({next(model::Promote{dom0, samba_resource})})).result == ResultKind::recovered);
    CHECK(lab.drbd(dom0, "samba").primary);
  }
  SECTION("it works without an answer") {
    lab.world->fault(dom0, 2, Fault::times_out_works);
    CHECK(lab.run(steps({next(model::Promote{dom0, samba_resource})})).result == ResultKind::recovered);
  }
  SECTION("it does not work, and there is no answer") {
    lab.world->fault(dom0, 2, Fault::times_out);
    CHECK(lab.run(steps({next(model::Promote{dom0, samba_resource})})).result == ResultKind::failed);
  }
  SECTION("DRBD says no, and is quoted") {
    lab.world->before = [&](NodeId id, const std::string& command) {
      if (command == "drbdadm primary" && id == dom0) lab.drbd(mirror, "samba").primary = true;
    };
    const DomainReport report = lab.run(steps({next(model::Promote{dom0, samba_resource})}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("Multiple primaries not allowed by config"));
  }
  SECTION("the resource is down") {
    lab.drbd(dom0, "samba").up = false;
    const DomainReport report = lab.run(steps({next(model::Promote{dom0, samba_resource})}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.error->hint, ContainsSubstring("drbdadm up samba"));
  }
}

TEST_CASE("What has lost its peer since the look is not promoted, though DRBD would") {
  Lab lab;
  SECTION("before anything was changed") {
    lab.world->cut_drbd();
    const DomainReport report = lab.run(start_plan("samba", dom0));
    CHECK(report.result == ResultKind::refused);
    CHECK(report.error->changed == Changed::no);
    CHECK_THAT(report.reason, ContainsSubstring("it is Connecting there now, not Connected"));
    CHECK(lab.world->log.empty());
  }
  SECTION("between the copy and the promotion of a migration") {
    lab.world->runs("samba", dom0);
    lab.world->before = [&](NodeId id, const std::string& command) {
      if (command == "drbdadm net-options" && id == dom0) lab.world->cut_drbd();
    };
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
    CHECK(lab.world->count("mirror: drbdadm primary samba") == 0);
    CHECK(lab.world->executes_on("samba", dom0));
  }
}

TEST_CASE("What has become Primary on the peer since the look is not promoted beside it, though DRBD may be told to") {
  Lab lab;
  for (NodeId id : {dom0, mirror}) lab.drbd(id, "samba").two_primaries = true;
  lab.drbd(mirror, "samba").primary = true;
  lab.drbd(dom0, "samba").primary = GENERATE(false, true);
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.result == ResultKind::refused);
  CHECK(report.error->changed == Changed::no);
  CHECK_THAT(report.reason, ContainsSubstring("it is Primary on mirror now, not Secondary"));
  CHECK(lab.world->log.empty());
}

TEST_CASE("What the peer has just demoted is promoted once DRBD says so here") {
  Lab lab;
  lab.drbd(mirror, "samba").primary = true;
  lab.world->time->after(Milliseconds(1200), [&] { lab.drbd(mirror, "samba").primary = false; });
  CHECK(lab.run(start_plan("samba", dom0)).result == ResultKind::started);
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("What has fallen behind since the look is not promoted, though DRBD would: it is still fetching its data") {
  Lab lab;
  SECTION("before anything was changed") {
    lab.drbd(dom0, "samba").disk = "Inconsistent";
    const DomainReport report = lab.run(start_plan("samba", dom0));
    CHECK(report.result == ResultKind::refused);
    CHECK(report.error->changed == Changed::no);
    CHECK_THAT(report.reason, ContainsSubstring("/dev/drbd1 is Inconsistent there now, not UpToDate"));
    CHECK_THAT(report.error->hint, ContainsSubstring("wait for its resync"));
    CHECK(lab.world->log.empty());
  }
  SECTION("between the copy and the promotion of a migration") {
    lab.world->runs("samba", dom0);
    lab.world->before = [&](NodeId id, const std::string& command) {
      if (command == "drbdadm net-options" && id == dom0) lab.drbd(mirror, "samba").disk = "Inconsistent";
    };
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
    CHECK(lab.world->count("mirror: drbdadm primary samba") == 0);
    CHECK(lab.world->executes_on("samba", dom0));
  }
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("What somebody else has promoted since the look is in use, and no domain is started or moved onto it") {
  Lab lab;
  SECTION("a start") {
    lab.drbd(dom0, "samba").primary = true;
    const DomainReport report = lab.run(start_plan("samba", dom0));
    CHECK(report.result == ResultKind::refused);
    CHECK(report.error->changed == Changed::no);
    CHECK_THAT(report.reason, ContainsSubstring("by somebody else"));
    CHECK_THAT(report.error->hint, ContainsSubstring("see what uses it on dom0"));
    CHECK(lab.world->log.empty());
    CHECK(lab.drbd(dom0, "samba").primary);
  }
  SECTION("a migration") {
    lab.world->runs("samba", dom0);
    lab.world->before = [&, opens = true](NodeId id, const std::string& command) mutable {
      if (command == "drbdadm net-options" && id == dom0 && std::exchange(opens, false))
        lab.drbd(mirror, "samba").primary = true;
    };
    CHECK(lab.run(migrate_plan("samba", dom0)).result == ResultKind::failed);
    CHECK(lab.world->executes_on("samba", dom0));
    CHECK_FALSE(lab.drbd(mirror, "samba").primary); // or the window could not be closed
    CHECK(lab.window_is("samba", false));
  }
  SECTION("a migration where two Primaries are configured: there is no window to be closed") {
    lab.world->runs("samba", dom0);
    for (const NodeId node : {dom0, mirror}) lab.drbd(node, "samba").two_primaries = true;
    lab.world->when[Phase::held] = [&] { lab.drbd(mirror, "samba").primary = true; };
    DomainPlan plan = migrate_plan("samba", dom0);
    std::erase_if(plan.steps, [](const Step& step) {
      return std::holds_alternative<model::OpenWindow>(step.action) ||
             std::holds_alternative<model::CloseWindow>(step.action);
    });
    CHECK(lab.run(std::move(plan)).result == ResultKind::failed);
    CHECK(lab.world->executes_on("samba", dom0));
    CHECK(lab.drbd(mirror, "samba").primary);
    CHECK(lab.world->count("mirror: drbdadm secondary samba") == 0);
  }
  SECTION("the second disk of a start") {
    lab.world->before = [&](NodeId, const std::string& command) {
      if (command == "drbdadm primary") lab.drbd(dom0, "dns").primary = true;
    };
    DomainPlan plan = start_plan("samba", dom0);
    const ResourceName second = resource_name("dns");
    plan.steps.insert(plan.steps.begin() + 1, next(model::Promote{dom0, second}));
    plan.steps.push_back(on_failure(model::Demote{dom0, second}));
    const DomainReport report = lab.run(std::move(plan));
    CHECK(report.result == ResultKind::failed);
    CHECK(report.notes == std::vector<std::string>{});
    CHECK(lab.drbd(dom0, "dns").primary);
    CHECK_FALSE(lab.drbd(dom0, "samba").primary);
    CHECK(lab.world->count("dom0: drbdadm secondary dns") == 0);
  }
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("What a recovery finds Primary is judged like what is to be promoted, and then left as it is") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  DomainPlan plan = start_plan("samba", dom0);
  plan.verdict = model::Verdict::recover;
  SECTION("it is right") {
    CHECK(lab.run(std::move(plan)).result == ResultKind::recovered);
    CHECK(lab.world->count("dom0: drbdadm primary samba") == 0);
  }
  SECTION("it has lost its peer since the look") {
    lab.world->cut_drbd();
    const DomainReport report = lab.run(std::move(plan));
    CHECK(report.result == ResultKind::refused);
    CHECK(report.error->changed == Changed::no);
    CHECK_THAT(report.reason, ContainsSubstring("it is Connecting there now, not Connected"));
    CHECK(lab.drbd(dom0, "samba").primary);
  }
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("Nothing is promoted on a node whose answers are too old, nor while the other one's are") {
  Lab lab;
  lab.world->node(GENERATE(dom0, mirror)).silent = true;
  const DomainReport report = lab.run(steps({next(model::Promote{dom0, samba_resource})}));
  CHECK(report.error->kind == ErrorKind::unreachable);
  CHECK(report.result == ResultKind::refused);
  CHECK(lab.world->log.empty());
}

TEST_CASE("Nothing is demoted on a node whose answers are too old, nor while the other one's are") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->node(GENERATE(dom0, mirror)).silent = true;
  const DomainReport report = lab.run(steps({next(model::Demote{dom0, samba_resource})}));
  CHECK(report.error->kind == ErrorKind::unreachable);
  CHECK(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A disk is demoted, and the other node's is never touched") {
  const NodeId node = GENERATE(dom0, mirror);
  Lab lab;
  lab.drbd(dom0, "samba").primary = lab.drbd(mirror, "samba").primary = true;
  CHECK(lab.run(steps({next(model::Demote{node, samba_resource})})).result == ResultKind::recovered);
  CHECK_FALSE(lab.drbd(node, "samba").primary);
  CHECK(lab.drbd(other(node), "samba").primary);
  CHECK(lab.world->log == std::vector<std::string>{lab.world->node(node).hostname + ": drbdadm secondary samba"});
}

TEST_CASE("A disk is not demoted while anything of its domain is on the node") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  SECTION("it runs") { lab.world->add_guest(dom0, "samba", "samba", "-b----"); }
  SECTION("it is paused") { lab.world->add_guest(dom0, "samba", "samba", "--p---"); }
  SECTION("it is an incoming copy") { lab.world->add_guest(dom0, "samba--incoming", "samba", "--p---"); }
  SECTION("it was migrated away and stands there") {
    lab.world->add_guest(dom0, "samba--migratedaway", "samba", "--pss-");
  }
  SECTION("it reboots") { lab.world->node(dom0).watchers.insert("samba"); }
  const DomainReport report = lab.run(steps({next(model::Demote{dom0, samba_resource})}));
  CHECK(report.result == ResultKind::refused);
  CHECK(report.error->kind == ErrorKind::refused);
  CHECK(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A disk is not demoted where it cannot be told whether its domain is there") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->node(dom0).xl_works = false;
  CHECK(lab.run(steps({next(model::Demote{dom0, samba_resource})})).result == ResultKind::unknown);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A disk that is held open is demoted as soon as it is let go") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.drbd(dom0, "samba").held_open = 5;
  CHECK(lab.run(steps({next(model::Demote{dom0, samba_resource})})).result == ResultKind::recovered);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->count("dom0: drbdadm secondary samba") == 6);
}

TEST_CASE("A disk that stays open is given up after the patience, with DRBD's words") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.drbd(dom0, "samba").held_open = 1'000'000;
  const DomainReport report = lab.run(steps({next(model::Demote{dom0, samba_resource})}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("held open"));
  CHECK_THAT(report.error->hint, ContainsSubstring("fuser -v /dev/drbd1 /dev/drbd2), then drbdadm secondary samba"));
  CHECK(report.error->changed == Changed::no);
  CHECK(report.seconds >= 20);
  CHECK(report.seconds < 22);
}

TEST_CASE("A start whose peer's disk is held open is refused: DRBD has changed nothing") {
  Lab lab;
  lab.drbd(mirror, "samba").primary = true;
  lab.drbd(mirror, "samba").held_open = 1'000'000;
  DomainPlan plan = start_plan("samba", dom0);
  plan.steps.insert(plan.steps.begin(), next(model::Demote{mirror, samba_resource}));
  const DomainReport report = lab.run(std::move(plan));
  CHECK(report.result == ResultKind::refused);
  CHECK(report.error->kind == ErrorKind::refused);
  CHECK(report.error->changed == Changed::no);
  CHECK_THAT(report.reason, ContainsSubstring("held open"));
  CHECK(lab.world->guests_of("samba") == 0);
}

TEST_CASE("A demotion that fails for good is not tried again") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->fault(dom0, 3, Fault::fails); // after the roles and the rows
  const DomainReport report = lab.run(steps({next(model::Demote{dom0, samba_resource})}));
  CHECK(report.result == ResultKind::failed);
  CHECK(lab.world->log.empty());
  CHECK(report.seconds < 1);
}

TEST_CASE("What is Secondary, or not up at all, needs no demotion") {
  Lab lab;
  SECTION("Secondary") {}
  SECTION("down") { lab.drbd(dom0, "samba").up = false; }
  CHECK(lab.run(steps({next(model::Demote{dom0, samba_resource})})).result == ResultKind::recovered);
  CHECK(lab.world->log.empty());
}

TEST_CASE("Where the state of DRBD cannot be read, nothing is taken for demoted") {
  Lab lab;
  lab.drbd(dom0, "samba").primary = true;
  lab.world->node(dom0).drbd_readable = false;
  CHECK(lab.run(steps({next(model::Demote{dom0, samba_resource})})).result == ResultKind::failed);
  CHECK(lab.world->log.empty());
}

TEST_CASE("Of several resources the second of which cannot be promoted, the first is demoted again") {
  Lab lab;
  lab.world->before = [&, promotions = 0](NodeId id, const std::string& command) mutable {
    if (command == "drbdadm primary" && id == dom0 && ++promotions == 2) lab.drbd(mirror, "dns").primary = true;
  };
  const DomainReport report =
      lab.run(steps({next(model::Promote{dom0, samba_resource}), next(model::Promote{dom0, dns}),
                     next(model::Create{dom0, "/etc/xen/samba.cfg"}), on_failure(model::Demote{dom0, samba_resource}),
                     on_failure(model::Demote{dom0, dns})},
                    Verdict::start));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("Multiple primaries not allowed by config"));
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(report.notes.empty());
  CHECK(lab.world->count("dom0: xl create -q /etc/xen/samba.cfg") == 0);
}

namespace {

/// The window alone, as if a last record were held.
struct WindowLab : Lab {
  WindowLab() { world->plain_ahead = true; }
};

} // namespace

TEST_CASE("The window is opened and closed on both nodes, and read back") {
  WindowLab lab;
  CHECK(lab.run(steps({next(model::OpenWindow{samba_resource})})).result == ResultKind::recovered);
  CHECK(lab.window_is("samba", true));
  CHECK(lab.run(steps({next(model::CloseWindow{samba_resource})})).result == ResultKind::recovered);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->log.size() == 4);
}

TEST_CASE("The window is opened on both nodes or not at all, and closed on both or not at all") {
  const bool open = GENERATE(true, false);
  const Fault fault = GENERATE(Fault::fails, Fault::times_out);
  const NodeId node = GENERATE(dom0, mirror);
  WindowLab lab;
  for (NodeId each : model::both_nodes) lab.drbd(each, "samba").two_primaries = !open;
  lab.world->fault(node, 2, fault); // after the look at both nodes
  const Step step = open ? next(model::OpenWindow{samba_resource}) : next(model::CloseWindow{samba_resource});
  const DomainReport report = lab.run(steps({step}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->what, ContainsSubstring(open ? "was not opened" : "was not closed"));
  CHECK(lab.window_is("samba", !open));
}

TEST_CASE("The window is not touched while DRBD is not Connected") {
  const bool open = GENERATE(true, false);
  WindowLab lab;
  lab.world->cut_drbd();
  for (NodeId each : model::both_nodes) lab.drbd(each, "samba").two_primaries = !open;
  const Step step = open ? next(model::OpenWindow{samba_resource}) : next(model::CloseWindow{samba_resource});
  const DomainReport report = lab.run(steps({step}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.reason, ContainsSubstring("Connecting"));
  CHECK(lab.world->log.empty());
}

TEST_CASE("A window that is open on one node only is closed there though the link is gone: else it never comes back") {
  WindowLab lab;
  lab.world->cut_drbd();
  const NodeId survivor = GENERATE(dom0, mirror);
  lab.drbd(survivor, "samba").two_primaries = true;
  lab.drbd(other(survivor), "samba").two_primaries = false;
  CHECK(lab.run(steps({next(model::CloseWindow{samba_resource})})).result == ResultKind::recovered);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("The window is not touched when the peer's answers are too old, nor when it is lost") {
  WindowLab lab;
  SECTION("too old") { lab.world->node(mirror).silent = true; }
  SECTION("lost") { lab.world->lose(mirror); }
  const DomainReport report = lab.run(steps({next(model::OpenWindow{samba_resource})}));
  CHECK(report.error->kind == ErrorKind::unreachable);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A window that an earlier run left open is closed before the copy, whatever becomes of the migration") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.drbd(dom0, "samba").two_primaries = lab.drbd(mirror, "samba").two_primaries = true;
  DomainPlan plan = migrate_plan("samba", dom0);
  plan.steps.insert(plan.steps.begin(), next(model::CloseWindow{samba_resource}));
  std::optional<bool> closed_in_the_copy;
  lab.world->when[Phase::copying] = [&] { closed_in_the_copy = lab.window_is("samba", false); };
  SECTION("it succeeds") { CHECK(lab.run(plan).result == ResultKind::migrated); }
  SECTION("its link is cut in the copy") {
    lab.world->when[Phase::held] = [&] { lab.world->ssh_cut = true; };
    CHECK(lab.run(plan).result == ResultKind::failed);
    CHECK(lab.world->executes_on("samba", dom0));
  }
  CHECK(closed_in_the_copy == true);
  CHECK(lab.window_is("samba", false));
  CHECK(lab.world->accidents == std::vector<std::string>{});
}

TEST_CASE("A window that is closed already is not closed again") {
  WindowLab lab;
  CHECK(lab.run(steps({next(model::CloseWindow{samba_resource})})).result == ResultKind::recovered);
  CHECK(lab.world->log.empty());
}

TEST_CASE("A window that cannot be closed after a migration is reported: migrated, with a note, exit 6") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm secondary") lab.world->cut_drbd();
  };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::migrated);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  REQUIRE(report.notes.size() == 1);
  CHECK_THAT(report.notes[0], ContainsSubstring("was not closed"));
  CHECK(lab.window_is("samba", true));
  CHECK(lab.world->node(dom0).records.contains("samba")); // something is left to be mended
}

TEST_CASE("A migration that fails before the window was opened says nothing of a window when the peer is lost") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.world->when[Phase::copying] = [&] { lab.world->lose(mirror); };
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  for (const std::string& note : report.notes) CHECK(note.find("window") == note.npos);
}

TEST_CASE("A split resource is reconnected: one side discards, and only that one") {
  Lab lab;
  lab.world->links.at("samba") = {.connected = false, .stand_alone = true};
  const model::Reconnect reconnect{
      mirror, samba_resource, {{Minor{1}, 0}, {Minor{2}, 0}}, {{Minor{1}, 9}, {Minor{2}, 9}}};
  SECTION("it connects") {
    CHECK(lab.run(steps({next(reconnect)})).result == ResultKind::recovered);
    CHECK(lab.world->log ==
          std::vector<std::string>{"mirror: drbdadm connect --discard-my-data samba", "dom0: drbdadm connect samba"});
  }
  SECTION("it does not") {
    lab.world->fault(mirror, 3, Fault::fails);
    const DomainReport report = lab.run(steps({next(reconnect)}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("the machine has a bad day"));
    CHECK(report.seconds < 17);
  }
  SECTION("somebody writes there after the look: nothing is discarded") {
    lab.drbd(mirror, "samba").written = 4;
    const DomainReport report = lab.run(steps({next(reconnect)}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.reason, ContainsSubstring("was written there since the migration failed"));
    CHECK(lab.world->log.empty());
  }
  SECTION("its counters begin anew after the look: nothing is discarded") {
    lab.drbd(mirror, "samba").received = 8;
    CHECK(lab.run(steps({next(reconnect)})).result == ResultKind::failed);
    CHECK(lab.world->log.empty());
  }
  SECTION("somebody makes it Primary after the look: nothing is discarded") {
    lab.drbd(mirror, "samba").primary = true;
    CHECK(lab.run(steps({next(reconnect)})).result == ResultKind::failed);
    CHECK(lab.world->log.empty());
  }
}

TEST_CASE("A resource that gave up without a split brain connects again, and nobody's data are given up") {
  Lab lab;
  lab.world->links.at("samba") = {.connected = false, .stand_alone = true};
  SECTION("it connects") {
    CHECK(lab.run(steps({next(model::Connect{samba_resource})})).result == ResultKind::recovered);
    CHECK(lab.world->log == std::vector<std::string>{"mirror: drbdadm connect samba", "dom0: drbdadm connect samba"});
  }
  SECTION("it is a split brain after all") {
    lab.world->links.at("samba").split_brain = true;
    const DomainReport report = lab.run(steps({next(model::Connect{samba_resource})}));
    CHECK(report.result == ResultKind::failed);
    CHECK_THAT(report.error->what, ContainsSubstring("samba did not reconnect"));
    CHECK_THAT(report.error->hint, ContainsSubstring("drbdadm connect --discard-my-data samba"));
    CHECK(report.seconds < 5);
    CHECK(lab.world->links.at("samba").split_brain);
  }
  SECTION("the peer is not there") {
    lab.world->lose(mirror);
    CHECK(lab.run(steps({next(model::Connect{samba_resource})})).error);
    CHECK(lab.world->log.empty());
  }
}

TEST_CASE("The record of an earlier migration is removed where it lies") {
  Lab lab;
  lab.world->node(mirror).records["samba"] = "what was";
  CHECK(lab.run(steps({next(model::RemoveRecord{mirror})})).result == ResultKind::recovered);
  CHECK(lab.world->node(mirror).records.empty());
  lab.world->fault(mirror, 1, Fault::fails);
  const DomainReport report = lab.run(steps({next(model::RemoveRecord{mirror})}));
  CHECK(report.result == ResultKind::failed);
  CHECK_THAT(report.error->hint, ContainsSubstring("remove /var/lib/xen-drbd/samba.migration on mirror"));
}
