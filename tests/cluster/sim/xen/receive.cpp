#include "xen/block.hpp"
#include "xen/config_json.hpp"
#include "xen/create.hpp"
#include "xen/guest.hpp"
#include "xen/memory_stream.hpp"
#include "xen/watcher.hpp"
#include "xen/xl.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <unistd.h>

namespace sim {

namespace {

bool write_exactly(const std::string& text) {
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, left.data(), left.size());
    if (n < 0 && errno == EINTR) { continue; }
    if (n <= 0) { return false; }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

class Receiver {
public:
  Receiver(Run& run, bool monitor, bool stay_paused)
      : run_(run), monitor_(monitor), stay_paused_(stay_paused), reader_(STDIN_FILENO, run.faults) {}

  int receive() {
    std::signal(SIGPIPE, SIG_IGN);
    say("migration target: Ready to receive domain.\n");
    run_.faults.at("receive-banner");
    if (!write_exactly(banner_message)) { return 1; }
    if (!create_from_stream()) {
      say("migration target: Domain creation failed (code -3).\n");
      return 1;
    }
    say("migration target: Transfer complete, requesting permission to start domain.\n");
    run_.faults.at("receive-ready");
    if (!write_exactly(ready_message)) { return 1; }
    return start();
  }

private:
  void say(const std::string& text) {
    run_.output.err += text;
    run_.output.flush();
  }

  Domain* domain(State& state) const { return find_domain(node_of(state, run_.world.index()), domid_); }

  bool create_from_stream() {
    std::string header;
    std::string body;
    if (!reader_.read(48, header) || !header.starts_with("Xen saved domain, xl format\n")) { return false; }
    const auto length = from_little_endian(std::string_view(header).substr(44, 4));
    say(format("Loading new save file <incoming migration stream> (new xl fmt info 0x3/0x0/%zu)\n"
               " Savefile contains xl domain config in JSON format\n"
               "Parsing config from <saved>\n",
               static_cast<std::size_t>(length)));
    if (length < 5 || !reader_.read(length, body)) { return false; }
    const auto document = nlohmann::ordered_json::parse(body.substr(4, body.size() - 5), nullptr, false);
    if (!document.is_object()) { return false; }
    config_ = config_from(document);
    Domain incoming = domain_of(config_);
    incoming.name = config_.name + "--incoming";
    auto failure = enter_domain(run_.world, incoming, config_);
    domid_ = incoming.domid;
    if (failure) {
      say(*failure);
      return false;
    }
    if (!read_libxl_stream()) {
      destroy();
      say(format("libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain %u:cannot (re-)build domain: -3\n",
                 domid_) +
          destruction_failed(domid_));
      return false;
    }
    return complete();
  }

  bool read_libxl_stream() {
    std::string part;
    if (!reader_.read(16, part) || !part.starts_with("LibxlFmt")) { return false; }
    for (;;) {
      std::string head;
      if (!reader_.read(8, head)) {
        return stream_error("Failed to read Record Header from stream (0 = Success)", "Restore failed (0 = Success)",
                            "Success");
      }
      const auto type = static_cast<std::uint32_t>(from_little_endian(head.substr(0, 4)));
      const auto length = static_cast<std::uint32_t>(from_little_endian(head.substr(4, 4)));
      if (!reader_.read(padded(length), part)) { return false; }
      if (type == record::end) {
        run_.faults.at("receive-end");
        return true;
      }
      if (type == record::libxc_context && !read_libxc_stream()) { return false; }
    }
  }

  bool read_libxc_stream() {
    std::string part;
    if (!reader_.read(24 + 16, part) || part.substr(0, 8) != std::string(8, '\xff')) {
      return stream_error("Failed to read Image Header from stream (0 = Success)", "Restore failed (0 = Success)",
                          "Success");
    }
    say(format("xc: info: Found x86 %s domain from Xen 4.17\nxc: info: Restoring domain\n",
               from_little_endian(part.substr(24, 4)) == 1 ? "PV" : "HVM"));
    for (;;) {
      std::string head;
      if (!reader_.read(8, head)) {
        return stream_error("Failed to read Record Header from stream (0 = Success)", "Restore failed (0 = Success)",
                            "Success");
      }
      const auto type = static_cast<std::uint32_t>(from_little_endian(head.substr(0, 4)));
      const auto length = static_cast<std::uint32_t>(from_little_endian(head.substr(4, 4)));
      if (!reader_.read(padded(length), part)) {
        return stream_error("Failed to read Record from stream (0 = Success)", "Restore failed (0 = Success)",
                            "Success");
      }
      if (type == record::end) {
        say("xc: info: Restore successful\nxc: info: XenStore: mfn 0xfeffc, dom 0, evt 1\n"
            "xc: info: Console: mfn 0xfefff, dom 0, evt 2\n");
        return true;
      }
      if (type == record::page_data && !populate(part.substr(0, length))) { return false; }
    }
  }

  bool stream_error(const std::string& what, const std::string& summary, const std::string& reason) {
    say("xc: error: " + what + ": Internal error\nxc: error: " + summary +
        ": Internal error\n"
        "libxl: error: libxl_stream_read.c:850:libxl__xc_domain_restore_done: restoring domain: " +
        reason + "\n");
    return false;
  }

  bool populate(const std::string& body) {
    const std::int64_t highest = check_pages(body);
    if (highest < 0) {
      return stream_error("Page data is not what was sent (22 = Invalid argument)",
                          "Restore failed (22 = Invalid argument)", "Invalid argument");
    }
    bool fits = true;
    run_.world.change([&](State& state) {
      Domain* incoming = domain(state);
      const Node& node = node_of(state, run_.world.index());
      if (incoming == nullptr) {
        fits = false;
        return;
      }
      const int wanted =
          std::max(incoming->present, std::min<int>(static_cast<int>(highest / 256), incoming->memory - 1));
      fits = wanted - incoming->present < std::max(1, free_memory(node));
      incoming->present = fits ? wanted : incoming->present;
    });
    return fits || stream_error("Failed to populate physmap (16 = Device or resource busy): Internal error\n"
                                "xc: error: Failed to populate pfns for batch of 1024 pages",
                                "Restore failed (16 = Device or resource busy)", "Device or resource busy");
  }

  bool complete() {
    run_.world.change([&](State& state) {
      if (Domain* incoming = domain(state)) {
        incoming->built = true;
        incoming->present = incoming->memory;
      }
    });
    run_.faults.at("receive-disks");
    if (const auto failure = attach_devices(run_.world, domid_, config_)) {
      say(*failure);
      return false;
    }
    run_.world.event("received", {{"domain", config_.name}, {"domid", domid_}, {"uuid", config_.uuid}});
    if (monitor_) { leave_watcher(run_.world, run_.faults, domid_, config_.name + "--incoming", config_); }
    return true;
  }

  int start() {
    int code = 0;
    if (!reader_.expect(go_message)) {
      say("libxl: error: libxl_utils.c:505:libxl_read_exactly: file/stream truncated reading GO message from migration "
          "stream\n");
      code = 1;
    } else {
      run_.faults.at("receive-go");
      say("migration target: Got permission, starting domain.\n");
      code = rename();
    }
    if (code == 0) {
      run_.faults.at("receive-renamed");
      if (!stay_paused_) { unpause_domain(run_.world, domid_); }
      run_.faults.at("receive-running");
      say("migration target: Domain started successsfully.\n");
    }
    if (!write_exactly(report_message) || !write_exactly(std::string(1, static_cast<char>(-code)))) { return 1; }
    run_.faults.at("receive-reported");
    return code == 0 ? 0 : give_back();
  }

  int rename() {
    int code = 0;
    run_.world.change([&](State& state) {
      Domain* incoming = domain(state);
      Node& node = node_of(state, run_.world.index());
      if (incoming == nullptr) {
        code = -6;
      } else if (find_domain(node, config_.name) != nullptr) {
        code = -6;
        run_.output.err += format("libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain %u:Domain with name "
                                  "\"%s\" already exists.\n",
                                  domid_, config_.name.c_str());
      } else {
        incoming->name = config_.name;
        run_.world.event("renamed", {{"domain", incoming->name}, {"domid", domid_}});
      }
    });
    run_.output.flush();
    return code;
  }

  int give_back() {
    say("migration target: Failure, destroying our copy.\n");
    destroy();
    say("migration target: Cleanup OK, granting sender permission to resume.\n");
    return write_exactly(go_message) ? 0 : 1;
  }

  void destroy() {
    run_.world.change([&](State& state) { destroy_domain(run_.world, state, run_.world.index(), domid_); });
  }

  Run& run_;
  bool monitor_;
  bool stay_paused_;
  StreamReader reader_;
  GuestConfig config_;
  unsigned domid_ = 0;
};

} // namespace

int xl_migrate_receive(Run& run, const Arguments& arguments) {
  bool monitor = true;
  bool stay_paused = false;
  for (const auto& argument : arguments) {
    monitor = monitor && argument != "-e";
    stay_paused = stay_paused || argument == "-p";
  }
  return Receiver(run, monitor, stay_paused).receive();
}

} // namespace sim
