# SPDX-License-Identifier: Apache-2.0
"""Front ends of vhost-user that are programs of ours (tests/front)."""

import contextlib
import re
import subprocess
import tempfile
import pathlib

from support.daemon import BUILD

FRONTS = BUILD / "test-fronts"


@contextlib.contextmanager
def socket_folder():
    """A short one: the address of a socket has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="xvs-") as name:
        yield pathlib.Path(name)


def bytes_command(sender, receiver, tx="", rx="", mtu=1500, step=1):
    """Frames of all sizes from one port to the other; exit 0: every byte arrived."""
    return [str(FRONTS / "bytes"), "--tx", tx, "--rx", rx, "--mtu", str(mtu), "--step", str(step),
            str(sender), str(receiver)]


def numbers(text):
    """{"frames": 12, ...} of a last line "frames 12 ..."."""
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", text)}


def send_bytes(sender, receiver, **options):
    done = subprocess.run(bytes_command(sender, receiver, **options), capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"{options}: {done.stderr}"
    return numbers(done.stdout)


def attacks():
    return subprocess.run([str(FRONTS / "hostile"), "list"], capture_output=True, text=True,
                          check=True).stdout.split()


def hostile_command(attack, seconds, seed, socket):
    return [str(FRONTS / "hostile"), attack, str(seconds), str(seed), str(socket)]
