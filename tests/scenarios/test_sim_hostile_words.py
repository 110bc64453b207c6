"""Nothing that anybody wrote into a file or a list is ever read by a shell."""

import pytest
from stories import add_to_topology, assert_runs, document, edit_topology, log_of, tool

CANARIES = ["$(touch /tmp/canary-1)", "`touch /tmp/canary-2`", "; touch /tmp/canary-3;", "' ; touch /tmp/canary-4 ; '",
            '" ; touch /tmp/canary-5 ; "', "\n touch /tmp/canary-6 \n", "| touch /tmp/canary-7 |", "&& touch /tmp/canary-8",
            "> /tmp/canary-9 ", "a b\tc", "-n", "--help", "*", "$HOME", "\\", "\x1b[2J", "\x00".replace("\x00", "%00")]


@pytest.fixture
def canaries(world):
    """A pair on which no canary sings, on either node."""
    yield world
    for node in (1, 2):
        assert world.on(node, "ls -d /tmp/canary* /root/canary* /canary* 2>/dev/null").stdout == ""


def quoted(word):
    """A YAML string in double quotes."""
    body = "".join(f"\\x{ord(c):02x}" if ord(c) < 32 else c for c in word.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{body}"'


def test_hostile_names_in_the_topology_are_errors(canaries):
    world = canaries
    text = world.read(1, "/etc/xen/topology.yaml")
    places = [("  - name: dns\n", "  - name: WORD\n"), ("  dns: dom0", "  WORD: dom0"),
              ("  name: mirror\n", "  name: WORD\n"), ("  address: 10.77.0.2\n", "  address: WORD\n"),
              ("link: dns-disk", "link: WORD"), ("minor: 1}", "minor: 1, resource: WORD}")]
    for word in CANARIES:
        for old, new in places:
            world.write(1, "/etc/xen/hostile.yaml", text.replace(old, new.replace("WORD", quoted(word)), 1))
            code = tool(world, 1, ["-t", "hostile", "make-links"], None)
            assert code.code == 3 and code.stdout == "exit 3\n", (word, new, code)
        for extra in ("bridges: [{name: WORD}]\n", "bridges: [{name: xenbr1, interface: WORD}]\n", "ssh: {user: WORD}\n",
                      "i_am: WORD\n"):
            world.write(1, "/etc/xen/hostile.yaml", text + extra.replace("WORD", quoted(word)))
            assert tool(world, 1, ["-t", "hostile", "make-bridges"], None).code == 3, (word, extra)
    assert "\x1b" not in tool(world, 1, ["-t", "hostile", "status"], 3).stderr


def test_hostile_paths_in_the_topology_are_only_names_of_files(canaries):
    world = canaries
    for word in CANARIES:
        edit = quoted(f"/etc/xen/{word}")
        edit_topology(world, lambda text: text.replace("config: /etc/xen/dns.cfg", f"config: {edit}"))
        told = tool(world, 1, "--json start dns", None)
        assert told.code in (3, 4), told
        edit_topology(world, lambda text: text.replace(f"config: {edit}", "config: /etc/xen/dns.cfg"))


def test_a_configuration_whose_path_needs_quotes_works(canaries):
    world = canaries
    path = "/etc/xen/it's $(touch canary-10) \"dns\"; .cfg"
    for node in (1, 2):
        world.on(node, ["cp", "/etc/xen/dns.cfg", path], check=True)
    edit_topology(world, lambda text: text.replace("config: /etc/xen/dns.cfg", f"config: {quoted(path)}"))
    told = tool(world, 1, "start dns", None)
    if told.code == 3:  # the topology may refuse such a path altogether
        assert "config" in told.stderr
        return
    assert told.code == 0, told
    tool(world, 1, "migrate-out dns")
    assert_runs(world, dns=2)


def test_hostile_words_on_the_command_line_are_only_words(canaries):
    for word in CANARIES:
        for argv in (["start", word], ["start", "--", word], [word], ["-t", word, "status"], ["--i-am", word, "status"],
                     ["--lock-wait", word, "start", "dns"]):
            told = tool(canaries, 1, argv, None)
            assert told.code in (0, 2, 3) and "\x1b[2J" not in told.stdout + told.stderr, told
            assert told.code != 0 or word == "--help", told
    assert log_of(canaries, "created") == []


def test_hostile_names_in_a_configuration_are_refused(canaries):
    world = canaries
    for word in CANARIES:
        name = word.replace("\\", "\\\\").replace('"', "'").replace("\n", "\\n")
        for node in (1, 2):
            world.edit(node, "/etc/xen/dns.cfg", lambda text: f'name = "{name}"\n' + text.partition("\n")[2])
        told = document(world, 1, "start dns", 4)
        assert "\x1b" not in told.stdout + told.stderr and "\n touch" not in told.stderr, told


def test_hostile_names_in_the_list_of_domains_are_never_taken_for_ours(canaries):
    world = canaries
    tool(world, 2, "start samba")
    table = world.on(2, ["xl", "list"], check=True).stdout
    for number, word in enumerate(CANARIES):
        if "\n" in word:
            continue
        world.simulation.clear_faults()
        world.simulation.fault("exit", node=2, command="xl list", count=-1, code=0,
                               stdout=table + f"{word:<40} {number + 70:5d}    36     1     -b----       1.0\n")
        told = tool(world, 1, "status", None)
        assert told.code == 0 and "\x1b[2J" not in told.stdout, told
        assert document(world, 1, "start samba", 4).results == {"samba": "refused"}
        document(world, 1, "-n start dns")
    world.simulation.clear_faults()
    world.simulation.fault("exit", node=2, command="xl list", count=-1, code=0, stdout=table + "\n touch /tmp/canary-6\n")
    assert tool(world, 1, "start dns", None).code in (4, 5)


def test_hostile_names_of_resources_are_never_used(canaries):
    world = canaries
    for word in ("$(touch${IFS}/tmp/canary-11)", "a;touch${IFS}/tmp/canary-12", "-n"):
        for node in (1, 2):
            dumped = world.on(node, ["drbdadm", "dump-xml"], check=True).stdout
            world.simulation.fault("exit", node=node, command="drbdadm dump-xml*", count=-1, code=0,
                                   stdout=dumped.replace('name="dns"', f'name="{word}"'))
            for tool_name in ("drbdsetup status*", "drbdsetup show*"):
                said = world.on(node, "drbdsetup status --verbose --statistics" if "status" in tool_name else "drbdsetup show")
                world.simulation.fault("exit", node=node, command=tool_name, count=-1, code=0,
                                       stdout=said.stdout.replace("dns", word))
        told = document(world, 1, "start dns", None)
        assert told.code in (4, 5, 6), told
        tool(world, 1, "status", None)
        world.simulation.clear_faults()
    assert log_of(world, "promote") == []


def test_what_a_noisy_shell_prints_is_no_answer(make_world):
    world = make_world(noisy_bashrc=True)
    tool(world, 1, "start dns")
    told = tool(world, 1, "migrate-out dns", None)
    assert told.code == 0 or (told.code == 6 and "Welcome to your node!" in told.stderr), told  # xl itself does not bear it
    assert_runs(world, dns=2 if told.code == 0 else 1)


def test_a_link_that_needs_quotes_in_a_script_is_an_error_or_a_name(canaries):
    add_to_topology(canaries, "jobs: 3\n")
    edit_topology(canaries, lambda text: text.replace("link: dns-disk", "link: dns+disk._-1"))
    assert canaries.on(1, "xen-drbd make-links | sh -s && readlink /dev/drbd/dns+disk._-1").stdout == "/dev/drbd1\n"
