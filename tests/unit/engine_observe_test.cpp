#include "xen_drbd/engine/observe.hpp"

#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using model::Presence;
using model::Unreachable;

namespace {

model::ClusterState observe(Lab& lab, const engine::Look& look = {}) {
  const Time::Outside outside(*lab.world->time);
  return engine::observe(lab.cluster, look);
}

} // namespace

TEST_CASE("One look brings what both nodes are and what is on them") {
  Lab lab;
  lab.world->runs("samba", mirror);
  lab.world->node(mirror).leaving = true;
  engine::Look look;
  look.configs = {domain_name("samba")};
  look.parse_on = {mirror};
  const model::ClusterState state = observe(lab, look);
  CHECK(state.this_node == dom0);
  const model::NodeState* here = state.node(dom0);
  const model::NodeState* there = state.node(mirror);
  REQUIRE(here != nullptr);
  REQUIRE(there != nullptr);
  CHECK(here->hostname == "dom0");
  CHECK(there->hostname == "mirror");
  CHECK(there->identity == "boot-of-mirror");
  CHECK(there->tool_version == "0.1.0");
  CHECK(there->topology_text == "the same on both\n");
  CHECK(there->leaving);
  CHECK_FALSE(here->leaving);
  CHECK(presence_of(domain_name("samba"), state.nodes[1]).presence == Presence::running);
  CHECK(presence_of(domain_name("samba"), state.nodes[1]).has_watcher);
  CHECK(presence_of(domain_name("samba"), state.nodes[0]).presence == Presence::absent);
  REQUIRE(there->resources);
  CHECK(there->resources->size() == 2);
  REQUIRE(there->resource_configs);
  CHECK(there->resource_configs->size() == 2);
  CHECK(there->configs.at(domain_name("samba")).parsed);
  CHECK_FALSE(here->configs.at(domain_name("samba")).parsed);
  CHECK(here->configs.at(domain_name("samba")).sha256 == there->configs.at(domain_name("samba")).sha256);
  CHECK(lab.world->log.empty());
}

TEST_CASE("An identity is made only when that is asked for") {
  Lab lab;
  lab.world->node(mirror).identity.clear();
  CHECK(observe(lab).node(mirror)->identity == "kernel-boot-of-mirror@mirror");
  CHECK(lab.world->node(mirror).identity.empty());
  engine::Look look;
  look.make_identity = true;
  CHECK(observe(lab, look).node(mirror)->identity == "made-for-mirror");
}

TEST_CASE("A part that fails is absent with its reason, never empty, and the other parts are there") {
  Lab lab;
  lab.world->runs("samba", mirror);
  SECTION("xl") {
    lab.world->node(mirror).xl_works = false;
    const auto state = observe(lab);
    CHECK_FALSE(state.node(mirror)->rows);
    CHECK_FALSE(state.node(mirror)->rows_problem.empty());
    CHECK_FALSE(state.node(mirror)->xen);
    CHECK(state.node(mirror)->resources);
    CHECK(presence_of(domain_name("samba"), state.nodes[1]).presence == Presence::unknown);
  }
  SECTION("the watchers") {
    lab.world->node(mirror).watchers_listable = false;
    const auto state = observe(lab);
    CHECK_FALSE(state.node(mirror)->watchers);
    CHECK(state.node(mirror)->rows);
  }
  SECTION("DRBD") {
    lab.world->node(mirror).drbd_readable = false;
    const auto state = observe(lab);
    CHECK_FALSE(state.node(mirror)->resources);
    CHECK_FALSE(state.node(mirror)->resources_problem.empty());
    CHECK(state.node(mirror)->rows);
    CHECK_FALSE(engine::observe_drbd(lab.cluster, mirror));
    CHECK(engine::observe_drbd(lab.cluster, dom0));
  }
}

TEST_CASE("A peer that is lost, does not answer or was never reached is Unreachable, never empty") {
  Lab lab;
  SECTION("lost before") { lab.world->lose(mirror); }
  SECTION("lost by the question") { lab.world->fault(mirror, 1, Fault::lost); }
  SECTION("no answer in time") { lab.world->fault(mirror, 1, Fault::times_out); }
  SECTION("no answer that says who it is") { lab.world->fault(mirror, 1, Fault::fails); }
  SECTION("never reached") {
    lab.cluster.hosts[1] = nullptr;
    lab.cluster.peer_error = Error{.kind = ErrorKind::unreachable, .what = "mirror", .because = "No route to host"};
  }
  const auto state = observe(lab);
  CHECK(state.node(dom0) != nullptr);
  REQUIRE(std::holds_alternative<Unreachable>(state.nodes[1]));
  const Error& error = std::get<Unreachable>(state.nodes[1]).error;
  CHECK(error.kind == ErrorKind::unreachable);
  CHECK_FALSE(error.because.empty());
}

TEST_CASE("The short look knows an unreachable node from an empty one") {
  Lab lab;
  CHECK(std::holds_alternative<model::NodeState>(engine::observe_domains(lab.cluster, mirror)));
  lab.world->fault(mirror, 1, Fault::times_out);
  const auto hanging = engine::observe_domains(lab.cluster, mirror);
  REQUIRE(std::holds_alternative<model::NodeState>(hanging));
  CHECK_FALSE(std::get<model::NodeState>(hanging).rows);
  lab.world->fault(mirror, 1, Fault::lost);
  CHECK(std::holds_alternative<Unreachable>(engine::observe_domains(lab.cluster, mirror)));
  CHECK_FALSE(engine::observe_drbd(lab.cluster, mirror));
}

TEST_CASE("Records of migrations are read, whole ones, and only when they are asked for") {
  Lab lab;
  const std::string text = to_text(engine::Record{.run = "1",
                                                  .source = "dom0",
                                                  .source_identity = "a",
                                                  .target_identity = "b",
                                                  .before_go = true,
                                                  .target_writes = {}});
  lab.world->node(dom0).records = {{"dns", text}, {"samba", "run 2\nno newline at its end"}};
  const auto state = observe(lab);
  REQUIRE(state.node(dom0)->records.size() == 2);
  CHECK(state.node(dom0)->records[0] == model::MigrationRecord{domain_name("dns"), text});
  CHECK(state.node(dom0)->records[1].text == "run 2\nno newline at its end");
  engine::Look look;
  look.records = false;
  CHECK(observe(lab, look).node(dom0)->records.empty());
  CHECK(observe(lab, look).node(dom0)->records_problem.empty());
}

TEST_CASE("Records that cannot be read are not taken for none") {
  Lab lab;
  CHECK(observe(lab).node(dom0)->records_problem.empty());
  SECTION("no answer") {
    lab.world->node(dom0).records_answer = timed_out();
    CHECK(observe(lab).node(dom0)->records_problem == "no answer in time");
  }
  SECTION("half an answer") {
    for (const char* text : {"", "record dns 4\nru", "record dns 4\nrun 1", "record dns\nend\n", "record dns 4"}) {
      lab.world->node(dom0).records_answer = exited(0, text);
      CHECK(observe(lab).node(dom0)->records_problem == "its answer is not whole");
    }
  }
  CHECK(observe(lab).node(dom0)->records.empty());
}

TEST_CASE("Before the lock both nodes are asked who they are, and identities that are missing are made") {
  Lab lab;
  lab.world->node(mirror).identity.clear();
  const auto identities = [&] {
    const Time::Outside outside(*lab.world->time);
    return engine::observe_identities(lab.cluster);
  };
  SECTION("both answer") {
    const auto state = identities();
    REQUIRE(state.node(mirror) != nullptr);
    CHECK(state.node(mirror)->hostname == "mirror");
    CHECK(state.node(mirror)->identity == "made-for-mirror");
    CHECK(state.node(mirror)->topology_text == "the same on both\n");
    CHECK(state.node(dom0)->identity == "boot-of-dom0");
    CHECK_FALSE(state.node(dom0)->rows); // nothing else is asked
  }
  SECTION("the peer is lost, or says nothing that can be read") {
    lab.world->fault(mirror, 1, GENERATE(Fault::lost, Fault::times_out, Fault::fails));
    const auto state = identities();
    CHECK(std::holds_alternative<Unreachable>(state.nodes[1]));
    CHECK(state.node(dom0) != nullptr);
  }
}
