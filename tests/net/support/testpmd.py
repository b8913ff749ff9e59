# SPDX-License-Identifier: Apache-2.0
"""DPDK's testpmd with virtio-user ports: a guest without a virtual machine.

It answers ARP and pings for any address (its forwarding mode icmpecho).
"""

import itertools
import shutil
import subprocess

from support.patience import PATIENCE_S

PROGRAM = shutil.which("dpdk-testpmd")
_count = itertools.count()


class Testpmd:
    """One process with a virtio-user port for each socket; 'options' are those of the driver."""

    __test__ = False

    def __init__(self, home, sockets, queues=1, **options):
        self.home = home
        self.sockets = sockets
        self.queues = queues
        self.options = options
        self.child = None
        self.log = home / f"testpmd-{next(_count)}.log"

    def command(self):
        words = ",".join(f"{name}={value}" for name, value in self.options.items())
        devices = [f"--vdev=net_virtio_user{number},path={path},queues={self.queues},"
                   f"mac=52:54:00:00:00:{number + 1:02x},{words}"
                   for number, path in enumerate(self.sockets)]
        return [PROGRAM, "--no-huge", "--legacy-mem", "-m", "128", "--no-pci", "--no-telemetry",
                "--no-shconf", "-l", "0,1", *devices, "--", "--forward-mode=icmpecho",
                "--total-num-mbufs=16384", "--auto-start", f"--rxq={self.queues}",
                f"--txq={self.queues}"]

    def start(self):
        with open(self.log, "wb") as log:
            # It runs until its input ends.
            self.child = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=log,
                                          stderr=log)
        return self

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_running(self):
        assert self.child.poll() is None, f"testpmd ended early:\n{self.said()}"
        return True

    def kill(self):
        self.child.kill()
        self.child.wait(PATIENCE_S)

    def stop(self):
        if self.child is None or self.child.poll() is not None:
            return
        self.child.stdin.close()
        try:
            self.child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
