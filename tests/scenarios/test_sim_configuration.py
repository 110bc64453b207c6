"""The configuration is the domain's own, the same on both nodes, and it fits."""

import pytest
from harness import demo
from stories import (assert_runs, document, edit_topology, log_of, nothing_changes, refusal, seen, status,
                     time_of, tool)

CONFIG = "/etc/xen/dns.cfg"


def change_config(world, old, new, nodes=(1, 2)):
    for node in nodes:
        text = world.read(node, CONFIG)
        assert old in text
        world.write(node, CONFIG, text.replace(old, new))


@pytest.mark.parametrize("old, new, texts", [
    ('name = "dns"', 'name = "mail"', ["is the configuration of 'mail', not of dns"]),
    ('name = "dns"', 'name = "dns2"', ["is the configuration of 'dns2', not of dns"]),
    ("phy:/dev/drbd1", "phy:/dev/drbd2", ["uses /dev/drbd2, and the topology declares /dev/drbd1"]),
    ('[ "phy:/dev/drbd1,xvda,w" ]', "[ ]", ["uses no DRBD disk", "/dev/drbd1"]),
    ('[ "phy:/dev/drbd1,xvda,w" ]', '[ "phy:/dev/drbd1,xvda,w", "phy:/dev/drbd4,xvdb,w" ]', ["/dev/drbd4"]),
    ("phy:/dev/drbd1", "drbd:mail", ["uses /dev/drbd4, and the topology declares /dev/drbd1"]),
    ("phy:/dev/drbd1", "drbd:nosuch", ["nosuch"]),
    ("memory = 36", "memory = ", [CONFIG]),
])
def test_a_configuration_that_is_not_the_domains_is_refused(world, old, new, texts):
    change_config(world, old, new)
    refusal(world, 1, "start dns", 4, CONFIG, *texts)


@pytest.mark.parametrize("target", ["phy:/dev/drbd/by-res/dns", "phy:/dev/drbd/dns-disk", "drbd:dns"])
def test_the_disk_may_be_named_in_any_way_that_leads_to_the_declared_minor(world, target):
    for node in (1, 2):
        world.on(node, "xen-drbd make-links | sh", check=True)
    change_config(world, "phy:/dev/drbd1", target)
    tool(world, 1, "start dns")
    assert_runs(world, dns=1)
    tool(world, 1, "migrate-out dns")
    assert_runs(world, dns=2)
    tool(world, 2, "stop dns")
    assert_runs(world)


def test_a_configuration_that_differs_by_one_byte_is_refused(world):
    tool(world, 1, "start mail dns")
    world.edit(2, "/etc/xen/samba.cfg", lambda text: text + "\n")
    world.edit(2, CONFIG, lambda text: text + "#\n")
    refusal(world, 1, "start samba", 4, "differs between the nodes", "/etc/xen/samba.cfg")
    refusal(world, 1, "migrate-out dns", 4, "differs between the nodes", CONFIG)
    told = document(world, 1, "evacuate")
    assert (told.results["dns"], told.results["mail"]) == ("stopped", "migrated")


def test_a_configuration_that_is_missing_on_either_node_is_refused(world):
    for node in (1, 2):
        world.on(node, ["mv", CONFIG, CONFIG + ".away"], check=True)
        refusal(world, 1, "start dns", 4, CONFIG, world.names[node - 1])
        world.on(node, ["mv", CONFIG + ".away", CONFIG], check=True)
    tool(world, 1, "start dns")


def test_the_short_form_of_a_domain_finds_its_configuration(world):
    edit_topology(world, lambda text: text.replace("    config: /etc/xen/dns.cfg\n", ""))
    tool(world, 1, "start dns")
    tool(world, 1, "stop dns")
    for node in (1, 2):
        world.on(node, ["mv", CONFIG, "/etc/xen/dns"], check=True)
    tool(world, 1, "start dns")


# -- memory ------------------------------------------------------------------------------------------------------------

def test_what_does_not_fit_into_memory_is_refused_with_the_figures(make_world):
    world = make_world(memory=700)  # 60 MiB are free
    told = refusal(world, 1, "start samba", 4, "samba needs 64 MiB", "MiB free")
    free = world.on(1, "xl info | sed -n 's/^free_memory *: //p'").stdout.strip()
    told.says(f"dom0 has {free} MiB free")
    told = document(world, 1, "start-all", 4)
    assert told.results == {"dns": "started", "samba": "refused", "mail": "refused"}, told
    assert "mail needs 36 MiB" in told.reasons["mail"] and "when the other steps of this plan are done" in told.reasons["mail"]
    assert_runs(world, dns=1)


def test_a_migration_that_does_not_fit_is_refused_and_evacuate_shuts_down_instead(make_world):
    world = make_world(domains=[demo.domain("big", "dom0", 1, memory=64), demo.domain("small", "dom0", 2, memory=30)],
                       memory=760)
    tool(world, 1, "start big")
    world.simulation.set_memory(2, 690)
    refusal(world, 1, "migrate-out big", 4, "big needs 6", " MiB, and mirror has ")  # 63 or 64
    tool(world, 1, "start small")
    told = document(world, 1, "evacuate")
    assert told.results == {"big": "stopped", "small": "migrated"}
    assert_runs(world, small=2)


def test_opposite_moves_are_ordered_so_that_each_fits(make_world):
    domains = [demo.domain("east", "mirror", 1, memory=60), demo.domain("west", "dom0", 2, memory=40),
               demo.domain("third", "dom0", 3, memory=16)]
    world = make_world(domains=domains, memory=760)
    tool(world, 1, "start east")
    tool(world, 2, "start west third")
    told = document(world, 1, "migrate-and-start-all")
    assert set(told.results.values()) == {"migrated"}, str(told)
    assert_runs(world, east=2, west=1, third=1)
    assert len(log_of(world, "migrate", phase="failed")) == 0


def test_a_failed_restore_for_want_of_memory_leaves_the_guest_where_it_was(make_world):
    world = make_world(memory=760)
    tool(world, 1, "start samba")
    begun = world.simulation.hold("xl migrate *", "migrate-started", node=1)
    with world.running(1, "exec xen-drbd --json migrate-out samba > /tmp/said 2>/tmp/errors") as run:
        world.simulation.wait_held(begun)
        world.simulation._admin(2, "memory", "650")
        world.simulation.release(begun)
        assert run.wait(60) == 6
    world.wait_for(lambda: seen(world, 2)[0] == {}, 10, "the copy to go")
    assert_runs(world, samba=1)
    assert status(world, 1, domain="samba")["state"] == "running"
    assert log_of(world, "promote", node="mirror") == []
    with nothing_changes(world):
        tool(world, 1, "recover samba")
    assert time_of(world, "migrate", phase="begin", domain="samba") > 0


@pytest.mark.parametrize("command", ["stop dns", "evacuate"])
def test_a_stop_leaves_the_disk_of_another_guest_alone_which_a_wrong_minor_names(world, command):
    """The topology has the minors of dns and mail the wrong way round."""
    tool(world, 1, "start dns mail")
    if command == "evacuate":
        world.stop_sshd(2)
    edit_topology(world, lambda text: text.replace("dns-disk, minor: 1", "dns-disk, minor: 4")
                                          .replace("mail-disk, minor: 4", "mail-disk, minor: 1"))
    tool(world, 1, command + " -n").says("the disks of dns stay Primary on dom0")
    told = tool(world, 1, command + " -q").says("the disks of dns stay Primary on dom0")
    assert "drbdadm secondary" not in told.stdout + told.stderr, told
    assert set(world.rows(1)) == ({"mail"} if command == "stop dns" else set())
    assert (world.role(1, "dns"), world.role(1, "mail")) == ("Primary", "Primary")
