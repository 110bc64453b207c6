// Each way in which a peer cannot be reached is told apart, and nothing is ever sent to a machine that is not known.

#include "xen_drbd/host/knock.hpp"

#include "fd.hpp"
#include "ground.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace xen_drbd;
using namespace xen_drbd::host;
using namespace xen_drbd::host::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A port that drops every packet: its queue of connections is full.
class FullPort {
public:
  explicit FullPort(const char* address) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    REQUIRE(::getaddrinfo(address, "0", &wanted, &found) == 0);
    listening_ = Fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listening_.number(), found->ai_addr, found->ai_addrlen) == 0);
    REQUIRE(::listen(listening_.number(), 0) == 0);
    ::getsockname(listening_.number(), found->ai_addr, &found->ai_addrlen);
    number_ = ntohs(reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_port); // in IPv6 at the same place
    for (Fd& waiting : queue_) {
      waiting = Fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(waiting.number(), found->ai_addr, found->ai_addrlen);
    }
    ::freeaddrinfo(found);
  }
  [[nodiscard]] unsigned number() const { return number_; }

private:
  Fd listening_;
  std::array<Fd, 3> queue_;
  unsigned number_ = 0;
};

/// A port on loopback that accepts, says `greeting`, and then is silent or closes.
class Port {
public:
  explicit Port(std::string greeting, bool closes) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_, 5) == 0);
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    number_ = ntohs(address.sin_port);
    thread_ = std::thread([this, greeting = std::move(greeting), closes] {
      const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      (void)::send(client, greeting.data(), greeting.size(), MSG_NOSIGNAL);
      if (!closes) {
        char byte = 0;
        while (::recv(client, &byte, 1, 0) > 0) {}
      }
      ::close(client);
    });
  }
  ~Port() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  [[nodiscard]] unsigned number() const { return number_; }

private:
  int socket_ = -1;
  unsigned number_ = 0;
  std::thread thread_;
};

Error failure(const model::SshSettings& settings, const Scratch& scratch, const std::string& address = "127.0.0.1") {
  const auto peer = open_ssh(peer_at(address), settings, {.run_directory = scratch.path("run")});
  REQUIRE_FALSE(peer);
  CHECK(peer.error().kind == ErrorKind::unreachable);
  CHECK(peer.error().what == "peer cannot be reached");
  CHECK(peer.error().changed == Changed::no);
  REQUIRE(peer.error().while_doing.size() == 1);
  return peer.error();
}

Error failure(const Sshd& sshd, const Scratch& scratch) { return failure(sshd.settings(), scratch); }

model::SshSettings at_port(unsigned port, Milliseconds connect_timeout = Milliseconds{10'000}) {
  return {.user = "root", .port = port, .connect_timeout = connect_timeout};
}

std::string fingerprint_of(const std::string& public_key) {
  const std::string line = run({"ssh-keygen", "-lf", public_key});
  const auto begin = line.find("SHA256:");
  return line.substr(begin, line.find(' ', begin) - begin);
}

} // namespace

TEST_CASE("A closed port is a refused connection") {
  Scratch scratch;
  const unsigned port = free_port();
  const Error error = failure(at_port(port), scratch);
  CHECK(error.because == "Connection refused");
  CHECK(error.while_doing.front() == "connecting to root@127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST_CASE("A port that accepts and is silent is left after the time for connecting") {
  Scratch scratch;
  const Port port("", false);
  const auto begin = BootClock::now();
  CHECK(failure(at_port(port.number(), Milliseconds{3000}), scratch).because ==
        "connected, but no SSH server answered within 3s");
  CHECK(BootClock::now() - begin >= Milliseconds{3000});
  CHECK(BootClock::now() - begin < Milliseconds{6000});
}

TEST_CASE("A port that closes before it says anything is told from one that is no SSH server") {
  Scratch scratch;
  {
    const Port port("", true);
    CHECK_THAT(failure(at_port(port.number()), scratch).because,
               ContainsSubstring("connected, but no SSH server answered: "));
  }
  {
    const Port port("Not allowed at this time\r\n", true); // sshd of Debian 13 after failed logins
    CHECK_THAT(failure(at_port(port.number()), scratch).hint, ContainsSubstring("PerSourcePenalties"));
  }
  const Port port("220 mail.example ESMTP\r\n221 bye\r\n", true);
  CHECK_THAT(failure(at_port(port.number()), scratch).because,
             ContainsSubstring("connected, but no SSH server answered: "));
}

TEST_CASE("A peer that cannot be reached and yet answered is no silent one") {
  const Scratch scratch;
  CHECK(failure(at_port(free_port()), scratch).peer_answered); // a refused connection
  for (const bool closes : {false, true}) {
    const Port port("", closes);
    CHECK(failure(at_port(port.number(), Milliseconds{2000}), scratch).peer_answered);
  }
  CHECK_FALSE(failure(at_port(FullPort("127.0.0.1").number(), Milliseconds{500}), scratch).peer_answered);
  CHECK_FALSE(failure(at_port(22), scratch, "no-such-name.invalid").peer_answered);
  auto unread = at_port(free_port());
  unread.config_file = scratch.path("absent");
  CHECK_FALSE(failure(unread, scratch).peer_answered);
  // what a proxy said that ends before libssh has greeted it is lost to libssh
  scratch.write("config", "Host *\n  ProxyCommand printf 'SSH-2.0-OpenSSH_9.2\\r\\n'; read -r greeting\n");
  auto behind = at_port(22);
  behind.config_file = scratch.path("config");
  CHECK(failure(behind, scratch).peer_answered);
  scratch.write("config", "Host *\n  ProxyCommand sleep 1\n");
  CHECK_FALSE(failure(behind, scratch).peer_answered);
}

TEST_CASE("A name that does not resolve is said to be that") {
  Scratch scratch;
  const Error error = failure(at_port(22), scratch, "no-such-name.invalid");
  CHECK_THAT(error.because, ContainsSubstring("no-such-name.invalid"));
  CHECK(error.while_doing.front().starts_with("connecting to root@no-such-name.invalid:22: "));
  CHECK(error.hint == "add no-such-name.invalid to /etc/hosts, or to the name server");
}

TEST_CASE("A network without a way there is said to be that") {
  const std::string printed =
      run({"unshare", "--user", "--map-root-user", "--net", HOST_PROBE, "connect", "10.77.0.2", "22"});
  CHECK_THAT(printed, ContainsSubstring("while:   connecting to root@10.77.0.2:22: Network is unreachable"));
}

TEST_CASE("An unknown host key is refused before any authentication, with its fingerprint and the way to add it") {
  Scratch scratch;
  Sshd sshd(scratch, "LogLevel VERBOSE\n");
  SECTION("a file without it") {
    scratch.write("known_hosts", "other.example " + read_file(scratch.path("host_key.pub")));
  }
  SECTION("no file") { std::filesystem::remove(scratch.path("known_hosts")); }
  SECTION("the same host at another port") {
    scratch.write("known_hosts", "127.0.0.1 " + read_file(scratch.path("host_key.pub")));
  }
  const Error error = failure(sshd, scratch);
  CHECK_THAT(error.because, ContainsSubstring("its host key is unknown: it shows ssh-ed25519 " +
                                              fingerprint_of(scratch.path("host_key.pub"))));
  CHECK_THAT(error.hint, ContainsSubstring("ssh-keyscan -p " + std::to_string(sshd.port()) +
                                           " -t ed25519 127.0.0.1 >> " + scratch.path("known_hosts")));
  CHECK_THAT(error.hint, ContainsSubstring("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"));
  CHECK(error.while_doing.front().starts_with("checking the host key of "));
  CHECK(error.peer_answered);
}

TEST_CASE("The commands of the hint mend an unknown and a changed host key") {
  Scratch scratch;
  Sshd sshd(scratch);
  const std::string right = read_file(scratch.path("known_hosts"));
  SECTION("unknown") { scratch.write("known_hosts", ""); }
  SECTION("changed") {
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch.path("old")});
    scratch.write("known_hosts",
                  "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + read_file(scratch.path("old.pub")));
    const Error error = failure(sshd, scratch);
    CHECK_THAT(error.because, ContainsSubstring("its host key has changed: it shows ssh-ed25519 " +
                                                fingerprint_of(scratch.path("host_key.pub"))));
    CHECK_THAT(error.because, ContainsSubstring("has ssh-ed25519 " + fingerprint_of(scratch.path("old.pub"))));
    CHECK_THAT(error.hint, ContainsSubstring("ssh-keygen -R "));
  }
  const std::string hint = failure(sshd, scratch).hint;
  run({"sh", "-c", "(" + hint.substr(hint.find("if it is the same: ") + 19) + ") >/dev/null 2>&1"});
  CHECK(open_ssh(peer_at("127.0.0.1"), sshd.settings(), {.run_directory = scratch.path("run")}).has_value());
}

TEST_CASE("Another machine's key is refused before any authentication") {
  Scratch scratch;
  Sshd sshd(scratch, "LogLevel VERBOSE\n");
  run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch.path("old")});
  scratch.write("known_hosts", "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + read_file(scratch.path("old.pub")));
  (void)failure(sshd, scratch);
  // its last words on this connection, whatever they are, name the phase
  CHECK(soon(Milliseconds{20'000}, [&] { return sshd.log().find("[preauth]") != std::string::npos; }));
  CHECK(sshd.log().find("publickey") == std::string::npos);
}

TEST_CASE("A key of another type than the known one is refused") {
  Scratch scratch;
  Sshd sshd(scratch);
  run({"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", scratch.path("old")});
  scratch.write("known_hosts", "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + read_file(scratch.path("old.pub")));
  const Error error = failure(sshd, scratch);
  CHECK_THAT(error.because, ContainsSubstring("type that is not known: it shows ssh-ed25519"));
  CHECK_THAT(error.because, ContainsSubstring(fingerprint_of(scratch.path("old.pub"))));
}

TEST_CASE("A revoked host key is refused though another line allows it") {
  Scratch scratch;
  Sshd sshd(scratch);
  scratch.write("known_hosts",
                read_file(scratch.path("known_hosts")) + "@revoked * " + read_file(scratch.path("host_key.pub")));
  CHECK_THAT(failure(sshd, scratch).because, ContainsSubstring("is marked @revoked"));
}

TEST_CASE("A refused key is named, with the command that lets it in") {
  Scratch scratch;
  Sshd sshd(scratch);
  scratch.write("authorized_keys", "");
  const Error error = failure(sshd, scratch);
  CHECK(error.because == "no key was accepted: " + scratch.path("user_key") + " was refused");
  CHECK_THAT(error.hint, ContainsSubstring("xen-drbd make-keys | sh"));
  CHECK(error.peer_answered);
}

TEST_CASE("An identity file that is absent or no key is named") {
  Scratch scratch;
  Sshd sshd(scratch);
  auto settings = sshd.settings();
  settings.identity_file = scratch.path("absent");
  CHECK_THAT(failure(settings, scratch).because, ContainsSubstring("absent does not exist or cannot be read"));
  scratch.write("garbage", "no key at all\n");
  settings.identity_file = scratch.path("garbage");
  CHECK_THAT(failure(settings, scratch).because, ContainsSubstring("garbage holds no private key that can be read"));
}

TEST_CASE("A login that wants more than a key is refused without a prompt") {
  Scratch scratch;
  Sshd sshd(scratch, "AuthenticationMethods publickey,publickey\n");
  CHECK_THAT(failure(sshd, scratch).because, ContainsSubstring("more than a public key is asked for"));
}

TEST_CASE("A login that runs no sh is said to be that") {
  Scratch scratch;
  Sshd sshd(scratch);
  scratch.write("authorized_keys", "command=\"echo 'This account is not available.' >&2; exit 1\" " +
                                       read_file(scratch.path("user_key.pub")));
  const Error error = failure(sshd, scratch);
  CHECK(error.because == "the worker ended with exit status 1: This account is not available.");
  CHECK(error.while_doing.front().starts_with("starting sh as "));
  CHECK(error.peer_answered);
}

TEST_CASE("A listening sshd that is frozen is left after the time for connecting") {
  Scratch scratch;
  Sshd sshd(scratch);
  REQUIRE(::kill(sshd.listener(), SIGSTOP) == 0);
  auto settings = sshd.settings();
  settings.connect_timeout = Milliseconds{3000};
  const auto begin = BootClock::now();
  CHECK(failure(settings, scratch).because == "connected, but no SSH server answered within 3s");
  CHECK(BootClock::now() - begin < Milliseconds{6000});
}

TEST_CASE("A knock tells a live kernel from nothing at all") {
  const Address loopback = *Address::parse("127.0.0.1");
  model::SshSettings ssh{.port = free_port()};
  CHECK(knock(loopback, ssh, Milliseconds{5000}) == Knock{.answered = true, .detail = "Connection refused"});
  const Port port("", false);
  ssh.port = port.number();
  CHECK(knock(loopback, ssh, Milliseconds{5000}).answered);
  const Knock nowhere = knock(*Address::parse("no-such-name.invalid"), ssh, Milliseconds{5000});
  CHECK(nowhere.answered); // nobody was called, and nobody's silence was heard
  CHECK_THAT(nowhere.detail, ContainsSubstring("does not resolve") && ContainsSubstring("/etc/hosts"));
}

TEST_CASE("A kernel that answers a ping is alive, although its port is silent") {
  for (const char* loopback : {"127.0.0.1", "::1"}) {
    const FullPort port(loopback);
    const Knock silent = knock(*Address::parse(loopback), {.port = port.number()}, Milliseconds{500});
    CHECK(silent.answered);
    CHECK_THAT(silent.detail, ContainsSubstring("but its kernel answers a ping"));
  }
  Knock nobody{.answered = true, .detail = {}};
  std::thread([&] { // in a network where there is nobody
    if (::unshare(CLONE_NEWNET) == 0) nobody = knock(*Address::parse("127.0.0.1"), {}, Milliseconds{300});
  })
      .join();
  CHECK(nobody == Knock{false, "Network is unreachable"});
}

TEST_CASE("A knock goes where the config file of the topology leads, and where that cannot be told nobody is dead") {
  const Scratch scratch;
  const Address alias = *Address::parse("no-such-name.invalid");
  const Port port("SSH-2.0-OpenSSH_9.2\r\n", false);
  scratch.write("config", "Host no-such-name.invalid\n  HostName 127.0.0.1\n");
  model::SshSettings ssh{.port = port.number(), .config_file = scratch.path("config")};
  CHECK(knock(alias, ssh, Milliseconds{5000}) == Knock{true, "127.0.0.1: it accepts connections"});
  ssh.port = free_port();
  CHECK(knock(alias, ssh, Milliseconds{5000}) == Knock{true, "127.0.0.1: Connection refused"});
  ssh.config_file = scratch.path("absent");
  const Knock unknown = knock(alias, ssh, Milliseconds{5000});
  CHECK(unknown.answered);
  CHECK_THAT(unknown.detail, ContainsSubstring("cannot be told"));
}

TEST_CASE("Behind a ProxyCommand the greeting of an SSH server is a sign of life, the proxy's own silence none") {
  std::signal(SIGPIPE, SIG_IGN); // as the program does: a proxy may end before libssh has greeted it
  const Scratch scratch;
  const Address alias = *Address::parse("no-such-name.invalid");
  model::SshSettings ssh{.config_file = scratch.path("config")};
  scratch.write("config", "Host *\n  ProxyCommand sleep 5\n");
  CHECK_FALSE(knock(alias, ssh, Milliseconds{300}).answered);
  scratch.write("config", "Host *\n  ProxyCommand printf 'SSH-2.0-OpenSSH_9.2\\r\\n'; sleep 10\n");
  CHECK(knock(alias, ssh, Milliseconds{5000}) == Knock{true, "an SSH server answers"});
}
