#include "xen_drbd/base/text.hpp"

#include "help.hpp"
#include "support/catch.hpp"
#include "support/data_file.hpp"

#include <algorithm>
#include <set>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using Catch::Matchers::ContainsSubstring;

namespace {

using Names = std::set<std::string>;

/// What the contract names, and what of it may come later. It leaves the options of make-keys open.
const Names required{"start",
                     "start-all",
                     "start-my-domains",
                     "migrate-out",
                     "migrate-in",
                     "migrate-all-out",
                     "migrate-all-in",
                     "migrate-my-domains-home",
                     "migrate-and-start-my-domains",
                     "migrate-and-start-all",
                     "stop",
                     "stop-all",
                     "stop-my-domains",
                     "evacuate",
                     "nothing",
                     "status",
                     "check",
                     "recover",
                     "make-links",
                     "make-bridges"};
const Names later{"make-volumes", "make-drbd", "make-keys"};
const Names options{
    "--topology",  "-t",         "--i-am",         "--dry-run", "-n",        "--json",  "--jobs",      "-j",
    "--lock-wait", "--deadline", "--peer-is-dead", "--yes",     "-y",        "--color", "--plain-ssh", "--destroy",
    "--quiet",     "-q",         "--verbose",      "-v",        "--version", "--help",  "--watch",     "--cancel",
    "--remove",    "--restrict"};

Names table() {
  Names names;
  for (const Subcommand& command : subcommands()) names.emplace(command.name);
  return names;
}

/// The commands in the first column of README.md's table.
Names in_readme() {
  Names names;
  const std::string readme = xen_drbd::test::source_file("README.md");
  for (std::string_view line : lines(readme)) {
    if (!line.starts_with("| `")) continue;
    const auto quoted = split(line.substr(0, line.find(" | ")), '`');
    for (std::size_t i = 1; i < quoted.size(); i += 2) names.emplace(words(quoted[i]).front());
  }
  return names;
}

} // namespace

TEST_CASE("the program's --help says what it is to say") {
  CHECK(help_text() == xen_drbd::test::data_file("cli/help.txt"));
}

TEST_CASE("each command's --help says what it is to say") {
  for (const Subcommand& command : subcommands()) {
    INFO(command.name);
    CHECK(help_text(command) == xen_drbd::test::data_file("cli/help-" + std::string(command.name) + ".txt"));
  }
}

TEST_CASE("a command's --help names only options that make a difference to it") {
  const auto lists = [](std::string_view command, std::string_view option) {
    return help_text(*find_subcommand(command)).find(option) != std::string::npos;
  };
  for (const Subcommand& command : subcommands()) {
    INFO(command.name);
    const bool empties = command.name.starts_with("stop") || command.name == "evacuate";
    const bool changes = empties || command.name.starts_with("start") || command.name.starts_with("migrate") ||
                         command.name == "recover";
    CHECK(lists(command.name, "--topology"));
    CHECK(lists(command.name, "--dry-run") == changes);
    const bool starts = command.name.find("start") != std::string_view::npos || command.name == "recover";
    CHECK(lists(command.name, "--peer-is-dead") == starts);
    CHECK(lists(command.name, "--yes") == starts);
    CHECK(lists(command.name, "--destroy") == empties);
    CHECK(lists(command.name, "--deadline") == empties);
    CHECK(lists(command.name, "--plain-ssh") == (command.name.starts_with("migrate") || command.name == "evacuate"));
    CHECK(lists(command.name, "--quiet") == (changes || command.name == "check"));
    CHECK(lists(command.name, "--json") == !command.name.starts_with("make-"));
  }
}

TEST_CASE("help fits a terminal of 120 columns") {
  std::vector<std::string> texts{help_text()};
  for (const Subcommand& command : subcommands()) texts.push_back(help_text(command));
  for (const std::string& text : texts)
    for (std::string_view line : lines(text)) {
      INFO(line);
      CHECK(line.size() <= 120);
    }
}

TEST_CASE("every command of the contract is there, and none that it does not name") {
  const Names names = table();
  for (const std::string& name : required) {
    INFO(name);
    CHECK(names.contains(name));
  }
  for (const std::string& name : names) {
    INFO(name);
    CHECK((required.contains(name) || later.contains(name)));
  }
}

TEST_CASE("README.md's table of commands is that of the program") { CHECK(in_readme() == table()); }

TEST_CASE("every option of the contract is there, and none that it does not name but -h") {
  Names names;
  for (const OptionRow& row : option_rows())
    for (std::string_view name : split(row.names, ',')) names.emplace(name);
  Names wanted = options;
  wanted.insert("-h");
  CHECK(names == wanted);
}

TEST_CASE("only nothing does nothing, and only make-... print scripts") {
  for (const Subcommand& command : subcommands()) {
    INFO(command.name);
    CHECK((command.run == nullptr) == (command.name == "nothing"));
    CHECK(command.prints_a_script == command.name.starts_with("make-"));
  }
}
