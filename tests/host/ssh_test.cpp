// What only a connection over SSH can show.

#include "ground.hpp"
#include "support/catch.hpp"

#include <csignal>

using namespace xen_drbd;
using namespace xen_drbd::host;
using namespace xen_drbd::host::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Result<VerifiedPeer> open_peer(const Sshd& sshd, const Scratch& scratch, const Tuning& tuning = {}) {
  return open_ssh_tuned(peer_at(sshd.address()), sshd.settings(), {.run_directory = scratch.path("run")}, tuning);
}

/// For a test that goes on only with a connection.
VerifiedPeer connected(Result<VerifiedPeer> peer) {
  if (!peer) FAIL(render(peer.error()));
  return std::move(*peer);
}

} // namespace

TEST_CASE("The verified key has the name under which ssh finds it as HostKeyAlias") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto peer = connected(open_peer(sshd, scratch));
  CHECK(peer.host_key_alias == "[127.0.0.1]:" + std::to_string(sshd.port()));
  CHECK(peer.host->name() == "peer (" + sshd.settings().user + "@127.0.0.1:" + std::to_string(sshd.port()) + ")");
  const std::string answer = run({"ssh",
                                  "-F",
                                  "none",
                                  "-p",
                                  std::to_string(sshd.port()),
                                  "-i",
                                  scratch.path("user_key"),
                                  "-o",
                                  "UserKnownHostsFile=" + scratch.path("known_hosts"),
                                  "-o",
                                  "GlobalKnownHostsFile=/dev/null",
                                  "-o",
                                  "StrictHostKeyChecking=yes",
                                  "-o",
                                  "BatchMode=yes",
                                  "-o",
                                  "HostKeyAlias=" + peer.host_key_alias,
                                  "-o",
                                  "HostName=127.0.0.1",
                                  "peer",
                                  "echo",
                                  "let in"});
  CHECK(answer == "let in\n");
}

TEST_CASE("One run makes one connection and one session however much is asked") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto peer = connected(open_peer(sshd, scratch));
  for (int i = 0; i < 20; ++i) CHECK(ask_one(*peer.host, {"true"}).ok());
  CHECK(sshd.sessions().size() == 1);
}

TEST_CASE("Connections that end, well or badly, leave no descriptor behind") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  auto wrong = sshd.settings();
  wrong.known_hosts_file = scratch.path("absent");
  auto refused = sshd.settings();
  refused.identity_file = scratch.path("host_key");
  (void)open_peer(sshd, scratch);
  const auto before = descriptors();
  for (int i = 0; i < 3; ++i) {
    CHECK(open_peer(sshd, scratch).has_value());
    for (const auto& settings : {wrong, refused})
      CHECK_FALSE(open_ssh(peer_at(sshd.address()), settings, {.run_directory = scratch.path("run")}).has_value());
  }
  CHECK(descriptors() == before);
}

TEST_CASE("A login shell that prints and takes its time does no harm") {
  Scratch scratch;
  Sshd sshd(scratch, "",
            "echo Welcome; echo 'aaaaaaaa out 1 1'; echo noise >&2; head -c 100000 /dev/zero; sleep 0.2; printf 'no "
            "newline'\n");
  // so that it is read whatever the login shell of this machine is
  scratch.write("authorized_keys", "command=\". " + scratch.path("home/.bashrc") +
                                       "; exec sh -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" " +
                                       read_file(scratch.path("user_key.pub")));
  const auto peer = connected(open_peer(sshd, scratch));
  const Outcome outcome = ask_one(*peer.host, {"echo", "answer"});
  CHECK(outcome.out == "answer\n");
  CHECK(outcome.err.empty());
  auto stream = peer.host->hold({"echo", "held"});
  REQUIRE(stream);
  CHECK((*stream)->read_line(Milliseconds{5000}) == "held");
}

TEST_CASE("What a held command said is heard though sshd tells of its end before") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto peer = connected(open_peer(sshd, scratch));
  auto stream = peer.host->hold({"sh", "-c", "(sleep 0.05; echo late) & exit 0"});
  REQUIRE(stream);
  CHECK((*stream)->read_line(Milliseconds{5000}) == "late");
}

TEST_CASE("A frozen peer is lost by the age of its answers, and a request by its own earlier deadline") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto peer =
      connected(open_peer(sshd, scratch, {.beat_every = Milliseconds{100}, .lost_after = Milliseconds{5000}}));
  const auto sessions = sshd.sessions();
  REQUIRE(sessions.size() == 1);
  REQUIRE(::kill(sessions.front(), SIGSTOP) == 0);
  const auto begin = BootClock::now();
  CHECK(act_sh(*peer.host, "true", Milliseconds{300}).end == End::timed_out);
  CHECK_FALSE(peer.host->answered_within(Milliseconds{150}));
  CHECK_FALSE(peer.host->lost());
  const Outcome outcome = act_sh(*peer.host, "true", Milliseconds{30'000});
  CHECK(outcome.end == End::lost);
  CHECK(outcome.lost_because == "no answer for 5s");
  CHECK(BootClock::now() - begin < Milliseconds{20'000});
  REQUIRE(peer.host->lost());
  CHECK(peer.host->lost()->kind == ErrorKind::unreachable);
}

TEST_CASE("A peer whose sshd is killed is lost at once") {
  Scratch scratch;
  Sshd sshd(scratch);
  const auto peer = connected(open_peer(sshd, scratch));
  auto stream = peer.host->hold({"cat"});
  REQUIRE(stream);
  const auto begin = BootClock::now();
  for (const pid_t pid : sshd.sessions()) REQUIRE(::kill(pid, SIGKILL) == 0);
  CHECK(soon(Milliseconds{20'000}, [&] { return peer.host->lost().has_value(); }));
  CHECK(act_sh(*peer.host, "true").end == End::lost);
  CHECK(soon(Milliseconds{20'000}, [&] { return (*stream)->at_end(); }));
  CHECK(BootClock::now() - begin < Milliseconds{5000});
}

TEST_CASE("The known type of host key is the one that is asked for, whatever others the server has") {
  Scratch scratch;
  const std::string type = GENERATE("rsa", "ecdsa", "ed25519");
  run({"ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", scratch.path("rsa")});
  run({"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", scratch.path("ecdsa")});
  Sshd sshd(scratch, "HostKey " + scratch.path("rsa") + "\nHostKey " + scratch.path("ecdsa") + "\n");
  const std::string key = read_file(scratch.path(type == "ed25519" ? "host_key.pub" : type + ".pub"));
  const std::string plain = "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + key;
  scratch.write("known_hosts", plain);
  CHECK(open_peer(sshd, scratch).has_value());
  run({"ssh-keygen", "-q", "-H", "-f", scratch.path("known_hosts")});
  REQUIRE(read_file(scratch.path("known_hosts")).starts_with("|1|"));
  CHECK(open_peer(sshd, scratch).has_value());
}

TEST_CASE("A config file is read only where it is named, and cannot change user, port, identity or known hosts") {
  Scratch scratch;
  Sshd sshd(scratch);
  scratch.write("config",
                "Host peer.example\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n  IdentityFile /nonexistent\n"
                "  UserKnownHostsFile /nonexistent\n");
  auto settings = sshd.settings();
  settings.config_file = scratch.path("config");
  const auto peer = connected(open_ssh(peer_at("peer.example"), settings, {.run_directory = scratch.path("run")}));
  CHECK(peer.host_key_alias == "[127.0.0.1]:" + std::to_string(sshd.port()));
  CHECK(ask_one(*peer.host, {"echo", "here"}).out == "here\n");
  settings.config_file = scratch.path("absent");
  const auto absent = open_ssh(peer_at("127.0.0.1"), settings, {.run_directory = scratch.path("run")});
  REQUIRE_FALSE(absent);
  CHECK_THAT(absent.error().because, ContainsSubstring("cannot be read: No such file or directory"));
}

TEST_CASE("A key that needs a passphrase is used through the agent") {
  Scratch scratch;
  Sshd sshd(scratch);
  run({"ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", scratch.path("user_key")});
  Process agent({"ssh-agent", "-D", "-a", scratch.path("agent")});
  REQUIRE_FALSE(agent.line().empty());
  scratch.write("askpass", "#!/bin/sh\necho 'a passphrase'\n");
  run({"env", "SSH_AUTH_SOCK=" + scratch.path("agent"), "SSH_ASKPASS=" + scratch.path("askpass"),
       "SSH_ASKPASS_REQUIRE=force", "ssh-add", "-q", scratch.path("user_key")});
  REQUIRE(::setenv("SSH_AUTH_SOCK", scratch.path("agent").c_str(), 1) == 0);
  CHECK(open_peer(sshd, scratch).has_value());
  REQUIRE(::unsetenv("SSH_AUTH_SOCK") == 0);
  const auto refused = open_peer(sshd, scratch);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().because, ContainsSubstring("user_key needs a passphrase, and no agent runs"));
}
