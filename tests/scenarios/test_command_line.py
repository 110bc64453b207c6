"""What is typed wrong is answered precisely; what is said can be read by people and by programs."""

import json
from pathlib import Path

from stories import TOPOLOGY, add_to_topology, assert_runs, document, edit_topology, nothing_changes, tool

BROKEN = Path(__file__).resolve().parent.parent / "data" / "topologies" / "broken"

# What is typed, and what the answer names.
MISTAKES = [
    ("start", "at least one domain"), ("startt dns", "did you mean start?"), ("--jsno status", "did you mean --json?"),
    ("start dsn", "did you mean dns?"), ("start dns wwww", "no domain 'wwww'"), ("evacuate dns", "takes no domains"),
    ("--jobs 0 start dns", "--jobs"), ("--jobs many start dns", "--jobs"), ("--lock-wait 5 start dns", "--lock-wait"),
    ("--deadline soon evacuate", "--deadline"), ("--color perhaps status", "--color"), ("--watch start dns", "--watch"),
    ("--remove start dns", "--remove"), ("--cancel start dns", "--cancel"), ("--yes=no start dns", "--yes"),
    ("--topology", "--topology"), ("", "no command"), ("Start dns", "Start"), ("--i-am nobody start dns", "nobody"),
]


def test_every_mistake_is_named_and_changes_nothing(world):
    with nothing_changes(world):
        for words, named in MISTAKES:
            code = 2
            text = tool(world, 1, words, code).says(named)
            assert text.stdout == "" and text.stderr.startswith("error: "), text
            told = tool(world, 1, f"{words} --json", None)
            if words != "--topology":
                assert told.code == code and told.json["exit_code"] == code and told.json["schema"] == 1, told
                assert named in json.dumps(told.json["error"]) and told.json["error"]["changed"] is False, told
                assert set(told.json["error"]) == {"what", "because", "while", "changed", "hint"}


def test_options_stand_before_or_after_the_command(world):
    add_to_topology(world, "jobs: 1\n")
    for words in ("--json -n -t topology start dns", "start --json dns -n -t topology", "start dns --dry-run -t topology --json"):
        assert tool(world, 1, words).json["dry_run"] is True
    assert_runs(world)


def test_the_topology_is_found_by_option_environment_and_defaults_in_this_order(world):
    text = world.read(1, TOPOLOGY)
    for name in ("option", "environment", "defaults"):
        world.write(1, f"/etc/xen/{name}.yaml", text)
    assert tool(world, 1, "--json status").json["topology"] == "topology"
    world.write(1, "/etc/default/xen-drbd", "# which\nTOPOLOGY_NAME=defaults\n")
    assert tool(world, 1, "--json status").json["topology"] == "defaults"
    env = {"XEN_DRBD_TOPOLOGY": "environment"}
    assert tool(world, 1, "--json status", env=env).json["topology"] == "environment"
    assert tool(world, 1, "--json status -t option", env=env).json["topology"] == "option"
    assert tool(world, 1, "--json status --topology /etc/xen/option.yaml", env=env).json["topology"] == "option"
    tool(world, 1, "status -t nowhere", 3).says("/etc/xen/nowhere.yaml")
    tool(world, 1, "status -t /tmp/nowhere.yaml", 3).says("/tmp/nowhere.yaml")


def test_a_topology_that_others_may_write_is_refused(world):
    for mode in ("0664", "0646"):
        world.on(1, ["chmod", mode, TOPOLOGY], check=True)
        with nothing_changes(world):
            tool(world, 1, "start dns", 3).says(TOPOLOGY, "nothing was changed")
            document(world, 1, "status", 3)
    world.on(1, ["chmod", "0644", TOPOLOGY], check=True)
    world.on(1, ["chown", "nobody", TOPOLOGY], check=True)
    tool(world, 1, "start dns", 3).says(TOPOLOGY)
    world.on(1, ["chown", "root", TOPOLOGY], check=True)
    tool(world, 1, "start dns")


def test_a_broken_topology_is_answered_with_all_its_errors(world):
    names = sorted(path.stem for path in BROKEN.glob("*.yaml"))
    assert len(names) >= 40
    world.on(1, ["mkdir", "-p", "/etc/xen/broken"], check=True)
    for name in names:
        text = (BROKEN / f"{name}.yaml").read_bytes().decode("latin-1").encode("latin-1").hex()
        world.on(1, ["perl", "-e", f"open F, '>', '/etc/xen/broken/{name}.yaml'; print F pack('H*', '{text}')"], check=True)
        said = tool(world, 1, f"-t /etc/xen/broken/{name}.yaml start-all", 3).stderr
        for line in (BROKEN / f"{name}.txt").read_text().splitlines():
            assert line in said, (name, line, said)
    for name in ("after-cycle", "names-misread", "many-at-once", "nul-byte"):
        document(world, 1, f"-t /etc/xen/broken/{name}.yaml start-all", 3)


def test_a_script_that_cannot_be_printed_makes_sh_fail(world):
    for words in ("make-links -t nowhere", "make-links dns", "make-links --json dns", "make-bridges --remov", "make-links --json -t nowhere"):
        done = world.on(1, f"xen-drbd {words} > /tmp/script; echo $?; cat /tmp/script; sh -s < /tmp/script; echo $?")
        code = "3" if "nowhere" in words else "2"
        assert done.stdout.splitlines() == [code, f"exit {code}", code], (words, done)


def test_quiet_says_less_and_verbose_every_command_line(world):
    quiet = tool(world, 1, "-q start dns")
    assert quiet.stderr == "" and "plan:" not in quiet.stdout and quiet.stdout.startswith("dns  started on dom0")
    usual = tool(world, 1, "stop dns")
    verbose = tool(world, 1, "-v -v start dns")
    assert "xl create" in verbose.stderr and "xl list" in verbose.stderr and "drbdadm primary dns" in verbose.stderr
    assert "xl list" not in usual.stderr


def test_colour_is_for_terminals_unless_it_is_asked_for(world):
    tool(world, 1, "start dns")
    assert "\x1b[" not in tool(world, 1, "status").stdout
    assert "\x1b[3" in tool(world, 1, "status --color always").stdout

    def on_a_terminal(command, **env):
        return world.on(1, ["script", "-qec", command, "/dev/null"], env={"TERM": "xterm", **env}).stdout
    assert "\x1b[3" in on_a_terminal("xen-drbd status")
    assert "\x1b[3" not in on_a_terminal("xen-drbd status", NO_COLOR="1")
    assert "\x1b[3" not in on_a_terminal("xen-drbd status --color never")
    assert "\x1b[3" not in on_a_terminal("xen-drbd status", TERM="dumb")


def test_i_am_overrides_the_host_name(world):
    world.on(1, ["hostname", "elsewhere"], check=True)
    tool(world, 1, "status", 3).says("elsewhere", "dom0", "mirror")
    assert tool(world, 1, "--json status --i-am dom0").json["this_node"] == "dom0"
    edit_topology(world, lambda text: f"i_am: dom0\n{text}", nodes=(1,))
    assert tool(world, 1, "--json status").json["this_node"] == "dom0"


def test_a_run_leaves_a_line_in_the_syslog_of_both_nodes(world):
    tool(world, 1, "start dns", env={"SUDO_USER": "anna"})
    tool(world, 1, "stop dns --destroy")
    def told(node, *words):
        log = world.on(node, "cat /var/log/syslog 2>/dev/null || journalctl -t xen-drbd -o cat").stdout
        return any(all(word in line for word in ("xen-drbd", *words)) for line in log.splitlines())

    for node in (1, 2):
        world.wait_for(lambda: told(node, "start dns by anna on dom0: exit 0", "dns started"), 5, "the line of the start")
        world.wait_for(lambda: told(node, "stop dns by", "dns stopped", "--destroy"), 5, "the line of the stop")
    before = world.on(1, "cat /var/log/syslog").stdout
    tool(world, 1, "-n start dns")
    tool(world, 1, "status")
    assert world.on(1, "cat /var/log/syslog").stdout == before


def test_verbose_twice_shows_every_command_line_on_both_nodes_on_stderr(world):
    told = tool(world, 1, "start dns -vv")
    begun = told.stderr.index("dns: dom0: xl create /etc/xen/dns.cfg: begins")
    assert told.stderr.index("connected to mirror") < told.stderr.index("the cluster lock is taken on dom0 and mirror") < begun
    for line in ("dom0: xl list", "mirror (root@10.77.0.2:22): xl list", "dom0: xl create -q /etc/xen/dns.cfg"):
        assert f"\n{line}" in told.stderr, f"{line} is missing\n{told}"
    assert "xl list" not in told.stdout and "xl list" not in tool(world, 1, "stop dns -v").stderr, told
