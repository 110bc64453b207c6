"""Guests are started, moved and stopped, and go on counting all the while."""

from stories import assert_runs, assert_settled, document, status, tool


def test_a_guest_starts_moves_out_comes_back_and_stops(pair):
    assert document(pair, 1, "start dns").results == {"dns": "started"}
    before = pair.goes_on(1, "dns")
    assert_settled(pair, dns=1)

    assert document(pair, 1, "migrate-out dns").results == {"dns": "migrated"}
    there = pair.goes_on(2, "dns", before)
    assert_settled(pair, dns=2)

    assert document(pair, 1, "migrate-in dns").results == {"dns": "migrated"}
    back = pair.goes_on(1, "dns", there)
    assert_settled(pair, dns=1)
    assert pair.boots("dns") == 1    # it was moved, not started again

    assert document(pair, 1, "stop dns").results == {"dns": "stopped"}
    assert_runs(pair)
    pair.assert_counts("dns", back)


def test_a_guest_that_was_started_again_goes_on_where_its_disk_ends(pair):
    tool(pair, 1, "start dns")
    before = pair.goes_on(1, "dns")
    tool(pair, 1, "stop dns")
    tool(pair, 2, "start dns")
    pair.goes_on(2, "dns", before)
    assert pair.boots("dns") == 2
    assert_settled(pair, dns=2)


def test_every_guest_goes_home_and_a_node_is_emptied(running):
    assert document(running, 2, "migrate-and-start-all").results == {"dns": "already", "samba": "started", "mail": "started"}
    assert_settled(running, dns=1, samba=2, mail=2)

    told = document(running, 2, "evacuate")
    assert told.results == {"dns": "already", "samba": "migrated", "mail": "migrated"}
    assert_settled(running, dns=1, samba=1, mail=1)
    assert [node["leaving"] for node in status(running)["nodes"]] == [False, True]

    tool(running, 2, "evacuate --cancel")
    assert document(running, 1, "migrate-and-start-all").results == {"dns": "already", "samba": "migrated",
                                                                    "mail": "migrated"}
    assert_settled(running, dns=1, samba=2, mail=2)

    assert [running.boots(name) for name in ("dns", "samba", "mail")] == [1, 1, 1]
    for node in (1, 2):
        tool(running, node, "stop-all")
    assert_runs(running)


def test_a_day_of_the_pair_with_all_that_moves_starts_and_stops_many(running):
    def does(node, command, **results):
        told = document(running, node, command).results
        assert {name: result for name, result in told.items() if result not in ("already", "skipped")} == results

    does(2, "start-my-domains", samba="started", mail="started")
    does(1, "migrate-all-in", samba="migrated", mail="migrated")
    assert_settled(running, dns=1, samba=1, mail=1)

    does(1, "stop-my-domains", dns="stopped")
    does(2, "migrate-and-start-my-domains", samba="migrated", mail="migrated")
    does(2, "start-all", dns="started")
    assert_settled(running, dns=2, samba=2, mail=2)

    does(1, "migrate-my-domains-home", dns="migrated")
    does(2, "stop samba", samba="stopped")
    assert_settled(running, dns=1, mail=2)
    does(1, "migrate-all-out", dns="migrated")
    does(1, "recover")
    assert_settled(running, dns=2, mail=2)


def test_a_guest_that_reboots_on_the_peer_is_not_started_here(running):
    before = running.last_beat(1, "dns")
    running.breaks(1, "guest reboots", ["xl", "reboot", "dns"])
    while running.boots("dns") < 2:    # in the list, off it, in it again
        assert document(running, 2, "start dns", 4).results == {"dns": "refused"}
    running.goes_on(1, "dns", before)
    assert_settled(running, dns=1)


def test_a_guest_that_ignores_its_shutdown_is_destroyed_only_when_asked(pair):
    for node in (1, 2):
        pair.edit(node, "/etc/xen/samba.cfg", lambda text: text.replace("name=samba", "name=samba noshutdown"))
    tool(pair, 1, "start samba")
    before = pair.goes_on(1, "samba")
    assert document(pair, 1, "stop samba", 6).results == {"samba": "failed"}
    pair.goes_on(1, "samba", before)
    assert_settled(pair, samba=1)
    assert document(pair, 1, "stop samba --destroy").results == {"samba": "stopped"}
    assert_runs(pair)
