#include "xen_drbd/base/text.hpp"

#include "commands.hpp"
#include "options.hpp"
#include "support/catch.hpp"

#include <rapidcheck.h>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> typed(std::string_view line) {
  std::vector<std::string> arguments;
  for (std::string_view word : words(line)) arguments.emplace_back(word);
  return arguments;
}

Options parsed(std::string_view line) {
  auto options = parse_command_line(typed(line));
  INFO(line);
  REQUIRE(options);
  return *options;
}

Answered answered(const std::vector<std::string>& arguments) {
  auto options = parse_command_line(arguments);
  REQUIRE_FALSE(options);
  return options.error();
}

Error refused(std::string_view line) {
  const Answered answer = answered(typed(line));
  INFO(line);
  CHECK(answer.exit_code == 2);
  CHECK(answer.out.empty());
  REQUIRE(answer.error);
  CHECK(answer.error->kind == ErrorKind::usage);
  CHECK(answer.error->changed == Changed::no);
  CHECK_FALSE(answer.error->hint.empty());
  return *answer.error;
}

struct Sample {
  std::string words;
  bool (*took_effect)(const Options&);
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {"--topology other", [](const Options& o) { return o.topology == "other"; }},
      {"--topology=other", [](const Options& o) { return o.topology == "other"; }},
      {"-t other", [](const Options& o) { return o.topology == "other"; }},
      {"--i-am mirror", [](const Options& o) { return o.i_am == "mirror"; }},
      {"--dry-run", [](const Options& o) { return o.dry_run; }},
      {"-n", [](const Options& o) { return o.dry_run; }},
      {"--json", [](const Options& o) { return o.json; }},
      {"--jobs 3", [](const Options& o) { return o.jobs == 3U; }},
      {"-j 3", [](const Options& o) { return o.jobs == 3U; }},
      {"-j3", [](const Options& o) { return o.jobs == 3U; }},
      {"--lock-wait 500ms", [](const Options& o) { return o.lock_wait == 500ms; }},
      {"--deadline 2m", [](const Options& o) { return o.deadline == 120s; }},
      {"--peer-is-dead", [](const Options& o) { return o.peer_is_dead; }},
      {"--yes", [](const Options& o) { return o.yes; }},
      {"-y", [](const Options& o) { return o.yes; }},
      {"--color always", [](const Options& o) { return o.color == Color::always; }},
      {"--color never", [](const Options& o) { return o.color == Color::never; }},
      {"--color auto", [](const Options& o) { return o.color == Color::automatic; }},
      {"--plain-ssh", [](const Options& o) { return o.plain_ssh; }},
      {"--destroy", [](const Options& o) { return o.destroy; }},
      {"--quiet", [](const Options& o) { return o.quiet; }},
      {"-q", [](const Options& o) { return o.quiet; }},
      {"--verbose", [](const Options& o) { return o.verbose == 1; }},
      {"-v", [](const Options& o) { return o.verbose == 1; }},
      {"-vv", [](const Options& o) { return o.verbose == 2; }},
      {"-v --verbose", [](const Options& o) { return o.verbose == 2; }},
  };
  return all;
}

} // namespace

TEST_CASE(
    "every option takes effect before the command, behind it and behind its domains, and leaves the domains alone") {
  for (const Sample& sample : samples())
    for (const std::string& line : {sample.words + " start dns samba", "start " + sample.words + " dns samba",
                                    "start dns " + sample.words + " samba", "start dns samba " + sample.words}) {
      INFO(line);
      const Options options = parsed(line);
      CHECK(sample.took_effect(options));
      CHECK(options.command == "start");
      CHECK(options.domains == std::vector<std::string>{"dns", "samba"});
    }
}

TEST_CASE("without options nothing is on") {
  const Options options = parsed("start-all");
  for (const Sample& sample : samples())
    if (sample.words != "--color auto") {
      INFO(sample.words);
      CHECK_FALSE(sample.took_effect(options));
    }
  CHECK_FALSE(options.watch);
  CHECK_FALSE(options.remove);
  CHECK_FALSE(options.cancel);
}

TEST_CASE("the option --watch stands alone or takes a number, and never takes a domain for one") {
  CHECK(parsed("status --watch").watch == 2s);
  CHECK(parsed("status --watch 5").watch == 5s);
  CHECK(parsed("status --watch=0.5").watch == 500ms);
  CHECK(parsed("--watch 5 status").watch == 5s);
  CHECK(parsed("--watch status").command == "status");
  const Options options = parsed("status --watch samba dns");
  CHECK(options.watch == 2s);
  CHECK(options.domains == std::vector<std::string>{"samba", "dns"});
  for (const char* wrong : {"status --watch 0", "status --watch=0.01", "status --watch=abc", "status --watch=1.2.3",
                            "status --watch=-1", "status --watch=inf", "status --watch=nan", "status --watch 86401",
                            "status --watch 2s", "--watch 500ms status"})
    CHECK_THAT(refused(wrong).because, ContainsSubstring("0.1 to 86400 seconds"));
}

TEST_CASE("options of one command are known to that command only, before it or behind it") {
  CHECK(parsed("evacuate --cancel").cancel);
  CHECK(parsed("--cancel evacuate").cancel);
  CHECK(parsed("make-bridges --remove").remove);
  CHECK(parsed("--remove make-bridges").remove);
  CHECK(refused("start-all --cancel").what == "start-all has no option --cancel");
  CHECK(parsed("make-keys --restrict").restrict);
  CHECK(refused("--restrict make-links").because == "it belongs to make-keys");
  CHECK(refused("--remove make-links").because == "it belongs to make-bridges");
  CHECK(refused("start-all --watch").because == "it belongs to status");
}

TEST_CASE("values that cannot be are refused with what is expected") {
  for (const char* jobs :
       {"-j0 start-all", "--jobs x start-all", "start-all --jobs -1", "--jobs 1.5 start-all", "--jobs 0x10 start-all",
        "--jobs 4294967296 start-all", "-j=3 start-all", "-j 101 start-all"})
    CHECK(refused(jobs).because == "a whole number is expected, 1 to 100");
  CHECK(refused("--lock-wait 5 start-all").what == "--lock-wait: '5' is not a duration");
  CHECK(refused("start-all --deadline soon").what == "--deadline: 'soon' is not a duration");
  CHECK_THAT(refused("--lock-wait 5 start-all").hint, ContainsSubstring("5s"));
  CHECK(refused("--color blue status").because == "auto, always or never is expected");
  CHECK(refused("status --jobs").what == "--jobs needs a value: --jobs N");
  CHECK(refused("status -t").what == "--topology needs a value: --topology NAME|FILE");
  CHECK(refused("-t one --topology two status").what == "--topology was given more than once");
}

TEST_CASE("a flag takes no value, not even one that would switch it off") {
  for (const char* line : {"--dry-run=false start-all", "start-all --json=0", "--yes=no recover", "--json=true status",
                           "-n=1 start-all", "start-all -y=1"})
    CHECK_THAT(refused(line).what, ContainsSubstring("takes no value"));
}

TEST_CASE("an option whose value is empty never takes the command for it") {
  CHECK(refused("--topology= status start").what == "--topology= is followed by nothing");
  CHECK(refused("--yes= recover").what == "--yes= is followed by nothing");
  CHECK(parsed("start -- --topology=").domains == std::vector<std::string>{"--topology="});
}

TEST_CASE("a typo names the nearest command or option") {
  CHECK(refused("strat samba").what == "there is no command 'strat'");
  CHECK(refused("strat samba").hint == "did you mean start?");
  CHECK(refused("migrate-all-ot").hint == "did you mean migrate-all-out?");
  CHECK(refused("--jso status").hint == "did you mean --json?");
  CHECK(refused("status --peer_is_dead").hint == "did you mean --peer-is-dead?");
  CHECK(refused("status --loc-wait=5s").what == "there is no option --loc-wait");
  CHECK(refused("status --loc-wait=5s").hint == "did you mean --lock-wait?");
  CHECK(refused("evacuate --cancle").hint == "did you mean --cancel?");
  CHECK(refused("STATUS").hint == "did you mean status?");
  CHECK(refused("migrate samba").hint ==
        "did you mean one of migrate-out, migrate-in, migrate-all-out, migrate-all-in, migrate-my-domains-home, "
        "migrate-and-start-my-domains and migrate-and-start-all?");
  CHECK(refused("migrate out dns").hint == "did you mean migrate-out?");
  CHECK(refused("migrate all in").hint == "did you mean migrate-all-in?");
  CHECK(refused("make links").hint == "did you mean make-links?");
  CHECK(refused("--topo lan status").hint == "did you mean --topology?");
  CHECK(refused("frobnicate").hint == "xen-drbd --help lists commands and options");
  CHECK(refused("status -x").what == "there is no option -x");
}

TEST_CASE("commands and options are matched exactly") {
  for (const char* line : {"star samba", "START samba", "Status", "start_all", "startall", "/status", "++status"})
    CHECK_THAT(refused(line).what, ContainsSubstring("there is no command"));
  for (const char* line :
       {"status --js", "status --JSON", "status --dry_run", "status --dry", "--status", "--stop.yes"})
    CHECK_THAT(refused(line).what, ContainsSubstring("there is no option"));
}

TEST_CASE("no word but a command is taken for a command, whatever it is") {
  REQUIRE(rc::check([](const std::string& word) {
    RC_PRE(!word.empty() && word.find('\0') == std::string::npos && find_subcommand(word) == nullptr);
    const auto options = parse_command_line({word});
    RC_ASSERT(!options);
    const bool told = word == "--help" || word == "-h" || word == "--version";
    RC_ASSERT(options.error().exit_code == (told ? 0 : 2));
  }));
}

TEST_CASE("a command that is not understood as far as that is known all the same: what it prints goes to sh") {
  for (const char* wrong : {"--topology=", "--json=1", "-n=1"}) {
    INFO(wrong);
    const auto options = parse_command_line({wrong, "make-links"});
    REQUIRE_FALSE(options);
    CHECK(options.error().exit_code == 2);
    CHECK(options.error().command == "make-links");
  }
}

TEST_CASE("any words at all end in options that name a command, or in exit 2, help or version") {
  static const std::vector<std::string> pool{"start",       "status",    "stop",    "nothing", "--json",    "-n",
                                             "--jobs",      "2",         "x",       "--",      "-",         "--watch",
                                             "-t",          "a",         "--help",  "--dry=",  "=",         "",
                                             "-vvq",        "--version", "--color", "auto",    "evacuate",  "--cancel",
                                             "--lock-wait", "5s",        "\x1b[2J", "@file",   "make-links"};
  REQUIRE(rc::check([] {
    const auto picks = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, pool.size()));
    std::vector<std::string> arguments;
    for (const std::size_t pick : picks) arguments.push_back(pool[pick]);
    const auto options = parse_command_line(arguments);
    if (options) {
      RC_ASSERT(find_subcommand(options->command) != nullptr);
    } else if (options.error().error) {
      RC_ASSERT(options.error().exit_code == 2);
      RC_ASSERT(render(*options.error().error).find('\x1b') == std::string::npos);
    } else {
      RC_ASSERT(options.error().exit_code == 0);
      RC_ASSERT(!options.error().out.empty());
    }
  }));
}

TEST_CASE("domains are required, allowed or refused as the command wants") {
  for (const Subcommand& command : subcommands()) {
    const std::string name(command.name);
    INFO(name);
    const bool without = parse_command_line({name}).has_value();
    const bool with = parse_command_line({name, "samba"}).has_value();
    CHECK(without == (command.domains != Domains::at_least_one));
    CHECK(with == (command.domains != Domains::none));
  }
  CHECK(refused("start-all samba").what == "start-all takes no domains");
  CHECK(refused("samba start").what == "there is no command 'samba'");
  CHECK(refused("samba start").because == "it was typed before start");
  CHECK(refused("samba start").hint == "domains stand behind the command: xen-drbd start DOMAIN...");
  CHECK(refused("nothing -- samba").what == "nothing takes no domains");
  CHECK(refused("start").hint == "xen-drbd start DOMAIN..., or xen-drbd start-all for all of them");
  CHECK(refused("migrate-in").hint == "xen-drbd migrate-in DOMAIN..., or xen-drbd migrate-all-in for all of them");
  CHECK(parsed("start status").domains == std::vector<std::string>{"status"});
  CHECK(parsed("start -- -n").domains == std::vector<std::string>{"-n"});
}

TEST_CASE("the command that does the same for all is one that there is") {
  for (const Subcommand& command : subcommands()) {
    INFO(command.name);
    CHECK((command.domains == Domains::at_least_one) == !command.for_all.empty());
    if (!command.for_all.empty()) CHECK(find_subcommand(command.for_all) != nullptr);
  }
}

TEST_CASE("no command at all is wrong usage") {
  CHECK(refused("").what == "no command was given");
  CHECK(refused("--json --quiet").what == "no command was given");
}

TEST_CASE("a wrong command line is answered in JSON where --json stands anywhere in it") {
  const Answered answer = answered({"--json", "start", "--bogus"});
  CHECK(answer.json);
  CHECK(answer.command == "start");
  CHECK(answered({"start", "--bogus", "--json"}).json);
  CHECK_FALSE(answered({"start", "--bogus"}).json);
  CHECK(answered({"bogus"}).command.empty());
}

TEST_CASE("what was typed cannot move the cursor of the terminal") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"\x1b[2J"},
                                                                     {"--\x1b[2J"},
                                                                     {"start-all", "\x1b[2J"},
                                                                     {"--jobs", "\x1b[2J", "status"},
                                                                     {"--color", "\x1b[2J", "status"},
                                                                     {"--lock-wait", "\x1b[2J", "status"},
                                                                     {"--lock-wait", "5\x1b[2J", "status"},
                                                                     {"status", "--watch=\x1b[2J"},
                                                                     {"--\x1b[2J=", "status"}}) {
    const Answered answer = answered(arguments);
    REQUIRE(answer.error);
    const std::string text = render(*answer.error);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK_THAT(text, ContainsSubstring("\\x1b[2J"));
  }
}

TEST_CASE("the option --help and --version are answered whatever stands beside them") {
  CHECK_THAT(answered({"--version"}).out, ContainsSubstring("xen-drbd "));
  CHECK(answered({"start", "--version"}).out == answered({"--version"}).out);
  CHECK(answered({"start", "--help"}).out == answered({"--help", "start"}).out);
  CHECK(answered({"start", "-h"}).out == answered({"start", "--help"}).out);
  CHECK(answered({"--help"}).out != answered({"start", "--help"}).out);
  CHECK(answered({"--help"}).exit_code == 0);
}

TEST_CASE("the syntax of 2008 is a topology and a command") {
  CHECK(*from_install_syntax({"lan", "start-my-domains"}) ==
        std::vector<std::string>{"--topology", "lan", "start-my-domains"});
  CHECK(*from_install_syntax({"lan", "start", "samba", "--json"}) ==
        std::vector<std::string>{"--topology", "lan", "start", "samba", "--json"});
  for (const char* told : {"--help", "-h", "--version"})
    CHECK(*from_install_syntax({told}) == std::vector<std::string>{told});
  for (const auto& wrong : std::vector<std::vector<std::string>>{{}, {"lan"}, {"--json", "lan", "status"}, {"-n"}}) {
    const auto arguments = from_install_syntax(wrong);
    REQUIRE_FALSE(arguments);
    CHECK(arguments.error().kind == ErrorKind::usage);
    CHECK_THAT(arguments.error().hint, ContainsSubstring("xen-drbd-install TOPOLOGY COMMAND"));
  }
}
