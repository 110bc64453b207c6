"""Captured conversations with a real pair: read them, and compare what the simulator says with them.

Numbers, ids and times differ from run to run, so both sides are normalised first: digits become N, runs of spaces one
space. What is left is every word, every line, the split of stdout and stderr, and the exit code.
"""

import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass
class Exchange:
    """One command on one node and everything it printed."""

    node: int
    command: str
    stdout: str
    stderr: str
    code: int


BLOCK = re.compile(r"^\[node(\d)\] \$ (.*?)\n--- stdout\n(.*?)--- stderr\n(.*?)--- exit: (\d+)\n", re.DOTALL | re.MULTILINE)


def load(name):
    """The sections of a file below tests/data: {title: [Exchange, ...]}."""
    sections = {}
    for part in (DATA / name).read_text().split("\n== ")[1:]:
        title, _, body = part.partition("\n")
        sections[title] = [Exchange(int(node), command, out, err, int(code))
                           for node, command, out, err, code in BLOCK.findall(body)]
    return sections


def normal(text, either_order=False):
    """A text as it is compared. `either_order`: two processes wrote it, so only the set of lines counts."""
    text = re.sub(r"\n?^(real|user|sys)\t.*$", "", text, flags=re.MULTILINE)  # what `time` adds
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID", text)
    text = re.sub(r"\d+-\d+-\d+T[\d:.+]+", "TIME", text)
    text = re.sub(r"(?<= )[r-][b-]([p-][s-][-rscw][d-])(?= )", r"--\1", text)  # running or blocked: chance
    text = re.sub(r"(?<![a-zA-Z.])\d+(\.\d+)?", "N", text)
    text = re.sub(r" +", " ", text)
    lines = [line.strip(" ") for line in text.splitlines()]
    if either_order:
        lines = sorted(line for line in lines if line)
    return "\n".join(lines).strip("\n")


def compare(world, exchange, either_order=False):
    """Runs the captured command and asserts that the answer is the captured one."""
    result = world.on(exchange.node, ["bash", "-c", exchange.command])
    assert normal(result.stderr, either_order) == normal(exchange.stderr, either_order), exchange.command
    assert normal(result.stdout) == normal(exchange.stdout), exchange.command
    assert result.code == exchange.code, exchange.command
