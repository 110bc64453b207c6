#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;

namespace {

model::Plan plan_of_all(std::vector<DomainPlan> domains) {
  model::Plan plan;
  plan.domains = std::move(domains);
  return plan;
}

DomainPlan waiting(DomainPlan plan, const std::vector<std::string>& before) {
  for (const std::string& name : before) plan.waits_for.push_back(domain_name(name));
  return plan;
}

DomainPlan following(DomainPlan plan, const std::vector<std::string>& before) {
  for (const std::string& name : before) plan.follows.push_back(domain_name(name));
  return plan;
}

/// How many domains were under way at the same time, at most; and of those whose names begin alike.
class Crowd final : public engine::Progress {
public:
  void step_begins(const DomainName& domain, const Step&) override {
    under_way_.insert(domain.str());
    most = std::max(most, under_way_.size());
    const char initial = domain.str().front();
    const auto alike = std::count_if(under_way_.begin(), under_way_.end(),
                                     [&](const std::string& name) { return name.front() == initial; });
    most_alike[initial] = std::max(most_alike[initial], alike);
  }
  void step_ended(const DomainName&, const Step&, const std::optional<Error>&) override {}
  void migration(const DomainName&, const engine::MigrationProgress&) override {}
  void xl_migrate(const DomainName&, bool) override {}
  void domain_ended(const DomainReport& report) override { under_way_.erase(report.domain.str()); }
  std::size_t most = 0;
  std::map<char, std::ptrdiff_t> most_alike;

private:
  std::set<std::string> under_way_;
};

} // namespace

TEST_CASE("As many domains are under way as jobs allow, and no more") {
  const unsigned jobs = GENERATE(0U, 1U, 2U, 3U, 9U);
  Lab lab;
  std::vector<DomainPlan> domains;
  for (const char* name : {"a1", "a2", "a3", "a4", "a5"}) {
    lab.world->add_domain(name, dom0, {});
    lab.world->runs(name, dom0);
    domains.push_back(plan_of(name, Verdict::stop, dom0, {next(model::Shutdown{dom0, Milliseconds(60'000), false})}));
  }
  lab.execution.jobs = jobs;
  Crowd crowd;
  const Time::Outside outside(*lab.world->time);
  const Report report =
      engine::execute(plan_of_all(std::move(domains)), lab.cluster, lab.execution, *lab.world->clock, crowd);
  for (const DomainReport& domain : report.domains) CHECK(domain.result == ResultKind::stopped);
  CHECK(crowd.most == std::clamp(jobs, 1U, 5U));
}

TEST_CASE("Where a deadline presses no shutdown waits for a job, and starts do as ever") {
  Lab lab;
  std::vector<DomainPlan> domains;
  for (const char* name : {"s1", "a1", "s2", "a2", "s3", "a3"}) {
    lab.world->add_domain(name, dom0, {});
    if (*name == 's') {
      domains.push_back(plain_start(name, dom0));
      continue;
    }
    lab.world->runs(name, dom0);
    domains.push_back(plan_of(name, Verdict::stop, dom0, {next(model::Shutdown{dom0, Milliseconds(60'000), false})}));
  }
  lab.execution.jobs = 1;
  lab.execution.shuts_down_at_once = true;
  Crowd crowd;
  const Time::Outside outside(*lab.world->time);
  const Report report =
      engine::execute(plan_of_all(std::move(domains)), lab.cluster, lab.execution, *lab.world->clock, crowd);
  for (const DomainReport& domain : report.domains)
    CHECK(domain.result == (domain.domain.str().front() == 's' ? ResultKind::started : ResultKind::stopped));
  CHECK(crowd.most_alike.at('a') == 3);
  CHECK(crowd.most_alike.at('s') == 1);
}

TEST_CASE("Reports come in the order of the plan, whatever ends first, and progress is told one call at a time") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.execution.jobs = 3;
  const Report report =
      lab.run(plan_of_all({migrate_plan("samba", dom0), start_plan("dns", dom0), plain_start("web", dom0)}));
  REQUIRE(report.domains.size() == 3);
  CHECK(report.domains[0].domain.str() == "samba");
  CHECK(report.domains[1].domain.str() == "dns");
  CHECK(report.domains[2].domain.str() == "web");
  CHECK(lab.heard.ended.back() == "samba");
  CHECK_FALSE(lab.heard.overlapped);
  CHECK(report.find(domain_name("web"))->result == ResultKind::started);
  CHECK(report.find(domain_name("nobody")) == nullptr);
}

TEST_CASE("A domain waits for those it comes after, and for the pause after their start") {
  Lab lab;
  DomainPlan dns = start_plan("dns", mirror);
  dns.delay = Milliseconds(10'000);
  std::map<std::string, Moment> created;
  lab.world->before = [&](NodeId id, const std::string& command) {
    if (command == "xl create") created[lab.world->node(id).hostname] = lab.world->time->now();
  };
  // in the plan the dependent comes first
  const Report report = lab.run(plan_of_all({waiting(plain_start("web", dom0), {"dns"}), std::move(dns)}));
  CHECK(report.domains[0].result == ResultKind::started);
  CHECK(report.domains[1].result == ResultKind::started);
  const auto pause = created.at("dom0") - created.at("mirror");
  CHECK(pause >= std::chrono::seconds(10));
  CHECK(pause < std::chrono::seconds(11));
}

TEST_CASE("There is no pause after a domain that ran already") {
  Lab lab;
  DomainPlan dns = plan_of("dns", Verdict::already, dom0, {});
  dns.delay = Milliseconds(10'000);
  const Report report = lab.run(plan_of_all({std::move(dns), waiting(plain_start("web", dom0), {"dns"})}));
  CHECK(report.domains[0].result == ResultKind::already);
  CHECK(report.domains[1].result == ResultKind::started);
  CHECK(lab.world->executes_on("web", dom0));
}

TEST_CASE("A domain follows others however they end") {
  Lab lab;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm primary") lab.drbd(mirror, "dns").primary = true;
  };
  const Report report = lab.run(plan_of_all({following(plain_start("web", dom0), {"dns"}), start_plan("dns", dom0)}));
  CHECK(report.domains[0].result == ResultKind::started);
  CHECK(report.domains[1].result == ResultKind::failed);
  CHECK(lab.world->place("dom0: drbdadm primary dns") < lab.world->place("dom0: xl create -q /etc/xen/web.cfg"));
}

TEST_CASE("A domain that fails holds back those that wait for it, theirs in turn, and no others") {
  Lab lab;
  lab.world->add_domain("mail", dom0, {});
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm primary") lab.drbd(mirror, "dns").primary = true;
  };
  const Report report = lab.run(plan_of_all({start_plan("dns", dom0), waiting(start_plan("samba", dom0), {"dns"}),
                                             waiting(plain_start("web", dom0), {"samba"}), plain_start("mail", dom0)}));
  CHECK(report.domains[0].result == ResultKind::failed);
  CHECK(report.domains[1].result == ResultKind::skipped);
  CHECK(report.domains[1].error->kind == ErrorKind::failed); // exit 6, as the cause
  CHECK_THAT(report.domains[1].reason, ContainsSubstring("it waits for dns"));
  CHECK(report.domains[2].result == ResultKind::skipped);
  CHECK(report.domains[2].error->kind == ErrorKind::failed);
  CHECK(report.domains[3].result == ResultKind::started);
  CHECK(lab.world->guests_of("samba") + lab.world->guests_of("web") == 0);
}

TEST_CASE("What waits for a refused domain is skipped with exit 4, for an unknown one with exit 6") {
  Lab lab;
  DomainPlan dns = start_plan("dns", dom0);
  ErrorKind expected = ErrorKind::refused;
  SECTION("refused by its plan") {
    dns = plan_of("dns", Verdict::refused, dom0, {});
    dns.error = Error{.kind = ErrorKind::refused, .what = "dns was not started", .because = "a rule"};
  }
  SECTION("unreachable by its plan") {
    dns = plan_of("dns", Verdict::refused, dom0, {});
    dns.error = Error{.kind = ErrorKind::unreachable, .what = "dns was not started", .because = "no peer"};
  }
  SECTION("refused at the last moment") {
    dns = plain_start("dns", dom0);
    lab.world->node(mirror).watchers.insert("dns");
  }
  SECTION("unknown") {
    lab.world->fault(dom0, 5, Fault::times_out);
    expected = ErrorKind::failed;
  }
  const Report report = lab.run(plan_of_all({std::move(dns), waiting(plain_start("web", dom0), {"dns"})}));
  CHECK(report.domains[1].result == ResultKind::skipped);
  CHECK(report.domains[1].error->kind == expected);
  CHECK(lab.world->guests_of("web") == 0);
}

TEST_CASE("A plan whose domains wait for each other, or for what is not in it, ends and is a bug") {
  Lab lab;
  const Report report =
      lab.run(plan_of_all({waiting(start_plan("dns", dom0), {"samba"}), waiting(start_plan("samba", dom0), {"dns"}),
                           following(plain_start("web", dom0), {"nobody"})}));
  for (const DomainReport& domain : report.domains) {
    CHECK(domain.result == ResultKind::skipped);
    CHECK(domain.error->kind == ErrorKind::bug);
  }
  CHECK(lab.world->log.empty());
}

TEST_CASE("Once the run is interrupted nothing new is begun, and what runs is waited for") {
  Lab lab;
  std::atomic<bool> interrupted{false};
  lab.execution.stop = [&] { return interrupted.load(); };
  lab.execution.jobs = 1;
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "xl create") interrupted = true;
  };
  DomainPlan dns = start_plan("dns", dom0);
  dns.delay = Milliseconds(3'600'000);
  const Moment begin = lab.now();
  const Report report =
      lab.run(plan_of_all({std::move(dns), waiting(plain_start("web", dom0), {"dns"}), start_plan("samba", dom0)}));
  CHECK(report.domains[0].result == ResultKind::started);
  for (std::size_t i : {1U, 2U}) {
    CHECK(report.domains[i].result == ResultKind::failed);
    CHECK(report.domains[i].error->kind == ErrorKind::interrupted);
    CHECK_THAT(report.domains[i].error->what, ContainsSubstring("was not started"));
    CHECK(report.domains[i].error->changed == Changed::no);
  }
  CHECK(lab.world->guests_of("samba") + lab.world->guests_of("web") == 0);
  CHECK(lab.seconds_since(begin) < 60); // a pause is not waited for any more
}

TEST_CASE("What is not begun when the time for moves is over was not interrupted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  lab.execution.moves_end = lab.now();
  const DomainReport report = lab.run(migrate_plan("samba", dom0));
  CHECK(report.result == ResultKind::failed);
  REQUIRE(report.error);
  CHECK(report.error->kind == ErrorKind::failed);
  CHECK(report.error->changed == Changed::no);
  CHECK(report.reason == "the time for moves is over");
  CHECK(lab.world->executes_on("samba", dom0));
}

TEST_CASE("An interruption between promotion and create gives the disk back") {
  Lab lab;
  std::atomic<bool> interrupted{false};
  lab.execution.stop = [&] { return interrupted.load(); };
  lab.world->before = [&](NodeId, const std::string& command) {
    if (command == "drbdadm primary") interrupted = true;
  };
  const DomainReport report = lab.run(start_plan("samba", dom0));
  CHECK(report.error->kind == ErrorKind::interrupted);
  CHECK(report.error->changed == Changed::yes);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  CHECK(lab.world->guests_of("samba") == 0);
}

TEST_CASE("An interruption during a shutdown lets it end and the disk be demoted") {
  Lab lab;
  lab.world->runs("samba", dom0);
  std::atomic<bool> interrupted{false};
  lab.execution.stop = [&] { return interrupted.load(); };
  lab.world->before = [&](NodeId, const std::string&) { interrupted = true; };
  CHECK(lab.run(stop_plan("samba", dom0)).result == ResultKind::stopped);
  CHECK_FALSE(lab.drbd(dom0, "samba").primary);
}

TEST_CASE("Steps for a failure are carried out after one that came before them, and never otherwise") {
  Lab lab;
  const ResourceName samba = resource_name("samba");
  const Step demote = on_failure(model::Demote{dom0, samba});
  const Step promote = next(model::Promote{dom0, samba});
  const Step fails = next(model::Destroy{dom0, "dns--incoming"});
  lab.world->add_guest(dom0, "dns--incoming", "dns", "-b----").has_disks = false; // runs, so that it is not destroyed
  lab.world->may_be_destroyed_running.insert("dns");
  lab.drbd(dom0, "dns").primary = true;
  SECTION("after it") {
    CHECK(lab.run(plan_of("samba", Verdict::recover, dom0, {promote, fails, demote})).result == ResultKind::failed);
    CHECK_FALSE(lab.drbd(dom0, "samba").primary);
  }
  SECTION("before it") {
    CHECK(lab.run(plan_of("samba", Verdict::recover, dom0, {promote, demote, fails})).result == ResultKind::failed);
    CHECK(lab.drbd(dom0, "samba").primary);
  }
  SECTION("without one") {
    CHECK(lab.run(plan_of("samba", Verdict::recover, dom0, {promote, demote})).result == ResultKind::recovered);
    CHECK(lab.drbd(dom0, "samba").primary);
  }
}

TEST_CASE("A step that is always carried out is so after a failure too, but not where nothing was changed") {
  Lab lab;
  lab.world->plain_ahead = true;
  const ResourceName samba = resource_name("samba");
  for (NodeId id : model::both_nodes) lab.drbd(id, "samba").two_primaries = true;
  const Step close = always(model::CloseWindow{samba});
  SECTION("after a success") {
    CHECK(lab.run(plan_of("samba", Verdict::recover, dom0, {next(model::Promote{dom0, samba}), close})).result ==
          ResultKind::recovered);
    CHECK(lab.window_is("samba", false));
  }
  SECTION("after a failure") {
    lab.world->fault(dom0, 2, Fault::fails);
    CHECK(lab.run(plan_of("samba", Verdict::recover, dom0, {next(model::Promote{dom0, samba}), close})).result ==
          ResultKind::failed);
    CHECK(lab.window_is("samba", false));
  }
  SECTION("after a refusal that changed nothing") {
    lab.world->node(mirror).watchers.insert("samba");
    CHECK(lab.run(plan_of("samba", Verdict::start, dom0, {next(model::Create{dom0, "/etc/xen/samba.cfg"}), close}))
              .result == ResultKind::refused);
    CHECK(lab.window_is("samba", true));
    CHECK(lab.world->log.empty());
  }
}

TEST_CASE("A peer that is lost before anything was changed is unreachable, after the first change it is a failure") {
  Lab lab;
  lab.execution.jobs = 1;
  SECTION("before") {
    lab.world->lose(mirror);
    const Report report = lab.run(plan_of_all({plain_start("web", dom0)}));
    CHECK(report.domains[0].result == ResultKind::refused);
    CHECK(report.domains[0].error->kind == ErrorKind::unreachable);
    CHECK(report.domains[0].error->changed == Changed::no);
  }
  SECTION("after a change of the same domain") {
    lab.world->before = [&](NodeId, const std::string&) { lab.world->lose(mirror); };
    const Report report = lab.run(plan_of_all({start_plan("samba", dom0)}));
    CHECK(report.domains[0].result == ResultKind::failed);
    CHECK(report.domains[0].error->kind == ErrorKind::failed);
    CHECK(report.domains[0].error->changed == Changed::yes);
  }
  SECTION("after a change of another domain of the run") {
    lab.world->fault(mirror, 2, Fault::lost);
    const Report report = lab.run(plan_of_all({plain_start("web", dom0), start_plan("samba", dom0)}));
    CHECK(report.domains[0].result == ResultKind::started);
    CHECK(report.domains[1].result == ResultKind::failed);
    CHECK(report.domains[1].error->kind == ErrorKind::failed);
  }
  SECTION("before a later change of another domain of the run") { // found by the sweep: two domains at once
    lab.world->runs("dns", dom0);
    lab.world->lose(mirror);
    const Report report = lab.run(plan_of_all({plain_start("web", dom0), stop_plan("dns", dom0)}));
    CHECK(lab.world->was_changed());
    CHECK(report.domains[0].result == ResultKind::failed);
    CHECK(report.domains[0].error->kind == ErrorKind::failed);
    CHECK(report.domains[0].error->changed == Changed::no);
  }
}

TEST_CASE("How a plan without a fault would end is told without a step") {
  CHECK(engine::expected(start_plan("samba", mirror)).result == ResultKind::started);
  CHECK(engine::expected(migrate_plan("samba", dom0)).result == ResultKind::migrated);
  CHECK(engine::expected(migrate_plan("samba", dom0)).node == mirror);
  CHECK(engine::expected(stop_plan("samba", dom0)).result == ResultKind::stopped);
  DomainPlan refused = plan_of("samba", Verdict::refused, dom0, {});
  refused.reason = "a rule";
  refused.error = Error{.kind = ErrorKind::refused, .what = "samba was not started", .because = "a rule"};
  DomainPlan again = start_plan("samba", dom0);
  again.verdict = Verdict::recover;
  CHECK(engine::expected(again).result == ResultKind::recovered);
  CHECK(engine::expected(again).new_start == engine::NewStart::done);
  CHECK(engine::expected(start_plan("samba", dom0)).new_start == engine::NewStart::none);
  again.steps.erase(again.steps.begin() + 1);
  CHECK(engine::expected(again).new_start == engine::NewStart::none);
  CHECK(engine::expected(refused).result == ResultKind::refused);
  CHECK(engine::expected(refused).error == refused.error);
  CHECK(engine::expected(refused).reason == "a rule");
}
