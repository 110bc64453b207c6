"""Completion as it is typed: each script in its real shell, on a terminal of its own."""

import re
import subprocess

import pexpect
import pytest

SHELLS = ["bash", "zsh", "fish"]
TERMINAL_TALK = re.compile(r"\x1b(\[[0-9;?>=]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])|[\x00-\x09\x0b-\x1f]")

BEGIN = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i", "-C", "function fish_greeting; end; function fish_prompt; echo -n 'R'EADY; end"],
}
PREPARE = {
    "bash": "bind 'set completion-query-items 0'; bind 'set page-completions off'; . {script}; PS1='R''EADY'",
    "zsh": "autoload -Uz compinit && compinit -u -D; LISTMAX=0; . {script}; "
           "compdef _xen_drbd xen-drbd xen-drbd-install; PS1='R''EADY'",
    "fish": "source {script}",
}


@pytest.fixture
def script(node, tmp_path):
    """Writes the script of a shell and says where; xen-drbd is on the PATH of the node."""
    (tmp_path / "bin/xen-drbd").symlink_to(node.program)

    def write(shell):
        ended = node.typed(f"completion {shell}")
        assert (ended.code, ended.err) == (0, ""), ended
        file = tmp_path / f"script.{shell}"
        file.write_text(ended.out)
        return file

    return write


class Typist:
    """Somebody at a terminal who types half a word and the TAB key."""

    def __init__(self, node, shell, script, folder):
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "TERM": "xterm"}
        words = node.argv(*BEGIN[shell])
        self.shell = pexpect.spawn(words[0], words[1:], env=node.environment | home, dimensions=(50, 200),
                                   encoding="utf-8", timeout=30)
        self.shell.sendline(PREPARE[shell].format(script=script))
        self.shell.expect("READY")

    def types(self, text, *wanted):
        """Types text, then TAB until every one of the wanted words is to be seen."""
        self.shell.send(text)
        seen = ""
        for _ in range(20):
            self.shell.send("\t")
            try:
                while True:
                    seen += self.shell.read_nonblocking(4096, 0.5)
            except pexpect.TIMEOUT:
                pass
            plain = TERMINAL_TALK.sub("", seen)
            if all(word in plain for word in wanted):
                break
        else:
            pytest.fail(f"{wanted} was not offered for {text!r}:\n{plain}")
        self.shell.send("\x03")
        self.shell.expect("READY")

    def leave(self):
        self.shell.close(force=True)


@pytest.fixture(params=SHELLS)
def typist(request, node, script, tmp_path):
    made = Typist(node, request.param, script(request.param), tmp_path)
    yield made
    made.leave()


def test_a_shell_completes_commands_options_and_the_names_of_the_topology(node, typist):
    typist.types("xen-drbd mig", "migrate-all-out", "migrate-and-start-my-domains")
    typist.types("xen-drbd start ", "quince", "medlar")
    typist.types("xen-drbd start qui", "start quince")
    typist.types("xen-drbd --i-am ", "dom0", "mirror")
    typist.types("xen-drbd status --wat", "--watch")
    typist.types("xen-drbd --color ", "always", "never")
    node.write("/etc/xen/orchard.yaml", "node1: here\nnode2: there\ndomains: [pear, plum]\n"
               "domain_home: {pear: here, plum: there}\n")
    typist.types("xen-drbd --topology orc", "orchard")
    typist.types("xen-drbd -t orchard stop p", "pear", "plum")
    typist.types("xen-drbd stop --topology=orchard pe", "pear")
    typist.types("xen-drbd-install ", "orchard", "topology")
    typist.types("xen-drbd-install orchard migrate-a", "migrate-all-out", "migrate-and-start-my-domains")
    typist.types("xen-drbd-install orchard stop p", "pear", "plum")
    typist.types("xen-drbd-install orchard status --wat", "--watch")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_right_by_the_grammar_of_its_shell(script, shell):
    checked = subprocess.run([shell, "-n", script(shell)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_script_for_bash_is_clean(script):
    subprocess.run(["shellcheck", "--shell=bash", script("bash")], check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command_and_option(node, script, shell):
    text = script(shell).read_text()
    words = set(re.findall(r"[\w-]+", text))
    for line in node.typed("--help").out.splitlines():
        for name in re.findall(r"^  ([a-z-]+)|(--[\w-]+)", line):
            wanted = "".join(name)
            assert wanted in words or (shell == "fish" and wanted.lstrip("-") in words), wanted


def test_names_are_offered_once_and_only_when_the_topology_is_right(node):
    assert node.typed("__complete domains start").out == "quince\nmedlar\n"
    assert node.typed("__complete domains start quince").out == "medlar\n"
    assert node.typed("__complete nodes --i-am").out == "dom0\nmirror\n"
    assert node.typed("__complete topologies -t").out == "topology\n"
    for words in ["", " domains -t nowhere start", " fruit", " domains --bogus start -t nowhere"]:
        ended = node.typed(f"__complete{words}")
        assert (ended.code, ended.out, ended.err) == (0, "", ""), ended
    node.write("/etc/xen/topology.yaml", "node1: [")
    ended = node.typed("__complete domains start")
    assert (ended.code, ended.out, ended.err) == (0, "", ""), ended


def test_a_shell_that_nobody_knows_is_wrong_usage(node):
    for line in ["completion", "completion csh", "completion bash zsh"]:
        ended = node.typed(line)
        assert ended.code == 2 and ended.out == "" and "bash|zsh|fish" in ended.err, ended
