"""The program as it is typed: what goes to stdout and what to stderr, exit codes, signals, closed streams, terminals."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import PAIR    # noqa: E402

ERROR_FIELDS = {"what": str, "because": str, "while": str, "changed": bool, "hint": str}
WITHOUT_A_TOPOLOGY = ["--help", "--version", "nothing", "start --help", "make-links --help"]


def has_error_document(ended, code, command):
    assert ended.code == code, ended
    document = ended.document
    assert list(document) == ["schema", "command", "exit_code", "error"], ended
    assert (document["schema"], document["command"], document["exit_code"]) == (1, command, code), ended
    assert {name: type(value) for name, value in document["error"].items()} == ERROR_FIELDS, ended
    assert f"error: {document['error']['what']}\n" in ended.err, ended
    return document["error"]


@pytest.mark.parametrize("line", WITHOUT_A_TOPOLOGY)
def test_help_version_and_nothing_need_no_topology(node, line):
    node.run("rm", "/etc/xen/topology.yaml")
    ended = node.typed(line)
    assert (ended.code, ended.err) == (0, ""), ended
    assert (ended.out == "") == (line == "nothing"), ended


def test_nothing_has_a_document_too(node):
    assert node.typed("nothing --json").document["exit_code"] == 0


def test_a_missing_topology_is_3_and_names_the_file(node):
    ended = node.typed("status -t elsewhere")
    assert ended.code == 3 and ended.out == "", ended
    assert "/etc/xen/elsewhere.yaml" in ended.err and "nothing was changed" in ended.err, ended
    has_error_document(node.typed("status -t elsewhere --json"), 3, "status")


def test_all_errors_of_a_topology_come_at_once(node):
    node.write("/etc/xen/topology.yaml", PAIR + "jobs: 0\nbridgse: []\n")
    ended = node.typed("start-all")
    assert ended.code == 3 and ended.out == "", ended
    assert "/etc/xen/topology.yaml:11:" in ended.err and "/etc/xen/topology.yaml:12:" in ended.err, ended
    assert "did you mean `bridges`?" in ended.err, ended


def test_wrong_usage_is_2_with_a_document_where_it_is_wanted(node):
    for line, command in [("strat medlar", ""), ("start", "start"), ("status --jsn", "status"), ("start medler", "start"),
                          ("status --i-am mirrow", "status"), ("--jobs 0 start-all", "start-all"), ("", "")]:
        ended = node.typed(line)
        assert ended.code == 2 and ended.out == "" and ended.err.startswith("error: "), ended
        has_error_document(node.typed(line + " --json"), 2, command)


def test_a_script_that_cannot_be_printed_is_exit_n_and_nothing_else(node):
    for line in ["make-links --bogus", "make-bridges medlar", "make-links -t elsewhere", "make-bridges --i-am mirrow"]:
        for json_or_not in ["", " --json"]:
            ended = node.typed(line + json_or_not)
            assert ended.code in (2, 3) and ended.out == f"exit {ended.code}\n" and ended.err.startswith("error: "), ended
            assert node.run("sh", "-c", ended.out).code == ended.code


def test_a_script_is_all_of_stdout(node):
    for line in ["make-links", "make-links --json", "make-bridges", "make-bridges --remove"]:
        ended = node.typed(line)
        assert ended.code == 0 and ended.err == "" and ended.out.startswith("#!/bin/sh\n"), ended
        assert node.run("sh", "-n", "-c", ended.out).code == 0
    assert node.typed("make-bridges").out != node.typed("make-bridges --remove").out


def test_the_topology_comes_from_the_option_else_the_environment_else_the_defaults(node):
    for name in ["option", "environment", "defaults"]:
        node.write(f"/etc/xen/{name}.yaml", PAIR)

    def chosen(line, **env):
        return node.typed(f"status --json {line}", env=env).document["topology"]

    assert chosen("") == "topology"
    node.write("/etc/default/xen-drbd", "TOPOLOGY_NAME=defaults\n")
    assert chosen("") == "defaults"
    assert chosen("", XEN_DRBD_TOPOLOGY="environment") == "environment"
    assert chosen("--topology option", XEN_DRBD_TOPOLOGY="environment") == "option"
    assert chosen("-t /etc/xen/option.yaml", XEN_DRBD_TOPOLOGY="environment") == "option"


def test_the_syntax_of_2008_is_the_same_binary_under_a_second_name(node):
    node.write("/etc/xen/lan.yaml", PAIR)
    ended = node.run("xen-drbd-install", "lan", "status", "--json")
    assert ended.code == 5 and ended.document["topology"] == "lan", ended
    assert node.run("xen-drbd-install", "lan", "nothing").code == 0
    for words in [[], ["lan"], ["--json", "lan", "status"]]:
        ended = node.run("xen-drbd-install", *words)
        assert ended.code == 2 and "xen-drbd-install TOPOLOGY COMMAND" in ended.err, ended
    has_error_document(node.run("xen-drbd-install", "lan", "--json"), 2, "")
    assert node.run("xen-drbd-install", "--version").out == node.typed("--version").out


def test_a_start_without_the_peer_is_5_and_says_what_to_do(node):
    for line in ["start quince", "start quince -n", "-q start quince", "start-all"]:
        ended = node.typed(line)
        assert ended.code == 5 and ended.out.startswith("quince "), ended
        assert "error: quince was not started on dom0\n  because: the second node, mirror, cannot be reached" in ended.err
        assert "connecting to root@127.0.0.1:1: Connection refused" in ended.err, ended
        assert "nothing was changed" in ended.err and "--peer-is-dead" in ended.err, ended
    document = node.typed("start quince --json").document
    assert document["exit_code"] == 5 and document["error"]["changed"] is False, document
    assert [domain["result"] for domain in document["domains"]] == ["refused"], document
    dry = node.typed("start quince --json -n").document
    assert dry == document | {"dry_run": True, "plan": []} | {"domains": dry["domains"]}, dry


def test_verbose_says_what_is_looked_at_and_twice_every_command_line(node):
    asked = "dom0: xl list"
    usual, verbose, twice = (node.typed(f"stop medlar {flags}") for flags in ("", "-v", "--verbose -v"))
    quiet = node.typed("stop medlar -q -vv")
    assert usual.out == verbose.out == twice.out, (usual, verbose, twice)
    for said in ["/etc/xen/topology.yaml: this node is dom0, the peer mirror\n",
                 "mirror cannot be reached: Connection refused\n", "the cluster lock is taken on dom0\n"]:
        assert said in verbose.err and said in twice.err and said not in usual.err, (said, verbose)
    assert asked in twice.err and asked not in verbose.err, (verbose, twice)
    assert quiet.err == "", quiet


def test_stop_without_the_peer_needs_only_this_node(node):
    ended = node.typed("stop medlar --json")
    assert ended.code == 0 and [domain["result"] for domain in ended.document["domains"]] == ["already"], ended


def test_status_without_the_peer_shows_what_it_could_see_with_5(node):
    ended = node.typed("status")
    assert ended.code == 5 and "medlar  mirror  -        unknown" in ended.out and "mirror cannot be reached" in ended.err, ended
    document = node.typed("status --json").document
    assert [one["reachable"] for one in document["nodes"]] == [True, False], document
    assert document["nodes"][1]["reason"] == "Connection refused", document
    assert [domain["name"] for domain in node.typed("status medlar --json").document["domains"]] == ["medlar"]


def test_a_claim_that_nobody_can_confirm_is_wrong_usage(node):
    has_error_document(node.typed("start quince --peer-is-dead --json"), 2, "start")


def test_a_peer_whose_kernel_refuses_the_connection_is_not_dead(node):
    ended = node.typed("start quince --peer-is-dead --yes --json")
    assert ended.code == 4, ended
    domain, = ended.document["domains"]
    assert (domain["name"], domain["result"]) == ("quince", "refused"), ended
    assert ended.document["error"]["because"].startswith("mirror is not dead: "), ended


def test_a_lock_that_is_held_is_75_and_names_its_holder(locked_node):
    ended = locked_node.typed("start quince")
    assert ended.code == 75 and ended.out == "", ended
    assert "mirror pid 4711 start \\x1b[2J since 2026-11-22T18:19:02Z" in ended.err and "\x1b" not in ended.err, ended
    error = has_error_document(locked_node.typed("start quince --json --lock-wait 0s"), 75, "start")
    assert "pid 4711" in error["because"], error
    assert locked_node.typed("start quince -n").code == 5
    assert locked_node.typed("status").code == 5


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_while_waiting_for_the_lock_ends_the_run_with_its_code(locked_node, number, code):
    process = locked_node.begin([locked_node.program, "start", "quince", "--json", "--lock-wait", "60s"])
    assert "waiting for the cluster lock" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, (out, err)
    assert json.loads(out)["exit_code"] == code and "interrupted" in err, (out, err)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_watch_at_once(node, number, code):
    process = node.begin([node.program, "status", "--watch", "600", "--json"])
    assert json.loads(process.stdout.readline())["schema"] == 1
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code


def test_a_watch_looks_again_and_prints_a_document_each_time(node):
    process = node.begin([node.program, "status", "--watch", "0.1", "--json"])
    looks = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.kill()
    process.communicate()
    assert looks[0] == looks[1] == looks[2]


def test_a_reader_that_goes_away_ends_a_watch_and_kills_nothing(node):
    ended = node.shell("set -o pipefail; $X status --watch 0.1 2>&1 | head -n 1")
    assert ended.code == 5 and ended.out == "topology: dom0 (this node) and mirror\n" and ended.err == "", ended
    ended = node.shell("set -o pipefail; $X start-all 2>&1 | true")
    assert ended.code == 5 and ended.err == "", ended
    for line in ["--help", "status", "make-links"]:
        ended = node.shell(f"$X {line} 2>/dev/null | true; echo ${{PIPESTATUS[0]}}")
        assert ended.out == ("5\n" if line == "status" else "0\n") and ended.err == "", ended


def test_streams_that_came_closed_are_nobodys_file(node):
    assert node.shell("$X status >&-").code == 5
    assert node.shell("$X status 2>&-").out == node.typed("status").out
    assert node.shell("$X start quince <&- >&- 2>&-").code == 5
    held = node.run("cat", "/run/xen-drbd/lock").out
    assert re.fullmatch(r"dom0 pid \d+ start quince since \S+Z\n?", held), held
    ended = node.shell("$X evacuate --cancel >&- 2>&-; cat /run/xen-drbd/leaving")
    assert "No such file" in ended.err, ended


def test_an_answer_that_cannot_be_written_is_told_and_is_no_success(node):
    for line in ["--help", "make-links", "nothing --json", "evacuate --cancel"]:
        ended = node.shell(f"$X {line} > /dev/full")
        assert ended.code == 6 and "the answer could not be written" in ended.err, ended
        assert "No space left on device" in ended.err, ended
    assert node.shell("$X status --json > /dev/full").code == 5
    assert node.shell("$X start quince 2> /dev/full").code == 5


def test_who_is_not_root_is_told_so(node):
    node.run("mkdir", "-m", "700", "/run/xen-drbd")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", node.program]
    for words in [["status"], ["start", "quince"], ["stop-all"], ["evacuate"], ["evacuate", "--cancel"], ["start", "quince", "-n"]]:
        ended = node.run(*nobody, *words)
        assert ended.code == 6 and ended.out == "", ended
        assert "/run/xen-drbd" in ended.err and "hint:    run xen-drbd as root" in ended.err, ended
        has_error_document(node.run(*nobody, *words, "--json"), 6, words[0])
    assert node.run(*nobody, "make-links").code == 0


def test_the_leaving_mark_goes_with_cancel_and_stays_in_a_dry_run(node):
    node.run("mkdir", "-m", "700", "/run/xen-drbd")
    node.write("/run/xen-drbd/leaving", "")
    assert node.typed("status --json").document["nodes"][0]["leaving"] is True
    assert node.typed("-n evacuate --cancel").out == "dom0 would not be leaving any more\n"
    assert node.exists("/run/xen-drbd/leaving")
    assert node.typed("evacuate --cancel").out == "dom0 is not leaving any more\n"
    assert not node.exists("/run/xen-drbd/leaving")
    assert node.typed("evacuate --cancel").out == "nothing to do: dom0 was not leaving\n"
    node.write("/run/xen-drbd/leaving", "")
    document = node.typed("evacuate --cancel --json").document
    assert (document["command"], document["exit_code"]) == ("evacuate", 0), document
    assert not node.exists("/run/xen-drbd/leaving")
    assert node.typed("evacuate --cancel").code == 0


def test_a_dry_run_leaves_no_trace(node):
    for line in ["start-all", "stop-all", "evacuate", "migrate-and-start-all", "recover"]:
        node.typed(line + " -n")
        assert not node.exists("/run/xen-drbd/id") and not node.exists("/run/xen-drbd/leaving"), line


def test_a_deadline_where_it_bounds_nothing_is_warned_of(node):
    assert "warning: --deadline does not bound start" in node.typed("start quince --deadline 1s").err
    assert "--deadline" not in node.typed("stop-all --deadline 1s").err
    assert "warning" not in node.typed("-q start quince --deadline 1s").err


def on_a_terminal(node, line, **env):
    """What a terminal gets."""
    ours, theirs = pty.openpty()
    process = node.begin([node.program, *line.split()], env={"TERM": "xterm"} | env, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:    # the other side is closed
            break
        if not more:
            break
        text += more
    os.close(ours)
    process.wait()
    return text.decode()


def test_colour_is_for_terminals_and_for_those_who_ask(node):
    assert "\x1b[31munknown" in on_a_terminal(node, "status")
    assert "\x1b" in on_a_terminal(node, "status", NO_COLOR="")
    assert "\x1b" in on_a_terminal(node, "status --color always", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(node, "status", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(node, "status", TERM="dumb")
    assert "\x1b" not in on_a_terminal(node, "status --color never")
    assert "\x1b" not in on_a_terminal(node, "status --json")
    assert "\x1b" not in node.typed("status").out
    assert "\x1b[31munknown" in node.typed("status --color always").out


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_watch_draws_anew_where_the_terminal_can(node, term):
    ours, theirs = pty.openpty()
    process = node.begin([node.program, "status", "--watch", "0.1"], env={"TERM": term, "NO_COLOR": "1"}, stdout=theirs,
                         stderr=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    while text.count(b"topology: ") < 2:
        text += os.read(ours, 4096)
    process.kill()
    process.communicate()
    os.close(ours)
    assert text.count(b"\x1b[H\x1b[Jtopology: ") >= 2 if term == "xterm" else b"\x1b" not in text, text


@pytest.fixture
def silent_peer(node):
    """The peer takes the connection and says nothing: whoever asks it waits for 60 s."""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        ssh = f"ssh: {{port: {peer.getsockname()[1]}, connect_timeout: 60s}}"
        node.write("/etc/xen/topology.yaml", PAIR.replace("ssh: {port: 1}", ssh))
        yield peer


def asking_the_peer(node, peer, line):
    """A run that waits for its peer."""
    process = node.begin([node.program, *line.split()])
    peer.settimeout(30)
    process.connection = peer.accept()    # kept open as long as the process is looked at
    return process


def test_the_second_signal_ends_a_changing_run_at_once(node, silent_peer):
    process = asking_the_peer(node, silent_peer, "start quince")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n"
    assert process.stderr.readline().startswith("interrupted: ")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143 and "ended at once" in err, err


@pytest.mark.parametrize("line", ["start quince -n", "evacuate -n", "status"])
def test_the_first_signal_ends_at_once_what_changes_nothing(node, silent_peer, line):
    process = asking_the_peer(node, silent_peer, line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")
