#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_symbols.py FILE...: a module (.so) exports xvs_module_N only, a program exports nothing."""

import re
import subprocess
import sys


def exported(path):
    """Names in the dynamic symbol table that this file itself defines.

    A versioned name (stderr@GLIBC_2.2.5) is the C library's: a copy that the linker placed here.
    """
    output = subprocess.run(["nm", "-D", "--defined-only", path], text=True,
                            capture_output=True, check=True).stdout
    names = [line.split()[-1] for line in output.splitlines()]
    return [name for name in names if "@" not in name]


# The conformance kit stands in front of the C library's memory, to count and to refuse.
MEMORY = {"aligned_alloc", "calloc", "free", "malloc", "memalign", "posix_memalign", "realloc"}


def complaints(path):
    names = exported(path)
    if path.endswith("/xvs-conform"):
        names = [name for name in names if name not in MEMORY]
    if not path.endswith(".so"):
        return [f"{path}: exports {name}, a program exports nothing" for name in names]
    wrong = [name for name in names if not re.fullmatch(r"xvs_module_[0-9]+", name)]
    found = [f"{path}: exports {name}, a module exports xvs_module_N only" for name in wrong]
    if len(wrong) == len(names):
        found.append(f"{path}: exports no xvs_module_N")
    return found


def main(paths):
    found = [line for path in paths for line in complaints(path)]
    for line in found:
        print(line)
    print(f"symbols: {len(paths)} files, {len(found)} complaints")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
