"""The tool itself ends while xl migrates."""

from stories import assert_settled, seen, tool

MIGRATE = "exec xen-drbd migrate-out dns > /root/said 2>&1"
XL = r"pgrep -f '^([^ ]*/)?xl migrate .*dns'"


def migrates(world):
    return world.on(1, XL).ok


def test_a_killed_tool_leaves_the_lock_to_xl_and_a_state_that_recover_mends(running):
    before = running.last_beat(1, "dns")
    process = running.popen(1, MIGRATE)
    running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
    assert migrates(running)
    running.breaks(1, "xen-drbd killed", "pkill -KILL -o -f '^xen-drbd migrate-out dns'")
    process.wait(60)
    # were the lock free, and xl still there after that
    assert not running.on(1, f"flock -n /run/xen-drbd/lock true && {XL}").ok
    running.wait_for(lambda: not migrates(running), 60, "xl to end")
    tool(running, 1, "recover")
    where = 1 if "dns" in seen(running, 1)[0] else 2
    running.goes_on(where, "dns", before)
    assert_settled(running, dns=where)
    tool(running, 1, "start mail")
    assert_settled(running, dns=where, mail=1)


def test_an_interrupted_migration_leaves_the_guest_running_where_it_was(running):
    before = running.last_beat(1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.breaks(1, "xen-drbd interrupted", "pkill -INT -o -f '^xen-drbd migrate-out dns'")
        assert run.wait(600) == 130, running.on(1, "cat /root/said").stdout
    assert not migrates(running)
    running.goes_on(1, "dns", before)
    assert_settled(running, dns=1)
