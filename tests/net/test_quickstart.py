# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart shows what it promises and leaves nothing.  Its topology is drawn there."""

import os
import pathlib
import subprocess

import pytest

from support.daemon import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOWN = ["ping statistics", "hello from outside", "default-deny", "spoofed-mac", "ICMP echo",
         "does not list it under override", "hello from vm1", "! overlay lab/vm1",
         "2 ports are closed", "== Done"]


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


@pytest.mark.skipif(BUILD != ROOT / "build" / "release", reason="it runs what it has built itself")
def test_it_shows_each_step_in_order_and_leaves_nothing():
    before = processes()
    done = subprocess.run([str(ROOT / "tools" / "quickstart")], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    at = 0
    for text in SHOWN:
        at = done.stdout.find(text, at)
        assert at >= 0, f"{text!r} is not shown in its place in\n{done.stdout}"
    assert processes() <= before
