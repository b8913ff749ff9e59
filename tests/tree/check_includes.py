#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_includes.py [ROOT]: the arrows between folders point one way.

A file of core/ includes its own folder, lower floors and api/; siblings on one floor do not
see one another.  Extensions and examples include xvs/ and themselves, nothing of the switch.
"""

import pathlib
import re
import sys

# Ground floor first; a folder may include those of the rows above its own.
FLOORS = [
    ["base"],
    ["packet", "rpc"],
    ["port", "flow", "conn", "nat", "acl"],
    ["ext", "dhcp"],
    ["path", "policy"],
    ["switch", "state", "observe"],
    ["config"],
    ["control"],
    ["main", "exthost"],
]
LEVEL = {folder: level for level, row in enumerate(FLOORS) for folder in row}
SEEN_BY_PROGRAMS = {"base", "rpc"}  # what tools/ and hv/ may use of core/
# An extension of several folders has floors of its own.
EXTENSION_FLOORS = {
    "openflow": [["model"], ["wire", "table"], ["pipeline"], ["channel"], ["agent"]],
}
# The switch without a daemon is a floor of its own: it sees all of core/ but what makes the daemon, and
# the tools that try extensions see it.
LAB, LAB_USERS = "extlab", {"xvs-extrun", "xvs-conform"}
DAEMON = {"control", "main"}
# And these headers: files of modules are read by programs in their own process, without loading them.
FILE_READERS = {"ext/manifest.h", "ext/module.h", "ext/module_file.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def is_reachable(includer, target):
    """May a file of core/INCLUDER include one of core/TARGET?"""
    return target == includer or LEVEL[target] < LEVEL[includer]


def check_core(folder, name):
    first = name.split("/")[0]
    if first in LEVEL and "/" in name:
        if is_reachable(folder, first):
            return None
        return f"core/{folder} stands below or beside core/{first}"
    return "is neither of core/ (\"folder/name.h\") nor of api/ (\"xvs/name.h\")"


def check_program(folder, name):
    first = name.split("/")[0]
    if folder == LAB and first in LEVEL and first not in DAEMON:
        return None
    if first == LAB and folder in {LAB, *LAB_USERS}:
        return None
    if name.split("/")[0] in SEEN_BY_PROGRAMS or name in FILE_READERS:
        return None
    return f"programs see api/ and core/{{{','.join(sorted(SEEN_BY_PROGRAMS))}}} only"


def check_extension(_, name):
    return "extensions see xvs/ only"


def is_of_extension(path, name, root):
    """An include written from the folder of an extension, of a floor below or of its own."""
    parts = path.relative_to(root).parts
    if parts[0] != "plugins" or len(parts) < 4:
        return False
    home = root.joinpath(*parts[:3])
    if not (home / name).is_file() or not (home / name).resolve().is_relative_to(home):
        return False
    floors = {folder: level for level, row in enumerate(EXTENSION_FLOORS.get(parts[2], []))
              for folder in row}
    mine, theirs = parts[3], name.split("/")[0]
    if mine == theirs or len(parts) == 4:
        return True
    return floors.get(theirs, 0) < floors.get(mine, 0)


def check_api(_, name):
    return "api/ depends on nothing"


CHECKS = {"core": check_core, "tools": check_program, "hv": check_program,
          "plugins": check_extension, "examples": check_extension, "api": check_api}


def is_own(path, name, top, root):
    """An include beside the file, which does not leave its folder (api/: not api/)."""
    limit = root / "api" if top == "api" else path.parent
    target = (path.parent / name).resolve()
    return target.is_file() and target.is_relative_to(limit.resolve())


def is_public(name, root):
    return name.split("/")[0] in ("xvs", "control") and (root / "api" / name).is_file()


def check_file(path, root):
    top, *rest = path.relative_to(root).parts
    folder = rest[0]
    text = path.read_text(encoding="utf-8")
    if top == "core" and folder not in LEVEL:
        yield f"{path.relative_to(root)}: core/{folder} has no floor in {pathlib.Path(__file__).name}"
        return
    for match in INCLUDE.finditer(text):
        name = match.group(1)
        if is_own(path, name, top, root) or is_public(name, root) or \
                is_of_extension(path, name, root):
            continue
        why = CHECKS[top](folder, name)
        if why:
            line = text.count("\n", 0, match.start(1)) + 1
            yield f"{path.relative_to(root)}:{line}: includes \"{name}\", but {why}"


def main(root):
    files = [path for top in CHECKS for pattern in ("*.c", "*.h")
             for path in sorted((root / top).rglob(pattern))]
    found = [line for path in files for line in check_file(path, root)]
    for line in found:
        print(line)
    print(f"includes: {len(files)} files, {len(found)} complaints")
    return 1 if found or not files else 0


if __name__ == "__main__":
    ROOT = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(ROOT).resolve()))
