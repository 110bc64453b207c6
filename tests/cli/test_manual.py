"""The manual pages, --help and the program name the same commands, options, exit codes, keys and fields.

Whoever adds one of them is told here what is missing, and in which of the places.
"""

import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent.parent
COMMAND_MANUAL = (SOURCE / "man/xen-drbd.8.scd").read_text()
TOPOLOGY_MANUAL = (SOURCE / "man/xen-drbd.yaml.5.scd").read_text()

# The heading of the section that describes the keys of a map, by what the reader of topologies calls that map.
KEYS = {"the file": "KEYS OF THE FILE", "`{}`": "KEYS OF A NODE", "`ssh`": "KEYS OF SSH", "a domain": "KEYS OF A DOMAIN",
        "a disk": "KEYS OF A DISK", "a bridge": "KEYS OF A BRIDGE"}


def section(manual, heading):
    found = re.search(rf"^# {re.escape(heading)}$(.*?)(?=^# |\Z)", manual, re.M | re.S)
    assert found, f"there is no section {heading}"
    return found[1]


def described(manual, heading, pattern):
    """The bold words that head an entry of a section: those of lines that begin with one."""
    heads = re.findall(r"^\*.*$", section(manual, heading), re.M)
    return [word for head in heads for word in re.findall(rf"\*({pattern})\*", head)]


def listed(text, heading):
    """The lines of a list that --help prints below a heading."""
    found = re.search(rf"^{re.escape(heading)}:\n((?:  .*\n)+)", text, re.M)
    assert found, f"--help has no {heading}"
    return found[1].splitlines()


def same(ours, theirs):
    assert sorted(ours) == sorted(theirs), f"only in the manual: {sorted(set(ours) - set(theirs))}, " \
                                           f"missing there: {sorted(set(theirs) - set(ours))}"


def test_the_manual_describes_every_command_and_no_other(node):
    commands = [line.split()[0] for line in listed(node.typed("--help").out, "Commands")]
    same(described(COMMAND_MANUAL, "COMMANDS", "[a-z-]+"), commands)


def test_the_russian_readme_names_every_command(node):
    text = re.sub(r"^ *```.*?^ *```", "", (SOURCE / "README.ru.md").read_text(), flags=re.M | re.S)
    named = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[a-z][a-z-]+", code)}
    missing = {line.split()[0] for line in listed(node.typed("--help").out, "Commands")} - named
    assert not missing, f"README.ru.md does not name {missing}"


def test_the_russian_readme_has_what_the_readme_has_to_be_typed_or_written():
    def blocks(name):
        fenced = re.findall(r"^ *```(\w*)\n(.*?)^ *```", (SOURCE / name).read_text(), re.M | re.S)
        return [block for language, block in fenced if not language and " # " not in block]  # comments are Russian there

    assert blocks("README.ru.md") == blocks("README.md") and len(blocks("README.md")) >= 4


def test_the_manual_describes_every_option_and_no_other(node):
    text = node.typed("--help").out
    names = []
    for line in listed(text, "Options, before or after the command"):
        names += re.match(r" +((?:-\w, )?--[\w-]+)", line)[1].split(", ")
    names += [line.split()[1] for line in listed(text, "Options of one command")]
    same(described(COMMAND_MANUAL, "OPTIONS", "-[a-zA-Z-]+"), names)


def test_the_manual_tells_every_command_with_the_same_arguments(node):
    for line in listed(node.typed("--help").out, "Commands"):
        usage = re.match(r"  (\S+(?: \[?DOMAIN\.\.\.\]?)?)", line)[1]
        name, _, argument = usage.partition(" ")
        wanted = f"*{name}*" + (" " + argument.replace("DOMAIN", "_DOMAIN_") if argument else "")
        assert f"\n{wanted}\n" in COMMAND_MANUAL, f"the manual has no entry {wanted}"


def test_the_manual_tells_every_exit_code_and_no_other(node):
    text = node.typed("--help").out
    told = [int(code) for code in re.findall(r"\b\d+\b", text[text.index("Exit codes"):])]
    same([int(code) for code in described(COMMAND_MANUAL, "EXIT STATUS", r"\d+")], told)


def test_the_manual_tells_every_field_of_the_documents(node):
    told = set(described(COMMAND_MANUAL, "OUTPUT", "[a-z_]+")) | set(
        re.findall(r"\*([a-z_]+)\*", section(COMMAND_MANUAL, "OUTPUT")))

    def fields(value):
        if isinstance(value, list):
            return {name for each in value for name in fields(each)}
        if isinstance(value, dict):
            return set(value) | {name for each in value.values() for name in fields(each)}
        return set()

    for line in ["status", "start quince", "start quince -n", "stop-all -n", "nothing", "start nobody", "check", "recover",
                 "recover -n", "evacuate -n", "evacuate", "evacuate --cancel", "migrate-out quince", "migrate-out quince -n",
                 "migrate-in medlar -n", "migrate-all-out", "migrate-all-in -n", "migrate-my-domains-home -n",
                 "migrate-and-start-my-domains -n", "migrate-and-start-all -n", "start-all -n", "stop medlar"]:
        missing = fields(node.typed(f"{line} --json").document) - told
        assert not missing, f"{line} --json has fields that the manual does not tell: {missing}"


def test_the_manual_and_etc_default_have_every_setting_of_the_boot_and_no_other():
    given = re.findall(r"^#([A-Z_]+)=", (SOURCE / "init/default").read_text(), re.M)
    read = re.findall(r"^([A-Z_]+)=", (SOURCE / "init/boot.in").read_text(), re.M)
    same(given, {*read, "TOPOLOGY_NAME"} - {"PATH"})
    same(described(COMMAND_MANUAL, "BOOT AND SHUTDOWN", "[A-Z_]+"), given)


def keys_of_the_program():
    """{what the map is called: its keys}, from the lists that the reader of topologies checks keys against."""
    keys = {}
    for file in sorted((SOURCE / "src/topology").glob("*.cpp")):
        for name, words in re.findall(
                r'Fields fields\([^;]*?"([^"]+)"(?:, key\))?,\s*\{((?:\s*"\w+",?)+)\}', file.read_text()):
            keys[name] = re.findall(r'"(\w+)"', words)
    return keys


def test_the_manual_and_the_example_have_every_key_of_a_topology_and_no_other():
    keys = keys_of_the_program()
    assert keys.keys() == KEYS.keys(), keys
    for name, heading in KEYS.items():
        same(described(TOPOLOGY_MANUAL, heading, r"\w+"), keys[name])
    every = {key for names in keys.values() for key in names}
    for place, text in [("example.yaml", (SOURCE / "topologies/example.yaml").read_text()),
                        ("the manual", section(TOPOLOGY_MANUAL, "EXAMPLE"))]:
        used = set(re.findall(r"(?:^|[{\s,])(\w+):(?=\s)", re.sub(r"#.*", "", text)))
        assert every <= used, f"{place} does not show {every - used}"


@pytest.mark.parametrize("number", [0, 1])
def test_the_topologies_of_the_manual_are_right(node, number):
    example = re.findall(r"^```\n(.*?)^```$", section(TOPOLOGY_MANUAL, "EXAMPLE"), re.M | re.S)[number]
    node.write("/etc/xen/example.yaml", example)
    ended = node.typed("make-links -t example --i-am dom0")
    assert ended.code == 0, ended


@pytest.mark.parametrize("name", ["xen-drbd.8", "xen-drbd.yaml.5"])
def test_the_pages_are_set_without_a_warning(tmp_path, name):
    page = tmp_path / name
    page.write_bytes(subprocess.run("scdoc", input=(SOURCE / f"man/{name}.scd").read_bytes(), capture_output=True,
                                    check=True).stdout)
    for words in [["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"], ["mandoc", "-T", "lint", "-W", "error"]]:
        done = subprocess.run([*words, page], capture_output=True, check=False)
        assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()


def test_the_second_name_leads_to_the_same_page():
    assert (SOURCE / "man/xen-drbd-install.8").read_text() == ".so man8/xen-drbd.8\n"
