#include "xen/cfg.hpp"
#include "xen/config_json.hpp"
#include "xen/guest.hpp"
#include "xen/memory_stream.hpp"
#include "xen/xl.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

namespace sim {

namespace {

/// The process that carries the stream, as `sh -c RUNE`.
struct Transport {
  pid_t pid = -1;
  int send = -1;
  int receive = -1;
};

std::optional<Transport> start_transport(const std::string& rune) {
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) { return std::nullopt; }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(to[0], STDIN_FILENO);
    ::dup2(from[1], STDOUT_FILENO);
    ::execlp("sh", "sh", "-c", rune.c_str(), nullptr);
    std::_Exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  std::signal(SIGPIPE, SIG_IGN);
  return Transport{pid, to[1], from[0]};
}

/// What `xl migrate` was asked to do.
struct MigrateRequest {
  std::string domain, host, ssh = "ssh", config_file;
  bool daemonize = true, pause_after = false, debug = false;
};

/// The command xl gives to sh. An empty -s makes HOST the whole command; else -s replaces the word "ssh" only, and
/// "HOST xl migrate-receive" always follows it. Source: main_migrate in xen tools/xl/xl_migrate.c.
std::string rune_of(const MigrateRequest& request, bool tty_progress) {
  if (request.ssh.empty()) { return request.host; }
  return "exec " + request.ssh + " " + request.host + " xl" + (tty_progress ? " -t" : "") + " migrate-receive" +
         (request.daemonize ? "" : " -e") + (request.debug ? " -d" : "") + (request.pause_after ? " -p" : "");
}

std::optional<MigrateRequest> parse_migrate(const Arguments& arguments) {
  MigrateRequest request;
  Arguments operands;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if ((argument == "-s" || argument == "-C") && i + 1 < arguments.size()) {
      (argument == "-s" ? request.ssh : request.config_file) = arguments[++i];
    } else if (argument == "-e" || argument == "-F") {
      request.daemonize = false;
    } else if (argument == "-p") {
      request.pause_after = true;
    } else if (argument == "--debug") {
      request.debug = true;
    } else if (argument.starts_with("-") && argument != "--live" && argument != "-D") {
      return std::nullopt;
    } else if (!argument.starts_with("-")) {
      operands.push_back(argument);
    }
  }
  if (operands.size() != 2) { return std::nullopt; }
  request.domain = operands[0];
  request.host = operands[1];
  return request;
}

class Sender {
public:
  Sender(Run& run, unsigned domid, Transport transport, double rate)
      : run_(run),
        domid_(domid),
        transport_(transport),
        writer_(transport.send, run.faults, rate),
        reader_(transport.receive, run.faults) {}

  int migrate(const std::string& config) {
    if (!preamble(config)) { return 1; }
    const int suspended = send_domain();
    if (suspended != 0) {
      say(format("migration sender: libxl_domain_suspend failed (rc=%d)\n", suspended));
      return suspended == -8 ? fail_to_suspend() : fail_and_resume();
    }
    if (!reader_.expect(ready_message)) {
      truncated("ready message");
      return fail_and_resume();
    }
    run_.faults.at("migrate-ready");
    say("migration sender: Target has acknowledged transfer.\n");
    if (!rename("--migratedaway")) { return fail_and_resume(); }
    run_.faults.at("migrate-renamed");
    say("migration sender: Giving target permission to start.\n");
    phase("go");
    if (!writer_.write(go_message)) { return fail_badly(); }
    run_.faults.at("migrate-go");
    return finish();
  }

private:
  void say(const std::string& text) {
    run_.output.err += text;
    run_.output.flush();
  }

  void phase(const std::string& name) {
    run_.world.event("migrate", {{"phase", name}, {"domain", name_}, {"domid", domid_}});
  }

  void truncated(const std::string& what) {
    say("libxl: error: libxl_utils.c:505:libxl_read_exactly: file/stream truncated reading " + what +
        " from migration receiver stream\n");
  }

  Domain* domain(State& state) const { return find_domain(node_of(state, run_.world.index()), domid_); }

  bool preamble(const std::string& config) {
    run_.world.change([&](State& state) { name_ = domain(state) != nullptr ? domain(state)->name : ""; });
    phase("begin");
    run_.faults.at("migrate-started");
    std::string came;
    const bool complete = reader_.read(banner_message.size(), came);
    if (!complete || came != banner_message) {
      if (complete) {
        say("migration receiver stream contained unexpected data instead of banner\n");
      } else {
        truncated("banner");
      }
      ::close(transport_.send);
      report_child();
      return false;
    }
    const std::string header = save_header(config);
    say(format("Saving to migration stream new xl format (info 0x3/0x0/%zu)\n", header.size() - 48));
    return writer_.write(header) && writer_.write(libxl_header());
  }

  /// The live copy, the suspend, the rest. 0, or libxl's error: -3 the stream broke, -8 the guest did not suspend.
  int send_domain() {
    const State state = run_.world.look();
    Node node = node_of(state, run_.world.index());
    const Domain* guest = find_domain(node, domid_);
    if (guest == nullptr) { return -8; }
    say(format("xc: info: Saving domain %u, type x86 %s\n", domid_, guest->type == "pv" ? "PV" : "HVM"));
    if (!guest->migratable) {
      say(format("xc: error: Failed to enable logdirty: 95,22,0 (22 = Invalid argument): Internal error\n"
                 "xc: error: Save failed (22 = Invalid argument): Internal error\n"
                 "libxl: error: libxl_stream_write.c:347:libxl__xc_domain_save_done: Domain %u:saving domain: domain "
                 "did not respond to suspend request: Invalid argument\n",
                 domid_));
      return writer_.write(make_record(record::libxc_context, "") + libxc_headers("pv")) ? -8 : -3;
    }
    if (!send_live(*guest, state.settings.stream_scale)) { return broken_pipe(); }
    if (!suspend()) { return -8; }
    run_.faults.at("migrate-suspended");
    if (!send_rest(*guest)) { return broken_pipe(); }
    run_.faults.at("migrate-end");
    return 0;
  }

  bool send_live(const Domain& guest, double scale) {
    const auto frames = static_cast<std::uint64_t>(guest.memory) * 256;
    const auto pages = std::max<std::uint64_t>(8, static_cast<std::uint64_t>(static_cast<double>(frames) * scale));
    const std::uint64_t step = std::max<std::uint64_t>(1, frames / pages);
    const auto batch = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(pages / 16, 1, 1024));
    bool good = writer_.write(make_record(record::libxc_context, "") + libxc_headers(guest.type) +
                              make_record(record::static_data_end, "") +
                              make_record(record::cpuid_policy, std::string(24 * 40, '\1')) +
                              make_record(record::msr_policy, std::string(16 * 3, '\2')));
    for (std::uint64_t at = 0; good && at < pages; at += batch) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(batch, pages - at));
      good = writer_.write(page_batch(at * step, count, step));
    }
    return good && writer_.write(page_batch(0, 4, 1)); // pages that became dirty meanwhile
  }

  bool send_rest(const Domain& guest) {
    std::string rest = page_batch(0, 2, 1) + make_record(record::tsc_info, std::string(24, '\0')) +
                       make_record(record::hvm_context, std::string(1021, '\3')) +
                       make_record(record::hvm_params, std::string(8 + 16 * 8, '\4')) + make_record(record::end, "");
    if (guest.type == "hvm") { rest += make_record(record::emulator_xenstore, std::string(8 + 37, '\5')); }
    if (!writer_.write(rest)) { return false; }
    phase("end"); // before anybody can act on the last record
    return writer_.write(make_record(record::end, ""));
  }

  bool suspend() {
    bool done = false;
    run_.world.change([&](State& state) {
      Domain* guest = domain(state);
      if (guest != nullptr && guest->executing) {
        suspend_guest(run_.world, state, run_.world.index(), *guest);
        done = true;
      }
    });
    if (done) { phase("suspended"); }
    return done;
  }

  int broken_pipe() {
    say(format("libxl: error: libxl_utils.c:505:libxl_read_exactly: file/stream truncated reading ipc msg header from "
               "domain %u save/restore helper stdout pipe\n"
               "libxl: error: libxl_exec.c:127:libxl_report_child_exitstatus: domain %u save/restore helper [%d] died "
               "due to fatal signal Broken pipe\n",
               domid_, domid_, transport_.pid + 1));
    return -3;
  }

  bool rename(const std::string& ending) {
    bool done = false;
    run_.world.change([&](State& state) {
      Domain* guest = domain(state);
      Node& node = node_of(state, run_.world.index());
      if (guest != nullptr && find_domain(node, name_ + ending) == nullptr) {
        guest->name = name_ + ending;
        run_.world.event("renamed", {{"domain", guest->name}, {"domid", domid_}});
        done = true;
      }
    });
    return done;
  }

  int finish() {
    std::string status;
    if (!reader_.expect(report_message)) {
      truncated("success/failure report message");
      return fail_badly();
    }
    if (!reader_.read(1, status)) {
      truncated("success/failure status");
      return fail_badly();
    }
    run_.faults.at("migrate-report");
    if (status[0] != 0) { return take_back(status[0]); }
    say("migration sender: Target reports successful startup.\n");
    double linger = 0;
    run_.world.change([&](State& state) {
      linger = state.settings.destroy_linger / 4;
      if (Domain* guest = domain(state)) { begin_destroying(run_.world, state, run_.world.index(), *guest); }
    });
    pause_for(linger);
    run_.world.change([&](State& state) { destroy_domain(run_.world, state, run_.world.index(), domid_); });
    phase("done");
    run_.faults.at("migrate-done");
    say("Migration successful.\n");
    return 0;
  }

  int take_back(char status) {
    say(format("migration sender: Target reports startup failure (status code %d).\n", static_cast<int>(status)));
    if (!reader_.expect(go_message)) {
      truncated("permission for sender to resume");
      return fail_badly();
    }
    say("migration sender: Trying to resume at our end.\n");
    if (rename("") && resume()) { say("migration sender: Resumed OK.\n"); }
    phase("failed");
    say("Migration failed due to problems at target.\n");
    return 1;
  }

  bool resume() {
    bool resumed = false;
    run_.world.change([&](State& state) {
      Domain* guest = domain(state);
      if (guest != nullptr && guest->shutdown == "suspend") {
        resume_guest(run_.world, state, run_.world.index(), *guest);
        resumed = true;
      }
    });
    return resumed;
  }

  int fail_to_suspend() {
    ::close(transport_.send);
    report_child();
    phase("failed");
    say("Migration failed, failed to suspend at sender.\n");
    return 1;
  }

  int fail_and_resume() {
    ::close(transport_.send);
    report_child();
    say("Migration failed, resuming at sender.\n");
    if (!resume()) {
      say(format("xc: error: Dom %u not suspended: (shutdown 0, reason 255): Internal error\n"
                 "libxl: error: libxl_dom_suspend.c:666:domain_resume_done: Domain %u:xc_domain_resume failed: Invalid "
                 "argument\n",
                 domid_, domid_));
    }
    phase("failed");
    return 1;
  }

  int fail_badly() {
    phase("undefined");
    say("** Migration failed during final handshake **\n"
        "Domain state is now undefined !\n"
        "Please CHECK AT BOTH ENDS for running instances, before renaming and\n"
        " resuming at most one instance.  Two simultaneous instances of the domain\n"
        " would probably result in SEVERE DATA LOSS and it is now your\n"
        " responsibility to avoid that.  Sorry.\n");
    ::close(transport_.send);
    report_child();
    return 1;
  }

  void report_child() {
    int status = 0;
    const double until = World::now() + 10;
    while (::waitpid(transport_.pid, &status, WNOHANG) == 0) {
      if (World::now() > until) {
        say(format("migration child [%d] not exiting, no longer waiting (exit status will be unreported)\n",
                   transport_.pid));
        return;
      }
      pause_for(0.001);
    }
    if (WIFSIGNALED(status)) {
      say(format("libxl: info: libxl_exec.c:127:libxl_report_child_exitstatus: migration transport process [%d] died "
                 "due to fatal signal %s\n",
                 transport_.pid, ::strsignal(WTERMSIG(status))));
    } else if (WEXITSTATUS(status) != 0) {
      say(format("libxl: info: libxl_exec.c:117:libxl_report_child_exitstatus: migration transport process [%d] exited "
                 "with error status %d\n",
                 transport_.pid, WEXITSTATUS(status)));
    }
  }

  Run& run_;
  unsigned domid_;
  Transport transport_;
  StreamWriter writer_;
  StreamReader reader_;
  std::string name_;
};

} // namespace

int xl_migrate(Run& run, const Arguments& arguments, bool tty_progress) {
  const auto request = parse_migrate(arguments);
  if (!request) {
    run.output.err += unknown_option();
    return 2;
  }
  unsigned domid = 0;
  if (!name_to_domid(run, request->domain, domid)) { return 1; }
  std::string config = read_file(run.world.userdata(run.world.index(), domid));
  if (!request->config_file.empty()) {
    auto parsed = parse_config(request->config_file, read_file(request->config_file));
    config = parsed.error.empty() ? lay_out(config_document(parsed.config, true)) : "";
  }
  if (config.empty()) {
    run.output.err += "No config file stored for running domain and none supplied - cannot migrate.\n";
    return 1;
  }
  const double rate = run.world.look().settings.stream_rate;
  const auto transport = start_transport(rune_of(*request, tty_progress || ::isatty(STDERR_FILENO) != 0));
  if (!transport) { return 1; }
  return Sender(run, domid, *transport, rate).migrate(config);
}

} // namespace sim
