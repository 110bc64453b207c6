#include "login.hpp"

#include "xen_drbd/base/text.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

namespace xen_drbd::host {
namespace {

struct Loaded {
  Key key;
  bool needs_passphrase = false;
};

int refuse_passphrase(const char*, char*, std::size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Loaded load(const std::string& path) {
  Loaded loaded;
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(path.c_str(), nullptr, refuse_passphrase, &loaded.needs_passphrase, &key) == SSH_OK)
    loaded.key.reset(key);
  return loaded;
}

std::vector<std::string> default_identities() {
  std::vector<std::string> found;
  const passwd* user = ::getpwuid(::geteuid());
  if (user == nullptr) return found;
  for (const char* name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    std::string path = fmt::format("{}/.ssh/{}", user->pw_dir, name);
    if (::access(path.c_str(), F_OK) == 0) found.push_back(std::move(path));
  }
  return found;
}

/// One login: what was tried, and what came of it.
class Login {
public:
  Login(const Session& session, const Target& target, const Deadline& deadline)
      : session_(session), target_(target), deadline_(deadline) {}

  /// Whether the server let us in. Where it said no, or the key was of no use, `tried` has one more line.
  bool by_file(const std::string& path) {
    const Loaded loaded = load(path);
    if (!loaded.key && loaded.needs_passphrase && has_agent()) return by_agent(path + " needs a passphrase; the agent");
    if (!loaded.key) {
      tried_.push_back(path + (loaded.needs_passphrase             ? " needs a passphrase, and no agent runs"
                               : ::access(path.c_str(), R_OK) != 0 ? " does not exist or cannot be read"
                                                                   : " holds no private key that can be read"));
      return false;
    }
    offered_ = true;
    return judge(drive(session_, deadline_, SSH_AUTH_AGAIN,
                       [&] { return ssh_userauth_publickey(session_.get(), nullptr, loaded.key.get()); }),
                 path);
  }

  bool by_agent(const std::string& what) {
    return judge(
        drive(session_, deadline_, SSH_AUTH_AGAIN, [&] { return ssh_userauth_agent(session_.get(), nullptr); }), what);
  }

  [[nodiscard]] static bool has_agent() { return std::getenv("SSH_AUTH_SOCK") != nullptr; }
  [[nodiscard]] bool can_go_on() const { return ssh_is_connected(session_.get()) != 0 && !deadline_.passed(); }

  [[nodiscard]] Error failure() const {
    std::string hint = offered_ ? "let the key of this node in: xen-drbd make-keys | sh"
                                : "make a key, and let it in: xen-drbd make-keys | sh";
    if (deadline_.passed()) hint = "see why sshd on " + target_.node + " is so slow, or give connect_timeout more time";
    return unreachable(target_, "logging in as " + target_.login,
                       tried_.empty() ? "there is no key to log in with" : "no key was accepted: " + enumerate(tried_),
                       std::move(hint));
  }

private:
  bool judge(int result, const std::string& what) {
    if (result == SSH_AUTH_SUCCESS) return true;
    if (result == SSH_AUTH_PARTIAL)
      tried_.push_back(what + " was accepted, but more than a public key is asked for");
    else if (result == SSH_AUTH_AGAIN)
      tried_.push_back(what + " got no answer in time");
    else if (result == SSH_AUTH_ERROR && ssh_is_connected(session_.get()) == 0)
      tried_.push_back(what + " was offered, then the connection was closed");
    else if (result == SSH_AUTH_ERROR)
      tried_.push_back(what + ": " + printable(ssh_get_error(session_.get())));
    else
      tried_.push_back(what + " was refused");
    return false;
  }

  const Session& session_;
  const Target& target_;
  const Deadline& deadline_;
  std::vector<std::string> tried_;
  bool offered_ = false;
};

} // namespace

Result<> log_in(const Session& session, const Target& target, const model::SshSettings& ssh, const Deadline& deadline) {
  Login login(session, target, deadline);
  if (ssh.identity_file) {
    if (login.by_file(*ssh.identity_file)) return {};
    return login.failure();
  }
  if (Login::has_agent() && login.by_agent("the agent's keys")) return {};
  for (const std::string& path : default_identities())
    if (login.can_go_on() && login.by_file(path)) return {};
  return login.failure();
}

} // namespace xen_drbd::host
