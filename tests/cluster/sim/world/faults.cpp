#include "world/faults.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sim {

namespace {

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

/// Whether a fault is meant for this point.
bool is_at(const nlohmann::json& fault, const std::string& point) {
  const std::string wanted = fault.value("point", "before");
  return wanted == point || (wanted == "*" && !point.ends_with("-stream"));
}

} // namespace

std::vector<Faults::Fault> Faults::matching(const std::string& point) const {
  std::vector<Fault> found;
  const std::string folder = world_.directory() + "/faults";
  DIR* listing = ::opendir(folder.c_str());
  if (listing == nullptr) { return found; }
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".json")) { continue; }
    auto what = nlohmann::json::parse(read_file(folder + "/" + name), nullptr, false);
    if (what.is_object() && is_at(what, point) && glob_match(what.value("node", "*"), world_.node_name()) &&
        glob_match(what.value("command", "*"), command_line_)) {
      found.push_back({name.substr(0, name.size() - 5), std::move(what)});
    }
  }
  ::closedir(listing);
  std::ranges::sort(found, {}, &Fault::id);
  return found;
}

std::optional<std::int64_t> Faults::next_byte(const std::string& point, std::int64_t byte) const {
  std::optional<std::int64_t> first;
  for (const auto& fault : matching(point)) {
    const std::int64_t at = fault.what.value("at_byte", std::int64_t{0});
    if (at > byte && (!first || at < *first)) { first = at; }
  }
  return first;
}

void Faults::strike(const std::string& point, std::int64_t byte) {
  for (const auto& fault : matching(point)) {
    if (fault.what.value("at_byte", std::int64_t{0}) <= byte || byte < 0) {
      if (take(fault)) { act(fault, point); }
    }
  }
}

bool Faults::take(const Fault& fault) const {
  const std::string folder = world_.directory() + "/faults";
  const int lock = ::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ::flock(lock, LOCK_EX);
  const std::string path = folder + "/" + fault.id + ".json";
  auto what = nlohmann::json::parse(read_file(path), nullptr, false);
  bool strikes = false;
  if (what.is_object()) {
    const int skip = what.value("skip", 0);
    const int count = what.value("count", 1);
    strikes = skip == 0 && count != 0;
    if (skip > 0) {
      what["skip"] = skip - 1;
    } else if (count > 0) {
      what["count"] = count - 1;
    }
    if (skip > 0 || count > 0) { write_file(path, what.dump()); }
  }
  ::close(lock);
  return strikes;
}

void Faults::act(const Fault& fault, const std::string& point) {
  const std::string action = fault.what.value("action", "");
  world_.event(
      "fault",
      {{"id", fault.id}, {"action", action}, {"point", point}, {"command", command_line_}, {"pid", ::getpid()}});
  if (action == "exit") {
    output_ = {fault.what.value("stdout", ""), fault.what.value("stderr", "")};
    output_.flush();
    std::_Exit(fault.what.value("code", 1));
  } else if (action == "signal") {
    ::kill(::getpid(), fault.what.value("signal", SIGKILL));
  } else if (action == "hang") {
    for (double left = fault.what.value("seconds", -1.0); left != 0.0; left = left < 0 ? left : 0) {
      pause_for(left < 0 ? 3600.0 : left);
    }
  } else if (action == "hold") {
    write_file(world_.directory() + "/held/" + fault.id, std::to_string(::getpid()) + "\n");
    while (!exists(world_.directory() + "/released/" + fault.id)) { pause_for(0.005); }
  } else if (action == "run") {
    const std::string command = fault.what.value("run", "");
    if (std::system(command.c_str()) != 0) { world_.event("fault-run-failed", {{"id", fault.id}}); }
  } else if (action == "print") {
    output_.out += fault.what.value("stdout", "");
    output_.err += fault.what.value("stderr", "");
  }
}

} // namespace sim
