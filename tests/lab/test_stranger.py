"""Another guest runs under the name of one of ours. On a simulated pair that would be a domain that runs twice."""

from stories import assert_settled, document, nothing_changes, tool
from test_guests import STRANGER


def test_a_stranger_with_the_name_of_a_guest_raises_an_alarm_and_nothing_is_touched(running):
    running.write(2, "/root/stranger.cfg", STRANGER)
    running.breaks(2, "stranger with a guest's name", ["xl", "create", "-q", "/root/stranger.cfg"])
    with nothing_changes(running):
        one = tool(running, 1, "--json status dns", 6).json["domains"][0]
        assert (one["state"], one["running_on"]) == ("double-run", ["dom0", "mirror"])
        tool(running, 2, "status", 6).says("ALARM: dns is on BOTH nodes")
        for command in ("start dns", "migrate-out dns", "migrate-in dns", "recover dns"):
            document(running, 1, command, 6).says("is on BOTH nodes")
    running.on(2, ["xl", "destroy", "dns"], check=True)
    assert_settled(running, dns=1)
