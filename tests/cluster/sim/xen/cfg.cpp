#include "xen/cfg.hpp"

#include "world/world.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace sim {

namespace {

using List = std::vector<std::string>;
using Value = std::variant<std::string, List>;
using Values = std::map<std::string, Value>;

struct Token {
  enum Kind { identifier, string, number, sign, newline, end, bad } kind = end;
  std::string text;
  int line = 1;
};

class Lexer {
public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token next() {
    skip_blanks();
    if (at_ >= text_.size()) { return {Token::end, "", line_}; }
    const char c = text_[at_];
    if (c == '\n') {
      ++at_;
      return {Token::newline, "\n", line_++};
    }
    if (c == '\'' || c == '"') { return quoted(c); }
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_') {
      return {Token::identifier, run([](unsigned char x) { return std::isalnum(x) != 0 || x == '_'; }), line_};
    }
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-') {
      return {Token::number, run([](unsigned char x) { return std::isalnum(x) != 0 || x == '-'; }), line_};
    }
    if (c == '+' && at_ + 1 < text_.size() && text_[at_ + 1] == '=') {
      at_ += 2;
      return {Token::sign, "+=", line_};
    }
    ++at_;
    return {std::string_view("=[],;").find(c) == std::string_view::npos ? Token::bad : Token::sign, std::string(1, c),
            line_};
  }

private:
  void skip_blanks() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') { ++at_; }
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  template <class Accept> std::string run(Accept accept) {
    const std::size_t from = at_;
    while (at_ < text_.size() && accept(static_cast<unsigned char>(text_[at_]))) { ++at_; }
    return std::string(text_.substr(from, at_ - from));
  }

  Token quoted(char quote) {
    std::string text;
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) { ++at_; }
      text += text_[at_];
    }
    if (at_ >= text_.size() || text_[at_] != quote) { return {Token::bad, std::string(1, quote), line_}; }
    ++at_;
    return {Token::string, text, line_};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

const char* token_name(const Token& token) {
  switch (token.kind) {
  case Token::identifier: return "IDENT";
  case Token::string: return "STRING";
  case Token::number: return "NUMBER";
  case Token::newline: return "NEWLINE";
  case Token::end: return "end of file";
  default: return "invalid token";
  }
}

class Parser {
public:
  Parser(const std::string& file, std::string_view text) : file_(file), lexer_(text) { take(); }

  std::optional<Values> parse() {
    Values values;
    while (token_.kind != Token::end) {
      if (token_.kind == Token::newline || token_.text == ";") {
        take();
        continue;
      }
      if (!setting(values)) { return std::nullopt; }
    }
    return values;
  }

  [[nodiscard]] const std::string& error() const { return error_; }

private:
  void take() { token_ = lexer_.next(); }

  bool fail(const std::string& expecting) {
    std::string unexpected = token_.kind == Token::sign ? "'" + token_.text + "'" : token_name(token_);
    error_ = format("%s:%d: config parsing error near `%s': syntax error, unexpected %s, expecting %s\n", file_.c_str(),
                    token_.line, token_.text.c_str(), unexpected.c_str(), expecting.c_str());
    return false;
  }

  bool setting(Values& values) {
    if (token_.kind != Token::identifier) { return fail("IDENT"); }
    const std::string key = token_.text;
    take();
    const bool append = token_.text == "+=";
    if (token_.kind != Token::sign || (token_.text != "=" && !append)) { return fail("'='"); }
    take();
    Value value;
    if (!this->value(value)) { return false; }
    if (token_.kind != Token::newline && token_.kind != Token::end && token_.text != ";") {
      return fail("NEWLINE or ';'");
    }
    store(values, key, std::move(value), append);
    return true;
  }

  static void store(Values& values, const std::string& key, Value value, bool append) {
    const auto old = values.find(key);
    if (append && old != values.end() && old->second.index() == value.index()) {
      if (auto* list = std::get_if<List>(&value)) {
        auto& to = std::get<List>(old->second);
        to.insert(to.end(), list->begin(), list->end());
      } else {
        std::get<std::string>(old->second) += std::get<std::string>(value);
      }
      return;
    }
    values[key] = std::move(value);
  }

  bool value(Value& value) {
    if (token_.kind == Token::string || token_.kind == Token::number) {
      value = token_.text;
      take();
      return true;
    }
    if (token_.text != "[" || token_.kind != Token::sign) { return fail("STRING or NUMBER or '['"); }
    List list;
    take();
    for (;;) {
      while (token_.kind == Token::newline) { take(); }
      if (token_.text == "]" && token_.kind == Token::sign) {
        take();
        value = std::move(list);
        return true;
      }
      if (token_.kind == Token::string || token_.kind == Token::number) {
        list.push_back(token_.text);
        take();
      } else if (token_.kind == Token::sign && token_.text == "," && !list.empty()) {
        take();
      } else {
        return fail("']'");
      }
    }
  }

  const std::string& file_;
  Lexer lexer_;
  Token token_;
  std::string error_;
};

std::string text_of(const Values& values, const std::string& key, const std::string& otherwise = "") {
  const auto found = values.find(key);
  const auto* text = found == values.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? otherwise : *text;
}

int number_of(const Values& values, const std::string& key, int otherwise) {
  const std::string text = text_of(values, key);
  return text.empty() ? otherwise : static_cast<int>(std::strtol(text.c_str(), nullptr, 0));
}

List list_of(const Values& values, const std::string& key) {
  const auto found = values.find(key);
  const auto* list = found == values.end() ? nullptr : std::get_if<List>(&found->second);
  return list == nullptr ? List{} : *list;
}

NicSpec parse_nic(const std::string& specification) {
  NicSpec nic;
  std::istringstream parts(specification);
  for (std::string part; std::getline(parts, part, ',');) {
    part.erase(0, part.find_first_not_of(' '));
    const auto equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "mac") {
      nic.mac = value;
    } else if (key == "bridge") {
      nic.bridge = value;
    } else if (key == "script") {
      nic.script = value;
    } else if (key == "type") {
      nic.type = value;
    } else if (key == "model") {
      nic.model = value;
    } else if (key == "ip") {
      nic.ip = value;
    }
  }
  return nic;
}

bool take_prefix(std::string& target, DiskSpec& disk) {
  for (const char* prefix : {"phy:", "file:", "tap:", "tap2:", "aio:", "raw:", "qcow2:", "qcow:", "vhd:"}) {
    if (target.starts_with(prefix)) {
      target.erase(0, std::string_view(prefix).size());
      return true;
    }
  }
  if (target.starts_with("script:")) {
    target.erase(0, 7);
    const auto colon = target.find(':');
    disk.script = target.substr(0, colon);
    target = colon == std::string::npos ? "" : target.substr(colon + 1);
    return true;
  }
  for (const char* prefix : {"drbd", "iscsi", "nbd", "enbd", "vmdk"}) {
    if (target.starts_with(std::string(prefix) + ":")) {
      target.erase(0, std::string_view(prefix).size() + 1);
      disk.script = std::string("block-") + prefix;
      return true;
    }
  }
  return false;
}

bool is_format(const std::string& word) {
  return word == "raw" || word == "qcow" || word == "qcow2" || word == "qed" || word == "vhd" || word == "empty";
}

} // namespace

DiskSpec parse_disk(const std::string& specification) {
  DiskSpec disk;
  std::size_t at = 0;
  bool has_target = false;
  while (at <= specification.size()) {
    std::size_t comma = specification.find(',', at);
    comma = comma == std::string::npos ? specification.size() : comma;
    std::string part = specification.substr(at, comma - at);
    part.erase(0, part.find_first_not_of(" \t"));
    part.erase(part.find_last_not_of(" \t") + 1);
    if (part.starts_with("target=")) { // takes the rest, commas included
      std::string target = specification.substr(specification.find("target=", at) + 7);
      take_prefix(target, disk);
      disk.pdev_path = target;
      return disk;
    }
    if (part.starts_with("format=")) {
      disk.format = part.substr(7);
    } else if (part.starts_with("vdev=")) {
      disk.vdev = part.substr(5);
    } else if (part.starts_with("access=")) {
      disk.readwrite = part == "access=rw" || part == "access=w";
    } else if (part.starts_with("script=")) {
      disk.script = part.substr(7);
    } else if (part.starts_with("backendtype=")) {
      disk.backendtype = part.substr(12);
    } else if (part == "cdrom" || part == "devtype=cdrom") {
      disk.cdrom = true;
    } else if (!has_target) {
      has_target = true;
      take_prefix(part, disk);
      disk.pdev_path = part;
    } else if (is_format(part)) {
      disk.format = part;
    } else if (part == "r" || part == "ro" || part == "w" || part == "rw" || part == "w!") {
      disk.readwrite = part.starts_with("w") || part == "rw";
    } else if (!part.empty() && disk.vdev.empty() && part.find('=') == std::string::npos) {
      const auto colon = part.find(':');
      disk.vdev = part.substr(0, colon);
      disk.cdrom = disk.cdrom || part.ends_with(":cdrom");
    }
    at = comma + 1;
  }
  return disk;
}

ParsedConfig parse_config(const std::string& file, const std::string& text) {
  ParsedConfig parsed;
  Parser parser(file, text);
  const auto values = parser.parse();
  if (!values) {
    parsed.error = parser.error() + "Failed to parse config: Invalid argument\n";
    return parsed;
  }
  GuestConfig& config = parsed.config;
  config.name = text_of(*values, "name");
  config.uuid = text_of(*values, "uuid");
  config.type = text_of(*values, "type", text_of(*values, "builder") == "hvm" ? "hvm" : "pv");
  config.kernel = text_of(*values, "kernel");
  config.ramdisk = text_of(*values, "ramdisk");
  config.bootloader = text_of(*values, "bootloader");
  config.firmware = text_of(*values, "firmware");
  const std::string root = text_of(*values, "root");
  const std::string extra = text_of(*values, "extra");
  config.cmdline = text_of(*values, "cmdline", root.empty() ? extra : "root=" + root + " " + extra);
  config.memory = number_of(*values, "memory", 32);
  config.maxmem = number_of(*values, "maxmem", config.memory);
  config.vcpus = number_of(*values, "vcpus", 1);
  config.maxvcpus = number_of(*values, "maxvcpus", config.vcpus);
  config.on_poweroff = text_of(*values, "on_poweroff", "destroy");
  config.on_reboot = text_of(*values, "on_reboot", "restart");
  config.on_watchdog = text_of(*values, "on_watchdog", "destroy");
  config.on_crash = text_of(*values, "on_crash", "destroy");
  for (const auto& specification : list_of(*values, "disk")) {
    config.disks.push_back(parse_disk(specification));
    if (config.disks.back().vdev.empty()) { parsed.error = "Unknown disk specification: " + specification + "\n"; }
  }
  for (const auto& specification : list_of(*values, "vif")) { config.nics.push_back(parse_nic(specification)); }
  if (config.name.empty() && parsed.error.empty()) { parsed.error = "Domain name must be specified.\n"; }
  return parsed;
}

Domain domain_of(const GuestConfig& config) {
  Domain domain;
  domain.name = config.name;
  domain.uuid = config.uuid;
  domain.type = config.type;
  domain.memory = config.memory;
  domain.vcpus = config.vcpus;
  domain.migratable = config.type != "pv";
  domain.on_poweroff = config.on_poweroff;
  domain.on_reboot = config.on_reboot;
  domain.on_crash = config.on_crash;
  for (const auto& spec : config.disks) {
    Disk disk;
    disk.vdev = spec.vdev;
    disk.target = spec.pdev_path;
    disk.script = spec.script;
    disk.writable = spec.readwrite && !spec.cdrom;
    domain.disks.push_back(disk);
  }
  std::istringstream words(config.cmdline);
  for (std::string word; words >> word;) {
    if (word == "noshutdown") {
      domain.ignores_shutdown = true;
    } else if (word.starts_with("shutdown_delay=")) {
      domain.shutdown_delay = std::strtod(word.c_str() + 15, nullptr);
    }
  }
  return domain;
}

} // namespace sim
