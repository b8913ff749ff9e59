#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_sizes.py [ROOT]: no source file is longer than a reader's patience."""

import pathlib
import sys

# The first pattern that fits decides.
BUDGETS = [
    ("api/xvs/*.h", 250),
    ("api/xvs/ext/*.h", 400),
    ("api/**/*.[ch]", 800),
    ("core/**/*.[ch]", 800),
    ("plugins/**/*.[ch]", 800),
    ("tools/**/*.[ch]", 800),
    ("hv/**/*.[ch]", 800),
    ("examples/**/*.[ch]", 300),
]


def main(root):
    seen = set()
    found = []
    for pattern, budget in BUDGETS:
        for path in sorted(set(root.glob(pattern)) - seen):
            seen.add(path)
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > budget:
                found.append(f"{path.relative_to(root)}: {lines} lines, at most {budget}; "
                             "split it by meaning")
    for line in found:
        print(line)
    print(f"sizes: {len(seen)} files, {len(found)} complaints")
    return 1 if found or not seen else 0


if __name__ == "__main__":
    ROOT = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(ROOT).resolve()))
