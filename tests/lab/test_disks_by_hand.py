"""What is done to disks by hand in dom0: one is held open, as a mount or a backup does, one is given to another guest."""

from stories import assert_settled, refusal, tool


def test_a_disk_that_somebody_has_open_is_not_started_on_and_as_soon_as_he_ends_it_is(running):
    before = running.last_beat(1, "dns")
    tool(running, 1, "stop dns")
    running.breaks(1, "disk open in dom0", "drbdadm primary dns && { exec setsid sleep 1000 < /dev/drbd1 > /dev/null 2>&1 & "
                                           "echo $! > /tmp/reader; }")
    refusal(running, 1, "start dns", 4, "dns was not demoted on dom0", "held open")
    refusal(running, 2, "start dns", 4, "dns was not demoted on dom0", "held open")
    assert "dns" not in running.rows(1) and running.role(1, "dns") == "Primary"
    running.on(1, "kill $(cat /tmp/reader)", check=True)
    tool(running, 1, "start dns")
    running.goes_on(1, "dns", before)
    assert_settled(running, dns=1)


def test_a_guest_with_a_disk_of_another_is_not_moved(running):
    """Attached by hand: its own disk alone would be promoted on the target, and xl would take both along."""
    device = running.on(1, ["drbdadm", "sh-dev", "mail"], check=True).stdout.split()[0]
    running.breaks(1, "a disk of another guest attached", f"drbdadm primary mail && xl block-attach dns phy:{device},xvdz,w")
    refusal(running, 1, "migrate-out dns", 4, f"it uses {device}")
    running.goes_on(1, "dns")
    running.on(1, "xl block-detach dns xvdz && sleep 2 && drbdadm secondary mail", check=True)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)
