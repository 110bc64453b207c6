#!/usr/bin/env python3
"""What a run of the lab came to, noted while it goes on and added up at its end.   tests/lab/tally.py FILE

Each scenario leaves lines of JSON in the file that XEN_DRBD_LAB_TALLY names: how it ended, what was broken in it on
purpose, and the audit lines that xen-drbd wrote on the nodes, so the figures are those of xen-drbd, not of the scenarios.
"""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

AUDIT = re.compile(r"^\S+( \S+)* by .+ on \S+: exit \d+")
AUDITS = "journalctl -q -o cat -t xen-drbd"
RESULT = re.compile(r", \S+ (started|migrated|stopped|skipped|refused|failed|unknown)")


def note(**fields):
    name = os.environ.get("XEN_DRBD_LAB_TALLY")
    if name:
        with open(name, "a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")


def note_pair(world):
    """At the end of a scenario, while its nodes are still there. A line that both nodes have is one run."""
    if "XEN_DRBD_LAB_TALLY" not in os.environ:
        return
    audits = Counter()
    for node in (1, 2):
        if world.lab.machines[node].alive():
            audits |= Counter(line for line in world.on(node, AUDITS, timeout=10).stdout.splitlines() if AUDIT.match(line))
    scenario = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    note(scenario=scenario, accidents=world.accidents, audits=list(audits.elements()))


def note_report(report):
    note(scenario=report.nodeid, when=report.when, outcome=report.outcome, seconds=report.duration)


def summary(lines):
    """The text of the summary."""
    notes = [json.loads(line) for line in lines]
    reports = [one for one in notes if "outcome" in one]
    scenarios = {one["scenario"] for one in reports}
    bad = {one["scenario"] for one in reports if one["outcome"] == "failed"}
    skipped = {one["scenario"] for one in reports if one["outcome"] == "skipped"}
    accidents, passed = Counter(), Counter()
    for one in notes:
        for what in one.get("accidents", []):
            accidents[what] += 1
            passed[what] += one["scenario"] not in bad
    audits = [line for one in notes for line in one.get("audits", [])]
    codes = Counter(re.search(r": exit (\d+)", line)[1] for line in audits)
    results = Counter(result for line in audits for result in RESULT.findall(line))
    text = [f"scenarios: {len(scenarios)}, of them {len(scenarios - bad - skipped)} passed, {len(bad)} failed, "
            f"{len(skipped)} skipped; {sum(one['seconds'] for one in reports) / 60:.0f} minutes of all pairs",
            f"runs of xen-drbd that change or refuse: {len(audits)}; exit codes: "
            + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items(), key=lambda one: int(one[0]))),
            "domains: " + ", ".join(f"{count} {result}" for result, count in results.most_common()),
            f"failures injected: {sum(accidents.values())}"]
    text += [f"  {what}: {count}, of these {passed[what]} in scenarios that passed" for what, count in accidents.most_common()]
    return "\n".join([*text, *(f"FAILED {name}" for name in sorted(bad))])


if __name__ == "__main__":
    print(summary(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
