#!/usr/bin/python3
"""Guards the arrows between the rooms.

usage: arrows.py SOURCE_FOLDER 'ROOM=SEEN SEEN...' ...

A room may include its own headers and the doors (include/xen_drbd/ROOM/) of the rooms that CMakeLists.txt lets it see.
A library that belongs to one room is included there and nowhere else. Prints each breach; exits 1 when there is one.
"""
import pathlib
import re
import sys

# header of a library -> the rooms that may include it
LIBRARIES = {
    r"spdlog/": {"base"},
    r"yaml-cpp/": {"topology"},
    r"libssh/": {"host"},
    r"CLI/": {"cli"},
    r"pugixml": {"drbd"},
    r"nlohmann/": {"xen", "drbd", "transport", "cli"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def breaches(source, sees):
    for room, seen in sees.items():
        folders = [source / "src" / room, source / "include" / "xen_drbd" / room]
        files = [f for folder in folders for f in folder.glob("*.?pp")]
        if not files:
            yield f"room {room} is in CMakeLists.txt and has no files"
        for file in files:
            for header in INCLUDE.findall(file.read_text()):
                door = re.match(r"xen_drbd/(\w+)/", header)
                if door and door[1] != room and door[1] not in seen:
                    yield f"{file}: room {room} may not see room {door[1]} ({header})"
                if "../" in header:
                    yield f"{file}: {header} reaches out of its room"
                for pattern, owners in LIBRARIES.items():
                    if re.match(pattern, header) and room not in owners:
                        yield f"{file}: {header} belongs to {', '.join(sorted(owners))}"
    for folder in list((source / "src").iterdir()) + list((source / "include" / "xen_drbd").iterdir()):
        if folder.is_dir() and folder.name not in sees:
            yield f"{folder}: a folder that is no room of CMakeLists.txt"


def main():
    source = pathlib.Path(sys.argv[1])
    sees = {}
    for argument in sys.argv[2:]:
        room, _, seen = argument.partition("=")
        sees[room] = set(seen.split())
    found = list(breaches(source, sees))
    print("\n".join(found) if found else f"{len(sees)} rooms see only what they may")
    return 1 if found or len(sees) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
