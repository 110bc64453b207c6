"""check: what is wrong with a pair, on both nodes in one run, and nothing of it is changed."""

import re

import pytest
from stories import (TOPOLOGY, add_to_topology, edit_topology, nothing_changes, over, quick_to_give_up, tool, without)


def check(world, node=1, code=0):
    """{(id, node, domain): finding} of what is not ok."""
    with nothing_changes(world):
        document = tool(world, node, "--json check", code).json
    assert set(document) == {"schema", "findings"} and document["schema"] == 1
    for one in document["findings"]:
        assert set(one) == {"level", "node", "domain", "id", "text", "hint"}, one
        assert bool(one["hint"]) == (one["level"] != "ok") and one["text"], one
    return {(one["id"], one["node"], one["domain"]): one for one in document["findings"] if one["level"] != "ok"}


def prepared(world):
    """Everything is done on the pair that check asks for."""
    for node in (1, 2):
        assert world.on(node, "xen-drbd make-links | sh -s").ok
        world.on(node, "rm -f /etc/rc2.d; mkdir /etc/rc2.d; cd /etc/rc2.d; touch S01ssh S02drbd S03xen-drbd", check=True)
    return world


@pytest.fixture
def pair(world):
    return prepared(world)


def test_a_clean_pair_has_no_error_and_no_warning(pair):
    tool(pair, 1, "start dns")
    for node in (1, 2):
        assert check(pair, node) == {}
    text = tool(pair, 1, "check").stdout
    assert text.splitlines()[-1].startswith("0 errors, 0 warnings, "), text
    assert tool(pair, 1, "--quiet check").stdout.count("\n") == 1


def test_a_pair_that_nobody_prepared_has_warnings_only(world):
    found = check(world)
    assert {one["level"] for one in found.values()} == {"warning"}
    assert {key[0] for key in found} == {"link", "boot", "drbd-boot"}


def node_2_sees_itself(world):
    world.edit(2, "/etc/hosts", lambda text: text.replace("10.77.0.1 dom0", "127.0.1.1 dom0"))
    edit_topology(world, lambda text: text.replace("address: 10.77.0.1", "address: dom0"))


def clock_ahead(world):
    world.on(2, "rm -f /usr/sbin/date; printf '#!/bin/sh\\nexec /bin/date -d \"+1 hour\" \"$@\"\\n' > /usr/sbin/date; "
                "chmod 755 /usr/sbin/date", check=True)


def another_xen(world, minor):
    told = world.on(2, ["xl", "info"], check=True).stdout
    world.simulation.fault("exit", node=2, command="xl info", count=-1, code=0, stdout=told.replace(
        "4.17", f"4.{minor}").replace("xen_minor              : 17", f"xen_minor              : {minor}"))


def another_name(world):
    edit_topology(world, lambda text: text.replace("dom0", "alpha"))
    edit_topology(world, lambda text: f"i_am: alpha\n{text}", (1,))
    for node in (1, 2):
        world.edit(node, "/etc/hosts", lambda text: text + "10.77.0.1 alpha\n")


def without_watcher(world):
    tool(world, 1, "start dns")
    world.on(1, "for p in /proc/[0-9]*; do case $(readlink $p/fd/1) in /var/log/xen/xl-dns.log) kill -9 ${p#/proc/};; esac; "
                "done 2>/dev/null; true", check=True)


def copy_left_behind(world):
    world.start_by_hand(2, "dns")
    world.simulation.change_domain(2, "dns", "name", "dns--incoming")
    world.simulation.change_domain(2, "dns--incoming", "paused", True)


FAULTS = {
    "a name that does not resolve": (
        lambda w: w.edit(2, "/etc/hosts", lambda text: text.replace("10.77.0.1 dom0\n", "")),
        {("names", "mirror", ""): "warning"}),
    "a name that leads back to its node": (
        node_2_sees_itself, {("names", "mirror", ""): "error", ("ssh", "mirror", ""): "error"}),
    "a key that the other node refuses": (
        lambda w: w.simulation.refuse_key_of(2), {("ssh", "mirror", ""): "error"}),
    "a host key that the other node does not know": (
        lambda w: w.simulation.forget_host_keys(2), {("ssh", "mirror", ""): "error"}),
    "a node that the topology calls otherwise than its host": (
        another_name, {("i-am", "alpha", ""): "warning"}),
    "a topology that others may write": (
        lambda w: w.on(2, ["chmod", "664", TOPOLOGY], check=True), {("topology", "mirror", ""): "error"}),
    "a topology of somebody else": (
        lambda w: w.on(2, ["chown", "1000", TOPOLOGY], check=True), {("topology", "mirror", ""): "error"}),
    "an xl that cannot ask the hypervisor": (
        lambda w: w.simulation.fault("exit", node=2, command="xl info", count=-1, code=1, stderr="xl: no info\n"),
        {("xl", "mirror", ""): "error"}),
    "a Xen that is newer by one": (
        lambda w: another_xen(w, 18), {("xen-version", "", ""): "warning"}),
    "a Xen that is newer by two": (
        lambda w: another_xen(w, 19), {("xen-version", "", ""): "error"}),
    "a node too small for all domains": (
        lambda w: w.simulation.set_memory(2, 700), {("memory", "mirror", ""): "warning"}),
    "a dom0 that shrinks": (
        lambda w: w.on(2, "rm -f /etc/xen/xl.conf; echo 'autoballoon=\"on\"' > /etc/xen/xl.conf", check=True),
        {("dom0-memory", "mirror", ""): "warning"}),
    "another topology": (
        lambda w: edit_topology(w, lambda text: text.replace("dns: dom0", "dns: mirror"), (2,)),
        {("topology", "", ""): "error"}),
    "no xen-drbd on the peer": (
        lambda w: without(w, 2, "xen-drbd"), {("tool-version", "mirror", ""): "warning"}),
    "a configuration that is missing": (
        lambda w: w.on(2, ["rm", "/etc/xen/dns.cfg"], check=True),
        {("config", "dom0", "dns"): "error", ("config", "mirror", "dns"): "error"}),
    "a configuration that differs": (
        lambda w: w.edit(2, "/etc/xen/dns.cfg", lambda text: text + "# edited\n"),
        {("config", "dom0", "dns"): "error", ("config", "mirror", "dns"): "error"}),
    "another domain's configuration": (
        lambda w: [w.edit(n, "/etc/xen/dns.cfg", lambda text: text.replace('name = "dns"', 'name = "www"'))
                   for n in (1, 2)],
        {("config", "dom0", "dns"): "error", ("config", "mirror", "dns"): "error"}),
    "a configuration with another domain's disk": (
        lambda w: [w.edit(n, "/etc/xen/dns.cfg", lambda text: text.replace("/dev/drbd1,", "/dev/drbd4,"))
                   for n in (1, 2)],
        {("config", "dom0", "dns"): "error", ("config", "mirror", "dns"): "error"}),
    "a bridge that is missing": (
        lambda w: w.on(2, ["ip", "link", "delete", "xenbr0"], check=True),
        {("bridge", "mirror", name): "error" for name in ("dns", "samba", "mail")}),
    "a declared bridge that is missing": (
        lambda w: add_to_topology(w, "bridges:\n  - {name: xenbr0}\n  - {name: dmz}\n"),
        {("bridge", "dom0", ""): "error", ("bridge", "mirror", ""): "error"}),
    "a link that is missing": (
        lambda w: w.on(2, ["rm", "/dev/drbd/dns-disk"], check=True), {("link", "mirror", "dns"): "warning"}),
    "a link to another disk": (
        lambda w: w.on(2, ["ln", "-sfn", "/dev/drbd4", "/dev/drbd/dns-disk"], check=True),
        {("link", "mirror", "dns"): "error"}),
    "DRBD that is not connected": (
        lambda w: w.on(1, ["drbdadm", "disconnect", "dns"], check=True), {("drbd", "", "dns"): "error"}),
    "a disk that is not up to date": (
        lambda w: w.simulation.set_disk(2, "dns", "Inconsistent"), {("drbd", "", "dns"): "error"}),
    "a window left open": (
        lambda w: w.open_window("dns"), {("two-primaries", "", "dns"): "error"}),
    "an endless wait at boot": (
        lambda w: w.edit(2, "/etc/drbd.d/global_common.conf", lambda text: text.replace("wfc-timeout 5;", "", 1)),
        {("wfc-timeout", "mirror", name): "warning" for name in ("dns", "samba", "mail")}),
    "a fencing policy": (
        lambda w: w.edit(2, "/etc/drbd.d/global_common.conf",
                         lambda text: text.replace("disk {", "disk { fencing resource-only;")),
        {("fencing", "mirror", name): "warning" for name in ("dns", "samba", "mail")}),
    "a protocol that confirms too early": (
        lambda w: w.edit(2, "/etc/drbd.d/global_common.conf", lambda text: text.replace("protocol C", "protocol A")),
        {("protocol", "mirror", name): "error" for name in ("dns", "samba", "mail")}),
    "a domain that something else starts": (
        lambda w: w.on(2, ["ln", "-s", "/etc/xen/dns.cfg", "/etc/xen/auto/"], check=True),
        {("autostart", "mirror", "dns"): "error"}),
    "a domain that something else starts, from a folder of the administrator's": (
        lambda w: xendomains_settings(w, "#XENDOMAINS_AUTO=/etc/xen/auto\nXENDOMAINS_AUTO=\"/srv/auto\" # since 2008\n")
        or w.on(2, "mkdir /srv/auto; ln -s /etc/xen/dns.cfg /srv/auto/10-dns; ln -s /etc/xen/mail.cfg /etc/xen/auto/",
                check=True),
        {("autostart", "mirror", "dns"): "error"}),
    "xendomains that saves": (
        lambda w: w.on(2, ["touch", "/etc/rc2.d/S04xendomains"], check=True)
        and xendomains_settings(w, "XENDOMAINS_SAVE=/var/lib/xen/save\n"),
        {("xendomains", "mirror", ""): "error"}),
    "DRBD 8.4 that gives a guest's pages to TCP": (
        lambda w: w.on(2, "mount -t tmpfs none /sys/module && mkdir -p /sys/module/drbd/parameters && "
                          "echo N > /sys/module/drbd/parameters/disable_sendpage", check=True),
        {("sendpage", "mirror", ""): "warning"}),
    "a clock that is ahead": (clock_ahead, {("clock", "mirror", ""): "warning"}),
    "a boot script that is not enabled": (
        lambda w: w.on(2, ["rm", "/etc/rc2.d/S03xen-drbd"], check=True), {("boot", "mirror", ""): "warning"}),
    "DRBD that nothing brings up at boot": (
        lambda w: w.on(2, ["mv", "/etc/rc2.d/S02drbd", "/etc/rc2.d/K01drbd"], check=True),
        {("drbd-boot", "mirror", ""): "warning"}),
    "a boot script before DRBD": (
        lambda w: w.on(2, ["mv", "/etc/rc2.d/S03xen-drbd", "/etc/rc2.d/S01xen-drbd"], check=True),
        {("boot", "mirror", ""): "error"}),
    "a domain without disks": (
        lambda w: edit_topology(w, lambda text: text.replace("\ndomain_home:\n", "  - bare\n\ndomain_home:\n  bare: dom0\n"))
        or [w.write(n, "/etc/xen/bare.cfg", w.read(n, "/etc/xen/dns.cfg").replace("dns", "bare").replace(
            '"phy:/dev/drbd1,xvda,w"', "")) for n in (1, 2)],
        {("disks", "", "bare"): "warning"}),
    "a node that leaves": (
        lambda w: tool(w, 2, "evacuate"), {("leaving", "mirror", ""): "warning"}),
    "a domain that is paused": (
        lambda w: w.start_by_hand(1, "dns") or w.on(1, ["xl", "pause", "dns"], check=True),
        {("domain", "", "dns"): "warning"}),
    "a domain without its watcher": (
        without_watcher, {("watcher", "dom0", "dns"): "warning"}),
    "a copy that a migration has left": (
        copy_left_behind, {("domain", "", "dns"): "error"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_finding_and_no_other(pair, fault):
    make, wanted = FAULTS[fault]
    make(pair)
    code = 4 if "error" in wanted.values() else 0
    found = check(pair, 1, code)
    assert {key: one["level"] for key, one in found.items()} == wanted, found
    text = timeless(tool(pair, 1, "check", code).stdout)
    for one in found.values():
        assert timeless(f"{one['id']}: {one['text']}") in text and f"hint: {one['hint']}" in text, text


def test_a_host_key_that_has_changed_is_told_from_an_unknown_one_with_the_way_out(pair):
    pair.simulation.new_host_key(1)
    found = check(pair, 1, 4)
    assert set(found) == {("ssh", "mirror", "")}, found
    (one,) = found.values()
    assert "Host key for 10.77.0.1 has changed" in one["text"], one
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in one["hint"], one
    pair.on(2, re.search(r"ssh-keygen -R \S+ -f [^;]+", one["hint"])[0], check=True)
    found = check(pair, 1, 4)
    assert "No ED25519 host key is known for 10.77.0.1" in found[("ssh", "mirror", "")]["text"], found
    assert "ssh-keygen -R" not in found[("ssh", "mirror", "")]["hint"], found
    shown = pair.on(1, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", check=True).stdout.split()[1]
    pair.on(2, "xen-drbd make-keys | setsid sh -s", env={"PEER_FINGERPRINT": shown}, check=True)
    assert check(pair) == {}


def test_a_peer_whose_topology_takes_it_for_this_node_is_told(pair):
    edit_topology(pair, lambda text: f"i_am: dom0\n{text}", (2,))
    found = check(pair, 1, 4)
    assert set(found) == {("topology", "", "")} and "i_am is dom0 on mirror" in found[("topology", "", "")]["text"], found


def test_an_xl_that_fails_leaves_no_domain_known(pair):
    pair.simulation.fault("exit", node=2, command="xl list", count=-1, code=1, stderr="xl: no list\n")
    found = tool(pair, 1, "--json check", 4).json["findings"]
    assert {(one["id"], one["node"], one["domain"]) for one in found if one["level"] == "error"} == {
        ("xl", "mirror", ""), *(("domain", "", name) for name in ("dns", "samba", "mail"))}, found


def test_drbd_9_that_promotes_by_itself_is_told_and_the_advice_ends_it(make_world):
    world = prepared(make_world(dialect="9"))
    found = check(world)
    assert set(found) == {("auto-promote", node, name) for node in world.names for name in ("dns", "samba", "mail")}
    hint = found[("auto-promote", "dom0", "dns")]["hint"]
    assert "`auto-promote no;` in the section options of the section common" in hint, hint
    for node in (1, 2):
        world.edit(node, "/etc/drbd.d/global_common.conf",
                   lambda text: text.replace("common {", "common {\n  options { auto-promote no; }"))
    assert check(world) == {}


def timeless(text):
    """An offset of clocks is measured anew by each run."""
    return re.sub(r"[0-9.]+ s ", "N s ", text)


SYSTEMCTL = """#!/bin/sh
case "$*" in
"is-enabled xendomains.service") echo {xendomains} ;;
"is-enabled xen-drbd.service") echo enabled ;;
"is-enabled drbd.service") echo {drbd} ;;
"show -p LoadState --value drbd.service") echo {loaded} ;;
"show -p Wants --value xen-drbd.service") echo network-online.target {wanted} ;;
"show -p After --value xen-drbd.service") echo network-online.target drbd.service ssh.service ;;
"is-active xen-drbd.service") echo {state} ;;
*) exit 1 ;;
esac
"""


def systemctl(world, drbd="enabled", loaded="loaded", wanted="", state="active", xendomains="disabled"):
    """Node 2 is run by systemd, which answers so."""
    world.on(2, ["mkdir", "-p", "/run/systemd/system"], check=True)
    over(world, 2, "/usr/bin/systemctl",
         SYSTEMCTL.format(drbd=drbd, loaded=loaded, wanted=wanted, state=state, xendomains=xendomains))


def xendomains_settings(world, text):
    world.on(2, "rm -f /etc/default/xendomains; cat > /etc/default/xendomains", input=text, check=True)


@pytest.mark.parametrize("drbd, loaded, wanted, state, wanted_findings", [
    ("enabled", "loaded", "", "active", set()),
    ("disabled", "loaded", "drbd.service", "active", set()),
    ("disabled", "loaded", "", "active", {"drbd-boot"}),
    ("masked", "masked", "drbd.service", "active", {"drbd-boot"}),
    ("enabled", "loaded", "", "inactive", {"boot"}),
    ("enabled", "loaded", "", "failed", {"boot"})])
def test_a_node_that_systemd_runs_is_asked_what_a_boot_brings_up(pair, drbd, loaded, wanted, state, wanted_findings):
    systemctl(pair, drbd=drbd, loaded=loaded, wanted=wanted, state=state)
    assert {key[:2] for key in check(pair)} == {(one, "mirror") for one in wanted_findings}


@pytest.mark.parametrize("xendomains, saves, wanted_findings", [
    ("enabled", "/var/lib/xen/save", {("xendomains", "mirror", "")}),
    ("disabled", "/var/lib/xen/save", set()),
    ("enabled", "", set())])
def test_xendomains_that_saves_is_found_on_a_node_that_systemd_runs(pair, xendomains, saves, wanted_findings):
    systemctl(pair, xendomains=xendomains)
    xendomains_settings(pair, f'XENDOMAINS_SAVE="{saves}"\n')
    assert set(check(pair, 1, 4 if wanted_findings else 0)) == wanted_findings


def test_a_peer_that_is_down_is_exit_5_and_this_node_is_checked(pair):
    quick_to_give_up(pair)
    pair.on(1, ["rm", "/dev/drbd/dns-disk"], check=True)
    pair.crash(2)
    found = check_alone(pair)
    assert found[("peer", "mirror", "")]["level"] == "error"
    assert found[("link", "dom0", "dns")]["level"] == "warning"
    assert {key[1] for key in found} <= {"dom0", "mirror", ""}


def check_alone(world):
    document = tool(world, 1, "--json check", 5).json
    return {(one["id"], one["node"], one["domain"]): one for one in document["findings"] if one["level"] != "ok"}


def test_check_takes_no_domains_and_a_wrong_topology_is_exit_3(pair):
    tool(pair, 1, "check dns", 2)
    pair.write(1, TOPOLOGY, "domains: [\n")
    tool(pair, 1, "check", 3)
