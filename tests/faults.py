#!/usr/bin/env python3
"""docs/faults.md against the tests: every test that is named exists, every row names one, every class and rule has one.

faults.py REPOSITORY
"""

import re
import sys
from pathlib import Path

CLASSES = range(1, 17)
RULES = [f"5.{number}" for number in range(1, 14)]


def cpp_tests(tests):
    """The sentences of all TEST_CASEs, adjacent string literals joined."""
    names = set()
    for path in tests.rglob("*.cpp"):
        for literals in re.findall(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', path.read_text()):
            names.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)))
    return names


def defined(tests, file, name):
    return any(re.search(rf"\b{re.escape(name)}\(", path.read_text()) for path in tests.rglob(file))


def mistakes(repository):
    tests = repository / "tests"
    sentences = cpp_tests(tests)
    heading, classes, rules = "", set(), set()
    for number, line in enumerate((repository / "docs" / "faults.md").read_text().splitlines(), 1):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(line) <= set("|-") or cells[-1] == "shown by":
            continue
        named = re.findall(r'`("[^`]+"|\w+\.\w+::\w+)`', cells[-1])
        if not named:
            yield f"{number}: no test is named"
            continue
        for one in named:
            if one.startswith('"'):
                if one.strip('"') not in sentences:
                    yield f"{number}: there is no TEST_CASE({one})"
            elif not defined(tests, *one.split("::")):
                yield f"{number}: there is no {one}"
        classes.add(heading.split(" ")[0])
        rules.add(cells[0])
    yield from (f"class {one} has no row" for one in CLASSES if str(one) not in classes)
    yield from (f"rule {one} has no row" for one in RULES if one not in rules)


def main():
    found = list(mistakes(Path(sys.argv[1])))
    for one in found:
        print(f"docs/faults.md:{one}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
