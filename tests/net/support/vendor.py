# SPDX-License-Identifier: Apache-2.0
"""Extensions as vendors would write them (tests/modules/vendor_*.c), where a daemon finds them."""

import contextlib
import json
import shutil
import subprocess
import threading

from support.daemon import BUILD
from support.patience import PATIENCE_S, wait_for

MODULES = BUILD / "test-extensions"


def offer(folder, *names):
    """A directory with these modules alone, for the extension path."""
    folder.mkdir(exist_ok=True)
    for name in names:
        found, = MODULES.rglob(f"vendor_{name}.so")  # an elder release lies in a folder of its own
        shutil.copy(found, folder)
    return folder


def counters(daemon, instance):
    """What an instance counted, by the names it declared."""
    row, = [row for row in daemon.rpc("ext.stats") if row["instance"] == instance]
    return row["counters"]


def iperf(tool, source, target, address, *options):
    """A run of iperf3 to its end: what the client reports."""
    path = tool("iperf3")
    server = target.start(path, "-s", "-1", stdout=subprocess.DEVNULL)
    try:
        wait_for("iperf3 to listen", lambda: ":5201" in target.run("ss", "-Hltn"))
        done = json.loads(source.run(path, "-c", address, "-J", *options, timeout=PATIENCE_S))
        server.wait(PATIENCE_S)
    finally:
        server.kill()
        server.wait()
    return done["end"]


@contextlib.contextmanager
def meanwhile(action):
    """The action is repeated in a thread until the block has ended; its error is raised."""
    over = threading.Event()
    errors = []

    def repeat():
        # a breath between: the traffic, too, is to have its turn
        while not over.wait(0.002) and not errors:
            try:
                action()
            except Exception as error:  # raised again where the block ends
                errors.append(error)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]
