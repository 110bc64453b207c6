#include "sections.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::topology {
namespace {

bool is_user_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return text.size() <= 32 && text.front() != '-' && std::ranges::all_of(text, fits);
}

// Options of ssh(1): those that take a value, and those that would lead the stream of a migration somewhere else or
// keep it from flowing (another host or program, no command, a terminal, the background), or that replace an option of
// xen-drbd although that comes first. Source: openssh ssh.c, main().
constexpr std::string_view with_value = "BbcDEeFIiJLlmOopQRSWw";
constexpr std::string_view refused_options = "FfGMNnOPQSsTtVW";
constexpr std::array<std::string_view, 9> refused_settings{
    "hostname",   "knownhostscommand", "verifyhostkeydns", "nohostauthenticationforlocalhost", "remotecommand",
    "requesttty", "sessiontype",       "stdinnull",        "forkafterauthentication"};

std::string setting_name(std::string_view option) {
  std::string name;
  for (char c : option.substr(0, option.find_first_of("= \t")))
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

/// Why an option word cannot stand there, or nothing. `value` is its value, within the word or the next one.
std::string objection_to_option(std::string_view word, std::string_view value) {
  const std::string_view letters = word.substr(1, std::min(word.find_first_of(with_value), word.size()));
  for (char letter : letters)
    if (refused_options.find(letter) != refused_options.npos)
      return fmt::format("no `-{}`: the ssh of a migration must reach the other node and carry its stream", letter);
  if (letters.back() == 'o' && std::ranges::count(refused_settings, setting_name(value)) > 0)
    return fmt::format("no setting `{}`: the ssh of a migration must reach the other node and carry its stream",
                       value.substr(0, value.find_first_of("= \t")));
  return "";
}

} // namespace

model::SshSettings read_ssh(const Value& value, Reader& reader) {
  model::SshSettings ssh;
  if (value.kind != Value::Kind::map) {
    reader.wrong(value, "ssh", "a map of ssh settings");
    return ssh;
  }
  const Fields fields(value, "`ssh`",
                      {"user", "port", "identity_file", "known_hosts_file", "config_file", "connect_timeout"},
                      reader.problems());
  if (const Value* user = fields.find("user"))
    if (const auto name = reader.text(*user, "user", "the name of a user")) {
      if (is_user_name(*name))
        ssh.user = *name;
      else
        reader.wrong(*user, "user", "the name of a user: up to 32 letters, digits and any of ._-, no leading `-`");
    }
  if (const Value* port = fields.find("port")) ssh.port = reader.number(*port, "port", 1, 65535).value_or(ssh.port);
  if (const Value* file = fields.find("identity_file")) ssh.identity_file = reader.ssh_path(*file, "identity_file");
  if (const Value* file = fields.find("known_hosts_file"))
    ssh.known_hosts_file = reader.ssh_path(*file, "known_hosts_file").value_or(ssh.known_hosts_file);
  if (const Value* file = fields.find("config_file")) ssh.config_file = reader.ssh_path(*file, "config_file");
  if (const Value* timeout = fields.find("connect_timeout"))
    ssh.connect_timeout = reader.duration(*timeout, "connect_timeout", Milliseconds(1)).value_or(ssh.connect_timeout);
  return ssh;
}

std::vector<std::string> read_migrate_ssh_options(const Value& value, Reader& reader) {
  const auto words = reader.texts(value, "migrate_ssh_options", "a list of options of ssh, such as [-c, aes128-ctr]");
  if (!words) return {};
  for (std::size_t i = 0; i < words->size(); ++i) {
    const std::string_view word = (*words)[i];
    const Value& where = value.items[i];
    if (word.size() < 2 || word.front() != '-' || word == "--") {
      reader.wrong(where, "migrate_ssh_options", "an option: ssh would take this word for the host to connect to");
      continue;
    }
    std::string_view option_value;
    if (const std::size_t at = word.find_first_of(with_value); at != word.npos) {
      option_value = word.substr(at + 1);
      if (option_value.empty() && ++i == words->size()) {
        reader.wrong(where, "migrate_ssh_options", "a value after this option");
        continue;
      }
      if (option_value.empty()) option_value = (*words)[i];
    }
    if (const std::string wrong = objection_to_option(word, option_value); !wrong.empty())
      reader.wrong(where, "migrate_ssh_options", wrong);
  }
  return *words;
}

} // namespace xen_drbd::topology
