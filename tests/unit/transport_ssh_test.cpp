#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/transport/ssh.hpp"

#include "transport_rig.hpp"

#include <algorithm>

using namespace test_rig;
using Catch::Matchers::ContainsSubstring;

namespace {

SshTarget target() {
  SshTarget target{*Address::parse("10.77.0.2"), "root"};
  target.port = 2222;
  target.identity = "/root/.ssh/id 50%";
  target.identity.erase(13, 1);
  target.known_hosts = "/root/.ssh/known_hosts";
  target.host_key_alias = "[10.77.0.2]:2222";
  target.connect_timeout = Milliseconds(1500);
  target.options = {"-c", "aes128-gcm@openssh.com", "-o", "Compression=no"};
  return target;
}

std::string refusal(std::vector<std::string> options) {
  SshTarget odd = target();
  odd.options = std::move(options);
  const auto argv = ssh_argv(odd, "true");
  REQUIRE_FALSE(argv);
  CHECK(argv.error().kind == ErrorKind::topology);
  return argv.error().what + ": " + argv.error().because;
}

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran run_in_sh(const Directory& dir, const std::string& command, const std::string& environment = "") {
  const std::string line = environment + " sh -c " + shell_quote(command) + " >" + (dir / "out") + " 2>" +
                           (dir / "err") + " <" + (dir / "in");
  std::ofstream(dir / "in") << "the stream";
  const int status = std::system(line.c_str());
  return {WEXITSTATUS(status), content(dir / "out"), content(dir / "err")};
}

FarCommand far(const Directory& dir, std::vector<std::string> words) {
  return {"5f2c-17", *DomainName::parse("vm1"), std::move(words), dir.path(), dir / "no-systemd"};
}

} // namespace

TEST_CASE("the ssh of a migration has the fixed options before the user's, and the command as one word") {
  const auto argv = ssh_argv(target(), "exec sh -c 'a b'");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh",
                                          "-F",
                                          "none",
                                          "-T",
                                          "-p",
                                          "2222",
                                          "-l",
                                          "root",
                                          "-i",
                                          "/root/.ssh/id50%%",
                                          "-o",
                                          "UserKnownHostsFile=/root/.ssh/known_hosts",
                                          "-o",
                                          "BatchMode=yes",
                                          "-o",
                                          "StrictHostKeyChecking=yes",
                                          "-o",
                                          "HostKeyAlias=[10.77.0.2]:2222",
                                          "-o",
                                          "ConnectTimeout=2",
                                          "-o",
                                          "ServerAliveInterval=3",
                                          "-o",
                                          "ServerAliveCountMax=3",
                                          "-o",
                                          "ControlPath=none",
                                          "-c",
                                          "aes128-gcm@openssh.com",
                                          "-o",
                                          "Compression=no",
                                          "--",
                                          "10.77.0.2",
                                          "exec sh -c 'a b'"});
}

TEST_CASE("what is not set is left to ssh") {
  const auto argv = ssh_argv({*Address::parse("mirror"), "root"}, "true");
  REQUIRE(argv);
  for (const char* absent : {"-i", "UserKnownHostsFile=", "HostKeyAlias=", "IdentitiesOnly"})
    CHECK(std::none_of(argv->begin(), argv->end(), [&](const auto& word) { return word.starts_with(absent); }));
  SshTarget named{*Address::parse("mirror"), "root"};
  named.config_file = "/etc/xen/ssh config";
  CHECK(ssh_argv(named, "true")->at(2) == "/etc/xen/ssh config");
}

TEST_CASE("ssh itself reads the fixed options as they are meant, whatever the user's options say") {
  SshTarget tried = target();
  tried.options = {"-o",
                   "BatchMode=no",
                   "-oStrictHostKeyChecking=no",
                   "-o",
                   "HostKeyAlias=other",
                   "-p",
                   "1",
                   "-l",
                   "nobody",
                   "-o",
                   "ServerAliveInterval=99",
                   "-o",
                   "ControlPath=/tmp/x",
                   "-C",
                   "-4",
                   "-o",
                   "UserKnownHostsFile=/dev/null",
                   "-o",
                   "ConnectTimeout=77",
                   "-o",
                   "RequestTTY=force"};
  auto argv = ssh_argv(tried, "true");
  REQUIRE(argv);
  argv->insert(argv->begin() + 1, "-G");
  const Directory dir;
  REQUIRE(std::system((shell_join(*argv) + " >" + (dir / "out") + " 2>&1").c_str()) == 0);
  const std::string read = content(dir / "out");
  for (const char* line :
       {"\nbatchmode yes\n", "\nstricthostkeychecking true\n", "\nhostkeyalias [10.77.0.2]:2222\n", "\nport 2222\n",
        "user root\n", "\nserveraliveinterval 3\n", "\nserveralivecountmax 3\n", "\nconnecttimeout 2\n",
        "\nuserknownhostsfile /root/.ssh/known_hosts\n", "\nrequesttty false\n", "\naddressfamily inet\n"})
    CHECK_THAT(read, ContainsSubstring(line));
  CHECK(read.find("\ncompression no\n") == std::string::npos); // OpenSSH 10 prints UNKNOWN for what 9 calls yes
  CHECK(read.find("controlpath /") == std::string::npos);
}

TEST_CASE("a user's option that would undo a fixed one, detach ssh or name a host is refused") {
  for (const char* option : {"-F", "-S", "-n", "-f", "-N", "-t", "-tt", "-W",  "-O",  "-M",
                             "-E", "-e", "-G", "-V", "-s", "-Q", "-w",  "-vn", "-4F", "--"})
    CHECK_THAT(refusal({option, "value"}), ContainsSubstring(std::string("'") + option + "'"));
  CHECK_THAT(refusal({"-F/etc/x"}), ContainsSubstring("-F"));
  CHECK_THAT(refusal({"mirror"}), ContainsSubstring("host"));
  CHECK_THAT(refusal({"-"}), ContainsSubstring("host"));
  CHECK_THAT(refusal({"-v", ""}), ContainsSubstring("host"));
  CHECK_THAT(refusal({"-c"}), ContainsSubstring("value is missing"));
  CHECK_THAT(refusal({"-vc"}), ContainsSubstring("value is missing"));
}

TEST_CASE("a file name that ssh would split or expand is refused") {
  for (const char* name : {"/a b", "/a\"b", "/${HOME}/x", "/a\nb", "/a\\b"}) {
    SshTarget odd = target();
    odd.known_hosts = name;
    CHECK_FALSE(ssh_argv(odd, "true"));
    odd = target();
    odd.identity = name;
    CHECK_FALSE(ssh_argv(odd, "true"));
  }
}

TEST_CASE("the far command becomes the receiver, in the same process that it recorded, with the stream untouched") {
  const Directory dir;
  std::ofstream(dir / "id") << "5f2c-17\n";
  const auto ran = run_in_sh(dir, far_command(far(dir, {"sh", "-c", "cut -d' ' -f1,22 /proc/$$/stat; cat", "a 'b"})));
  CHECK(ran.status == 0);
  CHECK(ran.err.empty());
  const std::string recorded = content(dir / "receive-vm1");
  CHECK(ran.out == recorded + "the stream");
  const auto receiver = parse_receiver(recorded);
  REQUIRE(receiver);
  CHECK(receiver->pid > 1);
  CHECK(receiver->start_time > 0);
  CHECK(std::filesystem::status(dir / "receive-vm1").permissions() == std::filesystem::perms(0600));
}

TEST_CASE("the words of the far command arrive as they are, whatever is in them") {
  const Directory dir;
  std::ofstream(dir / "id") << "5f2c-17";
  const std::vector<std::string> odd{"a b", "", "$HOME", "`id`", "it's", "*", "--", "\\n", "\"", "#", "-n"};
  std::vector<std::string> words{"printf", "<%s>"};
  words.insert(words.end(), odd.begin(), odd.end());
  std::string expected;
  for (const auto& word : odd) expected += "<" + word + ">";
  CHECK(run_in_sh(dir, far_command(far(dir, words))).out == expected);
}

TEST_CASE("the far command starts nothing on a node with another identity, or none") {
  const Directory dir;
  const auto command = far_command(far(dir, {"touch", dir / "started"}));
  SECTION("another") { std::ofstream(dir / "id") << "5f2c-18\n"; }
  SECTION("a longer one") { std::ofstream(dir / "id") << "5f2c-17 \\ 5f2c-17\n"; }
  SECTION("empty") { std::ofstream(dir / "id") << ""; }
  SECTION("none") {}
  const auto ran = run_in_sh(dir, command);
  CHECK(ran.status == wrong_identity_status);
  CHECK_THAT(ran.err, ContainsSubstring("not the boot of the node that was asked for"));
  CHECK(ran.out.empty());
  CHECK_FALSE(std::filesystem::exists(dir / "started"));
  CHECK_FALSE(std::filesystem::exists(dir / "receive-vm1"));
}

TEST_CASE("an empty identity is no identity, even where the node has none either") {
  const Directory dir;
  auto command = far(dir, {"touch", dir / "started"});
  command.identity.clear();
  CHECK(run_in_sh(dir, far_command(command)).status == wrong_identity_status);
  CHECK_FALSE(std::filesystem::exists(dir / "started"));
}

TEST_CASE("the far command starts nothing when it cannot record the receiver") {
  const Directory dir;
  std::ofstream(dir / "id") << "5f2c-17\n";
  std::filesystem::create_directory(dir / "receive-vm1.new");
  const auto ran = run_in_sh(dir, far_command(far(dir, {"touch", dir / "started"})));
  CHECK(ran.status == no_record_status);
  CHECK_FALSE(std::filesystem::exists(dir / "started"));
}

TEST_CASE("where systemd runs the receiver gets a scope of its own, in the process that was recorded") {
  const Directory dir;
  std::ofstream(dir / "id") << "5f2c-17\n";
  std::ofstream(dir / "systemd-run") << "#!/bin/sh\necho \"$@\"\ncut -d' ' -f1,22 /proc/$$/stat\n";
  std::filesystem::permissions(dir / "systemd-run", std::filesystem::perms(0700));
  std::filesystem::create_directory(dir / "systemd");
  auto command = far(dir, {"xl", "migrate-receive"});
  command.systemd_directory = dir / "systemd";
  const auto ran = run_in_sh(dir, far_command(command), "PATH=" + dir.path() + ":$PATH");
  CHECK(ran.out ==
        "--quiet --scope --slice=system.slice --property=Before=xen-drbd-guests.target -- xl migrate-receive\n" +
            content(dir / "receive-vm1"));
}

TEST_CASE("a receiver's record of another form is refused") {
  CHECK(parse_receiver("4711 123456\n") == Receiver{4711, 123456});
  for (const char* odd : {"", "4711", "4711 x", "0 1", "-1 5", "1 2 3", "1 -2"}) CHECK_FALSE(parse_receiver(odd));
}

TEST_CASE("a far command is read back by the node that gets it, and nothing that only looks like one") {
  const FarCommand command{
      .identity = "5f2c-17", .domain = DomainName::parse("vm1").value(), .words = {"xl", "migrate-receive", "-d"}};
  const std::string text = far_command(command);
  const auto read = parse_far_command(text);
  REQUIRE(read);
  CHECK(read->identity == command.identity);
  CHECK(read->domain == command.domain);
  CHECK(read->words == command.words);
  CHECK(read->run_directory == command.run_directory);
  for (const std::string& odd : {text + "; id", text + "  x", std::string("exec /bin/sh -c id"), std::string()})
    CHECK_FALSE(parse_far_command(odd));
  std::string patched = text;
  patched.replace(patched.find("exec \"$@\""), 4, "eval");
  CHECK_FALSE(parse_far_command(patched));
}

TEST_CASE("a receiver is xl with the options of one migration, and nothing else") {
  using Words = std::vector<std::string>;
  for (const Words& words : {Words{"xl", "migrate-receive"}, {"xl", "-t", "-vv", "migrate-receive", "-e", "-dp"}})
    CHECK(is_receiver(words));
  for (const Words& words : {Words{},
                             {"xl"},
                             {"xl", "migrate-receive", "-r"},
                             {"xl", "migrate-receive", "--colo"},
                             {"xl", "list"},
                             {"xl", "migrate-receive", "x"},
                             {"xl", "-f", "migrate-receive"},
                             {"touch", "migrate-receive"}})
    CHECK_FALSE(is_receiver(words));
}
