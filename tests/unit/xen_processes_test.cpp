#include "xen_drbd/xen/look.hpp"

#include "support/catch.hpp"
#include "support/run_here.hpp"
#include "support/scripted_host.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::exited;

namespace {

/// A program `xl` of our own that waits until it is told to end.
class FakeXl {
public:
  FakeXl(const std::string& executable, const std::string& directory, const std::string& log,
         std::vector<std::string> arguments) {
    std::filesystem::copy_file("/bin/sh", executable, std::filesystem::copy_options::skip_existing);
    if (pipe2(pipe_, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ == 0) {
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      std::vector<char*> argv{const_cast<char*>(executable.c_str())};
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      if (dup2(pipe_[0], 0) == 0 && dup2(out, 1) == 1 && chdir(directory.c_str()) == 0)
        execv(executable.c_str(), argv.data());
      _exit(126);
    }
    // a fork is seen under our own name until it has become xl
    const std::string link = "/proc/" + std::to_string(pid_) + "/exe";
    for (int i = 0; i < 500 && std::filesystem::read_symlink(link) != executable; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ~FakeXl() {
    close(pipe_[1]);
    close(pipe_[0]);
    waitpid(pid_, nullptr, 0);
  }
  FakeXl(const FakeXl&) = delete;
  FakeXl& operator=(const FakeXl&) = delete;
  [[nodiscard]] int pid() const { return pid_; }

private:
  int pipe_[2]{};
  pid_t pid_ = 0;
};

bool has(const xen::Processes& found, const model::Watcher& watcher) {
  return std::find(found.watchers.begin(), found.watchers.end(), watcher) != found.watchers.end();
}
bool has(const xen::Processes& found, const model::MigrationProcess& migration) {
  return std::find(found.migrations.begin(), found.migrations.end(), migration) != found.migrations.end();
}

xen::Processes parsed(const std::string& out) {
  const auto found = xen::parse_processes(exited(0, out));
  REQUIRE(found.has_value());
  return *found;
}

} // namespace

TEST_CASE("the script finds watchers and migrations among the processes of this machine") {
  test::Workshop workshop;
  const std::string& here = workshop.path();
  workshop.file("migrate", "read line\n");
  workshop.file("migrate-receive", "read line\n");
  workshop.file("create", "read line\n");
  const std::string xl = here + "/xl";
  const FakeXl watcher(xl, here, here + "/xl-vm1.log", {"create", "-q", "/etc/xen/vm1.cfg"});
  const FakeXl received(xl, here, here + "/xl-vm2--incoming.log", {"migrate-receive"});
  const FakeXl sending(xl, here, "/dev/null", {"migrate", "-s", "ssh -p 22", "vm3", "10.77.0.2"});
  const FakeXl receiving(xl, here, "/dev/null", {"migrate-receive"});
  const FakeXl creating(xl, here, "/dev/null", {"create", "-q", "/etc/xen/vm4.cfg"});
  const FakeXl other(here + "/notxl", here, here + "/xl-vm5.log", {"create"});

  const auto command = workshop.moved(xen::processes_command(), "/var/log/xen", "");
  const auto found = parsed(workshop.run(command).out);
  CHECK(has(found, model::Watcher{.pid = watcher.pid(), .name = "vm1"}));
  CHECK(has(found, model::Watcher{.pid = received.pid(), .name = "vm2"}));
  CHECK(has(found, model::MigrationProcess{.pid = sending.pid(), .receiving = false, .domain = "vm3"}));
  CHECK(has(found, model::MigrationProcess{
                       .pid = receiving.pid(), .receiving = true, .domain = "", .command = "migrate-receive"}));
  CHECK(found.watchers.size() == 2);
  CHECK(std::none_of(found.migrations.begin(), found.migrations.end(),
                     [&](const auto& process) { return process.pid == creating.pid(); }));

  SECTION("and still does after an upgrade has replaced the executable") {
    std::filesystem::remove(xl);
    const auto later = parsed(workshop.run(command).out);
    CHECK(has(later, model::Watcher{.pid = watcher.pid(), .name = "vm1"}));
    CHECK(has(later, model::MigrationProcess{.pid = sending.pid(), .receiving = false, .domain = "vm3"}));
  }
}

TEST_CASE("an xl that is about to create a domain counts as its watcher, and one that only reads its file does not") {
  const std::vector<model::Domain> domains{
      {.name = *DomainName::parse("vm1"), .config_candidates = {"/srv/guests/one"}, .disks = {}, .after = {}},
      {.name = *DomainName::parse("vm2"), .config_candidates = {"/etc/xen/vm2.cfg"}, .disks = {}, .after = {}}};
  const auto watched = [&](const std::vector<std::string>& argv) {
    std::string text = "xl 7\n";
    for (const std::string& word : argv) text += " " + word + "\n";
    const auto found = xen::parse_processes(test::exited(0, text + "end\n"), domains);
    REQUIRE(found.has_value());
    return found->watchers.empty() ? "" : found->watchers.front().name;
  };
  CHECK(watched({"xl", "create", "-q", "/srv/guests/one"}) == "vm1");
  CHECK(watched({"xl", "-v", "create", "/etc/xen/vm2.cfg"}) == "vm2");
  CHECK(watched({"xl", "create", "-F", "vm2.cfg"}) == "vm2");
  CHECK(watched({"xl", "create", "-f", "/root/vm2"}) == "vm2");
  CHECK(watched({"xl", "restore", "/etc/xen/vm2.cfg", "/root/image"}) == "vm2");
  CHECK(watched({"xl", "create", "/root/copy.cfg", "name=\"vm1\""}) == "vm1");
  CHECK(watched({"xl", "create", "/etc/xen/vm2.cfg", "name='test'"}).empty());
  CHECK(watched({"xl", "create", "-n", "/etc/xen/vm2.cfg"}).empty());
  CHECK(watched({"xl", "create", "-qn", "/etc/xen/vm2.cfg"}).empty());
  CHECK(watched({"xl", "create", "--dryrun", "/etc/xen/vm2.cfg"}).empty());
  CHECK(watched({"xl", "create", "/etc/xen/vm3.cfg"}).empty());
  CHECK(watched({"xl", "console", "vm2"}).empty());
  CHECK(watched({"xl"}).empty());
}

TEST_CASE("an xl that is still creating its domain is told from one that watches over it") {
  const std::vector<model::Domain> domains{
      {.name = *DomainName::parse("vm2"), .config_candidates = {"/etc/xen/vm2.cfg"}, .disks = {}, .after = {}}};
  const auto found = xen::parse_processes(
      test::exited(0, "xl 7\n xl\n create\n /etc/xen/vm2.cfg\nlog 8 /var/log/xen/xl-vm2.log\nend\n"), domains);
  REQUIRE(found.has_value());
  CHECK(found->watchers == std::vector<model::Watcher>{{.pid = 7, .name = "vm2", .creating = true},
                                                       {.pid = 8, .name = "vm2", .creating = false}});
}

TEST_CASE("a watcher is seen where its log was rotated into a folder of old ones") {
  test::Workshop workshop;
  const std::string& here = workshop.path();
  workshop.file("migrate-receive", "read line\n");
  std::filesystem::create_directories(here + "/log/xen/old");
  const FakeXl watcher(here + "/xl", here, here + "/log/xen/old/xl-vm1--incoming.log.1", {"migrate-receive"});
  const auto found = parsed(workshop.run(workshop.moved(xen::processes_command(), "/var/log/xen", "/log/xen")).out);
  CHECK(found.watchers == std::vector<model::Watcher>{{.pid = watcher.pid(), .name = "vm1"}});
}

TEST_CASE("a watcher is seen where the directory of the logs lies behind a link") {
  test::Workshop workshop;
  const std::string& here = workshop.path();
  workshop.file("create", "read line\n");
  std::filesystem::create_directories(here + "/disk/log/xen");
  std::filesystem::create_directory_symlink(here + "/disk/log", here + "/log");
  const FakeXl watcher(here + "/xl", here, here + "/log/xen/xl-vm1.log", {"create", "-q", "/etc/xen/vm1.cfg"});
  const auto found = parsed(workshop.run(workshop.moved(xen::processes_command(), "/var/log/xen", "/log/xen")).out);
  CHECK(found.watchers == std::vector<model::Watcher>{{.pid = watcher.pid(), .name = "vm1"}});
}

TEST_CASE("where processes cannot be listed the script fails and says so") {
  test::Workshop workshop;
  SECTION("no find") {
    workshop.program("find", "exit 127\n");
    const auto found = xen::parse_processes(workshop.run(xen::processes_command()));
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().because, ContainsSubstring("find failed"));
  }
  SECTION("a find that sees nothing") {
    workshop.program("find", "exit 0\n");
    const auto found = xen::parse_processes(workshop.run(xen::processes_command()));
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().because, ContainsSubstring("hides"));
  }
  SECTION("a /proc without processes") {
    const auto found = xen::parse_processes(workshop.run(workshop.moved(xen::processes_command(), "/proc", "/proc")));
    REQUIRE_FALSE(found.has_value());
  }
  SECTION("a /proc of other processes") {
    workshop.file("proc/self/stat", "1 (init) S\n");
    const auto found =
        xen::parse_processes(workshop.run(workshop.moved(xen::processes_command(), "/proc/self", "/proc/self")));
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().because, ContainsSubstring("does not show this process"));
  }
}

TEST_CASE("a log that was rotated away or deleted still names its watcher's domain") {
  const auto found = parsed("log 5 /var/log/xen/xl-vm1.log.1\nlog 6 /var/log/xen/xl-vm2.log (deleted)\n"
                            "log 7 /var/log/xen/xl-vm3--incoming.log.3 (deleted)\nlog 8 /var/log/xen/xl-a.log.log\n"
                            "log 9 /var/log/xen/xl-.log\nlog 10 /var/log/xen/xl-vm4.txt\nend\n");
  CHECK(found.watchers == std::vector<model::Watcher>{{.pid = 5, .name = "vm1"},
                                                      {.pid = 6, .name = "vm2"},
                                                      {.pid = 7, .name = "vm3"},
                                                      {.pid = 8, .name = "a.log"}});
}

TEST_CASE("a log under a name that rotation by date makes is that of every domain whose name it begins with") {
  std::vector<model::Domain> domains;
  for (const char* name : {"vm1", "vm", "web-1", "vm1-2"})
    domains.push_back({.name = *DomainName::parse(name), .config_candidates = {}, .disks = {}, .after = {}});
  const auto watched = [&](const std::string& log) {
    std::vector<std::string> names;
    const auto found = xen::parse_processes(exited(0, "log 5 /var/log/xen/" + log + "\nend\n"), domains);
    for (const model::Watcher& watcher : found.value().watchers)
      names.push_back(watcher.name + (watcher.or_of.empty() ? "" : " or " + watcher.or_of));
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(watched("xl-vm1.log") == Names{"vm1"});
  CHECK(watched("xl-vm1-2.log") == Names{"vm1-2"});
  CHECK(watched("xl-vm1.log-20261126") == Names{"vm1"});
  CHECK(watched("xl-vm1.log-20261126 (deleted)") == Names{"vm1"});
  CHECK(watched("xl-vm1--incoming.log-20261126") == Names{"vm1"});
  CHECK(watched("xl-vm1-20261126.log") == Names{"vm1 or vm1-20261126", "vm1-20261126"});
  CHECK(watched("xl-vm1-2-20261126.log") == Names{"vm1-2 or vm1-2-20261126", "vm1-2-20261126"});
  CHECK(watched("xl-web-1.log.old") == Names{"web-1"});
  CHECK(watched("xl-vm12.log") == Names{"vm12"}); // a guest that the topology does not know
  CHECK(watched("xl-vm1-3.log") == Names{"vm1-3"});
  CHECK(watched("xl-other.txt").empty());
}

TEST_CASE("the domain of an xl migrate is found wherever its options stand") {
  const auto domain = [](const std::string& arguments) {
    const auto found = parsed("xl 7\n xl\n" + arguments + "end\n");
    return found.migrations.empty() ? std::string("none") : found.migrations.front().domain;
  };
  CHECK(domain(" migrate\n vm1\n node2\n") == "vm1");
  CHECK(domain(" -t\n migrate\n --live\n vm1\n node2\n") == "vm1");
  CHECK(domain(" migrate\n -s\n ssh\n -e\n vm1\n node2\n") == "vm1");
  CHECK(domain(" migrate\n -sssh\n vm1\n node2\n") == "vm1");
  CHECK(domain(" migrate\n -pC\n /a\n vm1\n node2\n") == "vm1");
  CHECK(domain(" migrate\n -C\n /etc/x\n --\n vm1\n node2\n") == "vm1");
  CHECK(domain(" migrate\n") == "");
  CHECK(domain(" list\n") == "none");
  CHECK(domain("") == "none");
}

TEST_CASE("an xl that suspends its domain, or brings one up, is seen like a migration, with its own word") {
  const auto at_work = [](const std::string& arguments) {
    return parsed("xl 7\n xl\n" + arguments + "end\n").migrations;
  };
  using All = std::vector<model::MigrationProcess>;
  CHECK(at_work(" save\n vm1\n /a\n") == All{{7, false, "vm1", "save"}});
  CHECK(at_work(" -f\n save\n -c\n 5\n /a\n") == All{{7, false, "5", "save"}});
  CHECK(at_work(" save\n -pc\n vm1\n /a\n") == All{{7, false, "vm1", "save"}});
  CHECK(at_work(" dump-core\n vm1\n /a\n") == All{{7, false, "vm1", "dump-core"}});
  CHECK(at_work(" suspend\n vm1\n") == All{{7, false, "vm1", "suspend"}});
  CHECK(at_work(" remus\n -Fd\n -i\n 100\n -s\n ssh\n -N\n /a\n vm1\n node2\n") == All{{7, false, "vm1", "remus"}});
  CHECK(at_work(" restore\n -p\n /a\n") == All{{7, true, "", "restore"}});
  CHECK(at_work(" resume\n vm1\n").empty());
}

TEST_CASE("an answer about processes that is cut or garbled is an error") {
  const std::string text = "log 545 /var/log/xen/xl-vm1.log\nxl 700\n xl\n migrate\n vm1\n node2\nend\n";
  REQUIRE(xen::parse_processes(exited(0, text)).has_value());
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK_FALSE(xen::parse_processes(exited(0, text.substr(0, cut))).has_value());
  for (const char* garbled : {"log\nend\n", "log x /a\nend\n", "xl -1\nend\n", "what 1\nend\n", " x\nend\n", "\nend\n",
                              "log 99999999999 /var/log/xen/xl-a.log\nend\n"}) {
    INFO(garbled);
    CHECK_FALSE(xen::parse_processes(exited(0, garbled)).has_value());
  }
  CHECK_FALSE(xen::parse_processes(exited(3, text)).has_value());
  CHECK_FALSE(xen::parse_processes({.end = host::End::timed_out, .out = text}).has_value());
  CHECK_FALSE(xen::parse_processes(exited(0, std::string(10'000'000, '\x1b') + "\nend\n")).has_value());
}
