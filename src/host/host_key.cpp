#include "host_key.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include <fmt/format.h>
#include <fstream>

namespace xen_drbd::host {
namespace {

std::string fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) return "an unreadable key";
  const std::string text = taken(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size));
  ssh_clean_pubkey_hash(&hash);
  return fmt::format("{} {}", ssh_key_type_to_char(ssh_key_type(key)), text);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

/// The fingerprints that known_hosts has for this name.
std::vector<std::string> known_keys(const Target& target, const std::vector<std::string>& known_hosts) {
  std::vector<std::string> known;
  for (const std::string& line : known_hosts) {
    ssh_knownhosts_entry* entry = nullptr;
    if (ssh_known_hosts_parse_line(target.host_key_alias.c_str(), line.c_str(), &entry) != SSH_OK) continue;
    known.push_back(fingerprint(entry->publickey));
    ssh_knownhosts_entry_free(entry);
  }
  return known;
}

/// libssh takes no notice of the marker `@revoked`.
bool is_revoked(ssh_key key, const std::vector<std::string>& known_hosts) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return true;
  const std::string encoded = taken(text);
  for (const std::string& line : known_hosts)
    if (trimmed(line).starts_with("@revoked") && line.find(encoded) != std::string::npos) return true;
  return false;
}

std::string keyscan(const Target& target, const std::string& type, const std::string& file) {
  const std::string port = target.port == 22 ? "" : fmt::format("-p {} ", target.port);
  return fmt::format("ssh-keyscan {}-t {} {} >> {}", port, type, shell_quote(target.host), shell_quote(file));
}

std::string keygen_remove(const Target& target, const std::string& file) {
  return fmt::format("ssh-keygen -R {} -f {}", shell_quote(target.host_key_alias), shell_quote(file));
}

/// The type as ssh-keyscan's -t and sshd's file names have it.
std::string short_type(ssh_key key) {
  const std::string_view type = ssh_key_type_to_char(ssh_key_type(key));
  if (type.starts_with("ecdsa")) return "ecdsa";
  return type.ends_with("rsa") ? "rsa" : "ed25519";
}

} // namespace

Result<> verify_host_key(const Session& session, const Target& target, const model::SshSettings& ssh) {
  const std::string doing = "checking the host key of " + target.login;
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session.get(), &raw) != SSH_OK)
    return unreachable(target, doing, "the host key cannot be read");
  const Key key(raw);
  const std::string seen = fingerprint(key.get());
  const auto known_hosts = lines_of(ssh.known_hosts_file);
  if (is_revoked(key.get(), known_hosts))
    return unreachable(target, doing,
                       fmt::format("its host key {} is marked @revoked in {}", seen, ssh.known_hosts_file),
                       "do not trust this machine; if the key was revoked by mistake, remove that line");

  const auto known = known_keys(target, known_hosts);
  const std::string type = short_type(key.get());
  const std::string compare = fmt::format(
      "compare the fingerprint with what `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` prints on the console "
      "of {}; if it is the same: ",
      type, target.node);
  const std::string add = keyscan(target, type, ssh.known_hosts_file);
  switch (ssh_session_is_known_server(session.get())) {
  case SSH_KNOWN_HOSTS_OK: return {};
  case SSH_KNOWN_HOSTS_CHANGED:
    return unreachable(target, doing,
                       fmt::format("its host key has changed: it shows {}, {} has {} for {}", seen,
                                   ssh.known_hosts_file, known.empty() ? "another" : enumerate(known),
                                   target.host_key_alias),
                       compare + keygen_remove(target, ssh.known_hosts_file) + " && " + add);
  case SSH_KNOWN_HOSTS_OTHER:
    return unreachable(target, doing,
                       fmt::format("its host key is of a type that is not known: it shows {}, {} has {} for {}", seen,
                                   ssh.known_hosts_file, known.empty() ? "another" : enumerate(known),
                                   target.host_key_alias),
                       compare + add);
  case SSH_KNOWN_HOSTS_NOT_FOUND:
  case SSH_KNOWN_HOSTS_UNKNOWN:
    return unreachable(
        target, doing,
        fmt::format("its host key is unknown: it shows {}, {} {}", seen, ssh.known_hosts_file,
                    known_hosts.empty() ? "is missing or empty" : "has no key for " + target.host_key_alias),
        "let `xen-drbd make-keys | sh` ask and enter it; or " + compare + add);
  case SSH_KNOWN_HOSTS_ERROR: break;
  }
  return unreachable(
      target, doing,
      fmt::format("{} cannot be used: {}", ssh.known_hosts_file, printable(ssh_get_error(session.get()))));
}

} // namespace xen_drbd::host
