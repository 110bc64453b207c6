#include "drbd/config.hpp"

#include "world/world.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <glob.h>
#include <optional>
#include <sys/stat.h>

namespace sim {

namespace {

struct Word {
  std::string text;
  int line = 1;
  bool sign = false;
};

std::vector<Word> words_of(const std::string& text) {
  std::vector<Word> words;
  int line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
    } else if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') { ++i; }
    } else if (c == '{' || c == '}' || c == ';') {
      words.push_back({std::string(1, c), line, true});
    } else if (c == '"') {
      Word word{"", line, false};
      for (++i; i < text.size() && text[i] != '"'; ++i) { word.text += text[i]; }
      words.push_back(word);
    } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      Word word{"", line, false};
      while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i])) == 0 &&
             std::string("{};#").find(text[i]) == std::string::npos) {
        word.text += text[i++];
      }
      --i;
      words.push_back(word);
    }
  }
  return words;
}

class Reader {
public:
  Reader(DrbdConfig& config, std::string file)
      : config_(config), file_(std::move(file)), words_(words_of(read_file(file_))) {}

  bool read() {
    while (at_ < words_.size()) {
      const std::string what = take();
      if (what == "global") {
        if (!options(config_.global)) { return false; }
      } else if (what == "common") {
        if (!common()) { return false; }
      } else if (what == "resource") {
        if (!resource()) { return false; }
      } else if (what == "include") {
        include(take());
        if (!sign(";")) { return false; }
      } else {
        return fail("'global | common | resource | skip | include'", what);
      }
    }
    return true;
  }

private:
  std::string take() {
    line_ = at_ < words_.size() ? words_[at_].line : line_;
    return at_ < words_.size() ? words_[at_++].text : "";
  }

  [[nodiscard]] const std::string& peek() const {
    static const std::string nothing;
    return at_ < words_.size() ? words_[at_].text : nothing;
  }

  bool fail(const std::string& expected, const std::string& got) {
    const std::string shown = file_.starts_with("/etc/") ? file_.substr(5) : file_;
    config_.error = format("%s:%d: Parse error: %s expected,\n\tbut got '%s' (TK 282)\n", shown.c_str(), line_,
                           expected.c_str(), got.c_str());
    return false;
  }

  bool sign(const std::string& wanted) {
    const std::string got = take();
    return got == wanted || fail("'" + wanted + "'", got);
  }

  void include(const std::string& pattern) {
    const std::string path = pattern.starts_with("/") ? pattern : file_.substr(0, file_.rfind('/') + 1) + pattern;
    glob_t found{};
    if (::glob(path.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc && config_.error.empty(); ++i) {
        if (!Reader(config_, found.gl_pathv[i]).read()) { break; }
      }
    }
    ::globfree(&found);
  }

  bool options(Options& into) {
    if (!sign("{")) { return false; }
    while (peek() != "}") {
      if (at_ >= words_.size()) { return fail("an option", "end of file"); }
      const std::string name = take();
      std::string value;
      while (peek() != ";" && peek() != "}" && at_ < words_.size()) { value += (value.empty() ? "" : " ") + take(); }
      if (!sign(";")) { return false; }
      into.emplace_back(name, value.empty() ? "yes" : value);
    }
    return sign("}");
  }

  bool common() {
    if (!sign("{")) { return false; }
    while (peek() != "}" && at_ < words_.size()) {
      const std::string section = take();
      config_.common_order.push_back(section);
      if (!options(config_.common[section])) { return false; }
    }
    return sign("}");
  }

  bool volume_statement(const std::string& what, ConfigVolume& volume) {
    if (what == "device") {
      std::string word = take();
      if (word != "minor") {
        volume.device = word.starts_with("/") ? word : "/dev/" + word;
        word = peek() == "minor" ? take() : "";
      }
      if (word == "minor") {
        volume.minor = std::atoi(take().c_str());
      } else if (volume.device.starts_with("/dev/drbd")) {
        volume.minor = std::atoi(volume.device.c_str() + 9);
      }
      if (volume.device.empty()) { volume.device = "/dev/drbd" + std::to_string(volume.minor); }
    } else if (what == "disk") {
      volume.disk = take();
    } else {
      volume.meta_disk = take();
    }
    return sign(";");
  }

  bool volume_block(std::vector<ConfigVolume>& volumes) {
    ConfigVolume volume;
    volume.number = std::atoi(take().c_str());
    volume.implicit = false;
    if (!sign("{")) { return false; }
    while (peek() != "}" && at_ < words_.size()) {
      const std::string what = take();
      if (what == "disk" && peek() == "{") {
        Options ignored;
        if (!options(ignored)) { return false; }
      } else if (what != "device" && what != "disk" && what != "meta-disk") {
        return fail("'device | disk | meta-disk'", what);
      } else if (!volume_statement(what, volume)) {
        return false;
      }
    }
    merge_volume(volumes, volume);
    return sign("}");
  }

  static void merge_volume(std::vector<ConfigVolume>& volumes, const ConfigVolume& volume) {
    const auto old = std::ranges::find(volumes, volume.number, &ConfigVolume::number);
    if (old == volumes.end()) {
      volumes.push_back(volume);
      return;
    }
    old->implicit = volume.implicit;
    old->minor = volume.minor >= 0 ? volume.minor : old->minor;
    old->device = volume.device.empty() ? old->device : volume.device;
    old->disk = volume.disk.empty() ? old->disk : volume.disk;
    old->meta_disk = volume.meta_disk;
  }

  static ConfigVolume& implicit_volume(std::vector<ConfigVolume>& volumes) {
    if (volumes.empty()) { volumes.emplace_back(); }
    return volumes.front();
  }

  bool address(ConfigHost& host) {
    std::string word = take();
    if (word == "ipv4" || word == "ipv6") {
      host.family = word;
      word = take();
    }
    const auto colon = word.rfind(':');
    host.address = word.substr(0, colon);
    host.port = colon == std::string::npos ? "" : word.substr(colon + 1);
    return sign(";");
  }

  bool host(ConfigResource& resource) {
    ConfigHost host;
    host.name = take();
    if (!sign("{")) { return false; }
    while (peek() != "}" && at_ < words_.size()) {
      const std::string what = take();
      bool good = true;
      if (what == "address") {
        good = address(host);
      } else if (what == "node-id") {
        host.node_id = std::atoi(take().c_str());
        good = sign(";");
      } else if (what == "volume") {
        good = volume_block(host.volumes);
      } else if (what == "device" || what == "disk" || what == "meta-disk") {
        good = volume_statement(what, implicit_volume(host.volumes));
      } else {
        good = fail("'device | disk | address | meta-disk | volume | node-id'", what);
      }
      if (!good) { return false; }
    }
    resource.hosts.push_back(host);
    return sign("}");
  }

  bool block_to_skip() {
    int depth = 0;
    do {
      const std::string word = take();
      depth += word == "{" ? 1 : word == "}" ? -1 : 0;
    } while (depth > 0 && at_ < words_.size());
    return depth == 0 || fail("'}'", "end of file");
  }

  bool resource() {
    ConfigResource resource;
    resource.line = line_;
    resource.name = take();
    resource.file = file_;
    std::vector<ConfigVolume> shared;
    if (!sign("{")) { return false; }
    while (peek() != "}") {
      if (at_ >= words_.size()) {
        return fail("'protocol | on | disk | net | syncer | startup | handlers | ignore-on | stacked-on-top-of'",
                    "EOF");
      }
      if (!statement(resource, shared)) { return false; }
    }
    spread(resource, shared);
    config_.resources.push_back(resource);
    return sign("}");
  }

  bool statement(ConfigResource& resource, std::vector<ConfigVolume>& shared) {
    const std::string what = take();
    if (what == "on") { return host(resource); }
    if (what == "volume") { return volume_block(shared); }
    if (what == "connection" || what == "connection-mesh") { return block_to_skip(); }
    if (what == "protocol") {
      resource.sections["net"].emplace_back("protocol", take());
      return sign(";");
    }
    if ((what == "disk" || what == "net" || what == "startup" || what == "options" || what == "handlers" ||
         what == "syncer") &&
        peek() == "{") {
      return options(resource.sections[what]);
    }
    if (what == "device" || what == "disk" || what == "meta-disk") {
      return volume_statement(what, implicit_volume(shared));
    }
    return fail("'protocol | on | disk | net | syncer | startup | handlers | ignore-on | stacked-on-top-of'", what);
  }

  /// What stands at the level of the resource holds for every host.
  static void spread(ConfigResource& resource, const std::vector<ConfigVolume>& shared) {
    int number = 0;
    for (auto& host : resource.hosts) {
      std::vector<ConfigVolume> own = host.volumes;
      host.volumes = shared;
      for (const auto& volume : own) { merge_volume(host.volumes, volume); }
      host.node_id = host.node_id < 0 ? number : host.node_id;
      ++number;
    }
  }

  DrbdConfig& config_;
  std::string file_;
  std::vector<Word> words_;
  std::size_t at_ = 0;
  int line_ = 1;
};

} // namespace

DrbdConfig load_drbd_config() {
  DrbdConfig config;
  struct stat info {};
  if (::stat("/etc/drbd.conf", &info) == 0) {
    static_cast<void>(Reader(config, "/etc/drbd.conf").read());
    return config;
  }
  if (::stat("/etc/drbd.d/global_common.conf", &info) == 0 &&
      !Reader(config, "/etc/drbd.d/global_common.conf").read()) {
    return config;
  }
  glob_t found{};
  if (::glob("/etc/drbd.d/*.res", 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc && config.error.empty(); ++i) {
      static_cast<void>(Reader(config, found.gl_pathv[i]).read());
    }
  }
  ::globfree(&found);
  return config;
}

const ConfigHost* host_named(const ConfigResource& resource, const std::string& name) {
  const auto found = std::ranges::find(resource.hosts, name, &ConfigHost::name);
  return found == resource.hosts.end() ? nullptr : &*found;
}

const ConfigHost* host_other_than(const ConfigResource& resource, const std::string& name) {
  for (const auto& host : resource.hosts) {
    if (host.name != name) { return &host; }
  }
  return nullptr;
}

Options merged_options(const DrbdConfig& config, const ConfigResource& resource, const std::string& section) {
  Options merged;
  const auto add = [&](const Options& options) {
    for (const auto& option : options) {
      const auto old = std::ranges::find(merged, option.first, &std::pair<std::string, std::string>::first);
      if (old == merged.end()) {
        merged.push_back(option);
      } else {
        old->second = option.second;
      }
    }
  };
  if (const auto common = config.common.find(section); common != config.common.end()) { add(common->second); }
  if (const auto own = resource.sections.find(section); own != resource.sections.end()) { add(own->second); }
  return merged;
}

std::string option_of(const DrbdConfig& config, const ConfigResource& resource, const std::string& section,
                      const std::string& option) {
  for (const auto& [name, value] : merged_options(config, resource, section)) {
    if (name == option) { return value; }
  }
  return "";
}

} // namespace sim
