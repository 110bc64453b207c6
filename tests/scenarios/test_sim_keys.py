"""make-keys, and what a restricted key of the peer reaches: xen-drbd, and nothing else."""

import re

import pexpect
import pytest
from stories import TOPOLOGY, assert_runs, document, edit_topology, tool, without

KEYS = "/root/.ssh/authorized_keys"
SHELLS = ["dash", "busybox sh"]


def fingerprint(world, node):
    return world.on(node, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", check=True).stdout.split()[1]


def make_keys(world, node, options="", expected=None, shell="sh"):
    """Pipes the script to sh, without a terminal."""
    env = {"PEER_FINGERPRINT": expected} if expected else {}
    return world.on(node, f"xen-drbd make-keys {options} | setsid {shell} -s", env=env)


def shown_to_run_there(done):
    return done.stderr.partition("sh <<'KEY'\n")[2].partition("KEY\n")[0]


@pytest.fixture
def restricted(world):
    """A pair whose keys reach nothing but xen-drbd, in both directions."""
    for node in (1, 2):
        done = make_keys(world, node, "--restrict")
        assert done.ok, done
    return world


def ssh(world, command, *options):
    """What node 1 gets when it tries a command on node 2 by hand."""
    return world.on(1, ["ssh", "-o", "BatchMode=yes", *options, "root@10.77.0.2", *([command] if command else [])])


def test_the_host_key_is_entered_only_when_its_fingerprint_was_compared(world):
    world.simulation.forget_host_keys(1)
    nobody = make_keys(world, 1)
    assert not nobody.ok and "no terminal" in nobody.stderr, nobody
    wrong = make_keys(world, 1, expected="SHA256:" + "x" * 43)
    assert not wrong.ok and fingerprint(world, 2) in wrong.stderr, wrong
    assert world.read(1, "/root/.ssh/known_hosts") == ""
    right = make_keys(world, 1, expected=fingerprint(world, 2))
    assert right.ok and "was entered" in right.stderr, right
    tool(world, 1, "status")
    again = make_keys(world, 1)
    assert again.ok and "known already" in again.stderr and "lets the key in already" in again.stderr, again


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("typed, code", [("yes\n", 0), ("no\n", 1), ("\n", 1), ("y\n", 1), ("\x04", 1)])
def test_the_host_key_is_entered_at_a_terminal_by_the_word_yes_alone(world, shell, typed, code):
    world.simulation.forget_host_keys(1)
    words = [*world.simulation.enter(1), "sh", "-c", f"xen-drbd make-keys | {shell} -s; echo ended with $?"]
    terminal = pexpect.spawn(words[0], words[1:], env=world.simulation.environment(), encoding="utf-8", timeout=30)
    terminal.expect_exact(fingerprint(world, 2))
    terminal.expect_exact("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    terminal.expect_exact("Are they the same? Type yes: ")
    terminal.send(typed)
    terminal.expect(r"ended with (\d+)")
    said = terminal.before
    assert terminal.match[1] == str(code), said
    terminal.close()
    if code == 0:
        assert "was entered" in said and "lets the key in already" in said, said
        tool(world, 1, "status")
    else:
        assert "nothing was entered" in said and world.read(1, "/root/.ssh/known_hosts") == "", said


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_does_what_it_says_in_each_posix_shell(world, shell):
    world.simulation.forget_host_keys(1)
    world.simulation.refuse_key_of(1)
    world.on(1, "rm /root/.ssh/id_ed25519 /root/.ssh/id_ed25519.pub", check=True)
    done = make_keys(world, 1, expected=fingerprint(world, 2), shell=shell)
    assert not done.ok and "was entered" in done.stderr and "was made" in done.stderr, done
    world.on(2, f"{shell} -s", input=shown_to_run_there(done), check=True)
    again = make_keys(world, 1, shell=shell)
    assert again.ok and "known already" in again.stderr and "lets the key in already\n" in again.stderr, again
    restricted = make_keys(world, 1, "--restrict", shell=shell)
    assert restricted.ok and "lets the key in, to xen-drbd alone" in restricted.stderr, restricted
    tool(world, 1, "status")
    world.simulation.new_host_key(2)
    changed = make_keys(world, 1, shell=shell)
    assert not changed.ok and "has changed" in changed.stderr, changed


def test_a_host_key_that_has_changed_is_said_to_have_changed_and_is_left_to_the_administrator(world):
    before, old = world.read(1, "/root/.ssh/known_hosts"), fingerprint(world, 2)
    world.simulation.new_host_key(2)
    for expected in (None, fingerprint(world, 2)):
        done = make_keys(world, 1, expected=expected)
        assert not done.ok and "known already" not in done.stderr and "Run this there" not in done.stderr, done
        assert "the host key of mirror has changed" in done.stderr, done
        assert old in done.stderr and fingerprint(world, 2) in done.stderr, done
        assert world.read(1, "/root/.ssh/known_hosts") == before
    remove = re.search(r"ssh-keygen -R \S+ -f [^;]+", done.stderr)[0]
    world.on(1, remove, check=True)
    again = make_keys(world, 1, expected=fingerprint(world, 2))
    assert again.ok and "was entered" in again.stderr, again
    tool(world, 1, "status")


def test_a_host_key_is_known_by_any_line_of_its_type_and_unknown_by_lines_of_other_types_alone(world):
    other = world.on(1, "ssh-keygen -q -t rsa -b 2048 -N '' -f /root/rsa; ssh-keygen -q -t ed25519 -N '' -f /root/old; "
                        "cat /root/rsa.pub /root/old.pub", check=True).stdout.splitlines()
    of_another_type, of_its_type = [f"10.77.0.2\t{key}\n" for key in other]
    known = world.read(1, "/root/.ssh/known_hosts")
    world.write(1, "/root/.ssh/known_hosts", of_another_type + of_its_type + known, 0o600)
    world.on(1, "ssh-keygen -q -H -f /root/.ssh/known_hosts", check=True)
    done = make_keys(world, 1)
    assert done.ok and "known already" in done.stderr, done
    world.write(1, "/root/.ssh/known_hosts", of_another_type, 0o600)
    done = make_keys(world, 1, expected=fingerprint(world, 2))
    assert done.ok and "was entered" in done.stderr, done
    world.write(1, "/root/.ssh/known_hosts", "@revoked " + known.replace("\n", "\n@revoked ", 1), 0o600)
    done = make_keys(world, 1, expected=fingerprint(world, 2))
    assert not done.ok and "@revoked" in done.stderr, done


def test_a_peer_that_shows_no_host_key_now_is_left_with_the_one_that_is_known(world):
    world.stop_sshd(2)
    done = make_keys(world, 1)
    assert not done.ok and "known already" in done.stderr and "could not be put on mirror" in done.stderr, done


def test_a_key_that_cannot_be_put_on_the_peer_is_shown_with_what_to_run_there(world):
    world.simulation.refuse_key_of(1)
    done = make_keys(world, 1)
    assert not done.ok and "Run this there" in done.stderr, done
    world.on(2, ["sh", "-s"], input=shown_to_run_there(done), check=True)
    tool(world, 1, "status")


def test_a_password_that_sshd_asks_for_and_never_takes_is_asked_for_once_and_that_is_said_before(world):
    world.simulation.refuse_key_of(1)
    world.stop_sshd(2)
    world.edit(2, "/etc/ssh/sshd_config",
               lambda text: text.replace("\nPasswordAuthentication no", "\nPasswordAuthentication yes"))
    world.start_sshd(2)
    world.write(1, "/root/ask", "#!/bin/sh\necho asked >&2\necho secret\n", 0o755)
    done = world.on(1, "xen-drbd make-keys | setsid sh -s",
                    env={"SSH_ASKPASS": "/root/ask", "SSH_ASKPASS_REQUIRE": "force"})
    assert not done.ok and done.stderr.count("asked") == 1, done
    said, _, shown = done.stderr.partition("asked")
    assert "press Enter then" in said and "Run this there, as root" in shown, done


# sshd of OpenSSH 9.8 and later, for a while after failed logins; what ssh says then was seen with those of Debian 12 and 13
HANGS_UP = """#!/bin/sh
left=$(cat /root/hangs-up)
[ "$left" != 0 ] || exec /usr/bin/ssh "$@"
echo $((left - 1)) > /root/hangs-up
cat /root/says >&2
exit 255
"""


@pytest.mark.parametrize("said, times", [
    ("kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.77.0.2 port 22\n", 2),
    ("kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.77.0.2 port 22\n", 2),
    ("Connection closed by 10.77.0.2 port 22\n", 2),
    pytest.param("Connection closed by 10.77.0.2 port 22\n", 99, marks=pytest.mark.slow)])
def test_an_sshd_that_hangs_up_after_failed_logins_is_asked_again_for_a_minute(world, said, times):
    world.write(1, "/root/first/ssh", HANGS_UP, 0o755)
    world.write(1, "/root/says", said)
    world.write(1, "/root/hangs-up", f"{times}\n")
    done = world.on(1, "xen-drbd make-keys | PATH=/root/first:$PATH setsid sh -s", timeout=120)
    assert done.stderr.count("trying again") == 1, done
    if times == 2:
        assert done.ok and "mirror lets the key in already" in done.stderr, done
    else:
        assert done.code == 1 and "wait, then make-keys once more" in done.stderr, done
        assert "Run this there" not in done.stderr, done


def test_a_missing_key_is_made_and_one_that_is_there_is_left(world):
    before = world.read(1, "/root/.ssh/id_ed25519")
    assert make_keys(world, 1).ok and world.read(1, "/root/.ssh/id_ed25519") == before
    world.on(1, "rm /root/.ssh/id_ed25519 /root/.ssh/id_ed25519.pub", check=True)
    assert not make_keys(world, 1).ok  # made, but the peer does not know it
    assert world.read(1, "/root/.ssh/id_ed25519") != before


def test_a_key_of_an_agent_that_gets_in_is_not_taken_for_that_of_the_node(world):
    world.simulation.refuse_key_of(1)
    world.on(1, "ssh-keygen -q -t ed25519 -N '' -f /root/administrator", check=True)
    administrator = world.read(1, "/root/administrator.pub")
    world.edit(2, KEYS, lambda text: text + administrator)
    with_agent = "eval $(ssh-agent) > /dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q /root/administrator; "
    told = world.on(1, with_agent + "xen-drbd check").stdout
    assert re.search(r"ssh from dom0 to mirror at 10.77.0.2: .*Permission denied", told), told
    done = world.on(1, with_agent + "xen-drbd make-keys | setsid sh -s")
    assert done.ok and "the key was put on mirror" in done.stderr, done
    assert world.read(1, "/root/.ssh/id_ed25519.pub").split()[1] in world.read(2, KEYS)
    assert administrator in world.read(2, KEYS)
    tool(world, 1, "status")


def test_a_restricted_key_is_not_taken_for_a_plain_one(restricted):
    before = restricted.read(2, KEYS)
    done = make_keys(restricted, 1)
    assert not done.ok and "to xen-drbd alone, and it cannot change that itself" in done.stderr, done
    assert restricted.read(2, KEYS) == before
    restricted.on(2, ["sh", "-s"], input=shown_to_run_there(done), check=True)
    again = make_keys(restricted, 1)
    assert again.ok and "lets the key in already\n" in again.stderr, again
    assert ssh(restricted, "hostname").stdout == "mirror\n"


def resolves_to_another(world):
    world.edit(2, "/etc/hosts", lambda text: text.replace("10.77.0.1 dom0", "10.77.0.9 dom0"))
    edit_topology(world, lambda text: text.replace("address: 10.77.0.1", "address: dom0"))


@pytest.mark.parametrize("fault, says", [
    (resolves_to_another, "the connection comes from 10.77.0.1, and dom0 resolves there to 10.77.0.9"),
    (lambda w: w.on(2, ["rm", TOPOLOGY], check=True), "xen-drbd there cannot use /etc/xen/topology.yaml yet"),
    (lambda w: w.on(2, ["chmod", "666", TOPOLOGY], check=True), "xen-drbd there cannot use /etc/xen/topology.yaml yet"),
    (lambda w: without(w, 2, "xen-drbd"), "xen-drbd is not installed there")])
def test_a_key_that_gets_in_is_not_restricted_to_what_would_keep_it_out(world, fault, says):
    fault(world)
    before = world.read(2, KEYS)
    done = make_keys(world, 1, "--restrict")
    assert not done.ok and says in done.stderr and "nothing was changed on mirror" in done.stderr, done
    assert "Run this there" not in done.stderr and world.read(2, KEYS) == before
    assert ssh(world, "hostname").stdout == "mirror\n"


def test_a_key_that_reaches_all_by_another_line_is_not_said_to_be_restricted(world):
    world.on(2, ["cp", KEYS, KEYS + "2"], check=True)
    world.stop_sshd(2)
    world.edit(2, "/etc/ssh/sshd_config", lambda text: text + f"\nAuthorizedKeysFile {KEYS}2 {KEYS}\n")
    world.start_sshd(2)
    done = make_keys(world, 1, "--restrict")
    assert not done.ok and "it was tried, and reaches all there instead of xen-drbd" in done.stderr, done


def test_a_script_that_fails_is_one_exit_line(world):
    world.write(1, "/etc/xen/topology.yaml", "domains: [\n")
    assert tool(world, 1, "make-keys", 3).stdout == "exit 3\n"


def test_the_restricted_line_says_from_where_and_what(restricted):
    line = next(one for one in restricted.read(2, KEYS).splitlines() if one.startswith("restrict"))
    assert line.startswith('restrict,from="10.77.0.1",command="/usr/sbin/xen-drbd ssh-gate /etc/xen/topology.yaml" ')
    before = restricted.read(2, KEYS)
    again = make_keys(restricted, 1, "--restrict")
    assert again.ok and "to xen-drbd alone" in again.stderr, again
    assert restricted.read(2, KEYS) == before


@pytest.mark.parametrize("command", [
    "", "id", "sh", "cat /etc/shadow", "exec sh -c id", "true; id", "xl list", "xl migrate-receive",
    "exec /bin/sh -c 'id' xen-drbd a b dns d xl migrate-receive", "xen-drbd status", "scp -t /tmp"])
def test_other_commands_are_refused_in_words(restricted, command):
    done = ssh(restricted, command)
    assert done.code == 1 and done.stdout == "", done
    assert "not permitted to this key" in done.stderr, done


def test_neither_a_forwarding_nor_a_copy_gets_through(restricted):
    assert not ssh(restricted, None, "-W", "127.0.0.1:22").ok
    assert not restricted.on(1, ["scp", "-o", "BatchMode=yes", "/etc/hostname", "root@10.77.0.2:/tmp/copied"]).ok
    assert not restricted.on(2, ["test", "-e", "/tmp/copied"]).ok
    back = ssh(restricted, None, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "2222:127.0.0.1:22")
    assert back.code == 255 and "remote port forwarding failed" in back.stderr, back


def test_neither_a_terminal_nor_an_agent_comes_with_a_restricted_key(world):
    def options_of_the_key():
        with_agent = "eval $(ssh-agent) > /dev/null; trap 'kill $SSH_AGENT_PID' EXIT; "
        done = world.on(1, with_agent + "ssh -v -A -tt -o BatchMode=yes root@10.77.0.2 'ls -d /tmp/ssh-*'")
        assert "Requesting authentication agent forwarding" in done.stderr, done
        return re.search(r"key options: (.*)", done.stderr)[1].split(), done

    forwarding = {"agent-forwarding", "port-forwarding", "pty", "x11-forwarding", "user-rc"}
    plain, done = options_of_the_key()
    assert forwarding <= set(plain) and done.ok, done
    assert make_keys(world, 1, "--restrict").ok
    left, done = options_of_the_key()
    assert "command" in left and not forwarding & set(left), done
    assert "PTY allocation request failed" in done.stderr and not done.ok, done


def test_a_restricted_key_opens_nothing_from_another_address(restricted):
    device = restricted.on(1, "ip -o address show to 10.77.0.1", check=True).stdout.split()[1]
    restricted.on(1, ["ip", "address", "add", "10.77.0.9/24", "dev", device], check=True)
    assert ssh(restricted, "true", "-b", "10.77.0.1").ok
    refused = ssh(restricted, "true", "-b", "10.77.0.9")
    assert refused.code == 255 and "Permission denied" in refused.stderr, refused


def test_a_worker_of_another_version_is_refused_as_such(restricted):
    done = ssh(restricted, "exec sh -c '# the worker of xen-drbd'")
    assert done.code == 1 and "another version" in done.stderr, done


def test_a_restricted_key_of_another_topology_is_refused_as_such_with_the_way_out(restricted):
    for node in (1, 2):
        restricted.write(node, "/etc/xen/lan.yaml", restricted.read(node, TOPOLOGY))
    tool(restricted, 1, "-t lan status", 5).says("it is let in for another topology than /etc/xen/lan.yaml",
                                                 "xen-drbd -t lan make-keys --restrict | sh, and on mirror")


def test_every_command_works_with_restricted_keys(restricted):
    world = restricted
    tool(world, 1, "--json check", None)
    tool(world, 1, "start dns")
    tool(world, 2, "start samba")
    assert_runs(world, dns=1, samba=2)
    tool(world, 1, "migrate-out dns")
    assert_runs(world, dns=2, samba=2)
    tool(world, 1, "migrate-in samba")
    assert_runs(world, dns=2, samba=1)
    tool(world, 1, "evacuate")
    assert_runs(world, dns=2, samba=2)
    assert document(world, 2, "recover", 0)
    tool(world, 1, "migrate-and-start-all")
    assert_runs(world, dns=1, samba=2, mail=2)
    tool(world, 2, "stop-all")
    assert_runs(world, dns=1)


def test_check_finds_nothing_wrong_with_restricted_keys(restricted):
    found = tool(restricted, 1, "--json check").json["findings"]
    assert all(one["level"] == "ok" for one in found if one["id"] in ("ssh", "peer")), found


def test_a_topology_of_another_user_stops_the_gate(restricted):
    restricted.on(2, ["chmod", "666", "/etc/xen/topology.yaml"], check=True)
    told = tool(restricted, 1, "status", 5)
    assert "ssh-gate" in told.stderr, told
