# SPDX-License-Identifier: Apache-2.0
"""What a guest and its peer talk about while the guest is moved: tests/vm/talk."""

import json
import pathlib
import subprocess

from support.patience import PATIENCE_S, wait_for

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "talk"
DOWN, CLOSED_TCP, CLOSED_UDP = 7001, 7008, 7009

# What the guest's port lets in.  All else is denied but what belongs to connections of the guest.
RULES = [{"direction": "in", "proto": "tcp", "ports": str(DOWN), "action": "allow"},
         {"direction": "in", "proto": "icmp", "action": "allow"}]


def build(folder):
    """Without shared objects: it runs in a guest, too."""
    program = folder / "talk"
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
                    "-static", "-o", str(program), *sources], check=True)
    return program


class Talk:
    """The talk of a guest with a namespace."""

    def __init__(self, guest, address, host, host_address, bulk=False):
        self.guest = guest
        self.words = [host_address, "bulk"] if bulk else [host_address]
        command = [guest.image.talk, "peer", address, *self.words[1:]]
        with host.entered():
            self.child = subprocess.Popen([str(word) for word in command], text=True,
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin_in_guest(self):
        self.guest.run(f"talk guest {' '.join(self.words)} < /dev/null > /tmp/talk 2>&1 &")

    def begin(self):
        self.begin_in_guest()
        wait_for("the talk to begin", self._has_begun)
        self.ask("reset")
        return self

    def _has_begun(self):
        said = self.report()
        flows = [said["lines"]["echoed"], said["asking"]["answered"]]
        if "bulk" in self.words:
            flows += [said["up"]["bytes"], said["down"]["bytes"]]
        return all(flows)

    def ask(self, what):
        self.child.stdin.write(what + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def report(self):
        return self.ask("report")

    def goes_on(self):
        """All of it, after now; what it said since the last reset."""
        first = self.report()

        def all_moved():
            said = self.check()
            return (said["lines"]["echoed"] > first["lines"]["echoed"]
                    and said["asking"]["answered"] > first["asking"]["answered"]
                    and said["closed"]["probes"] > first["closed"]["probes"]
                    and ("bulk" not in self.words
                         or all(said[way]["bytes"] > first[way]["bytes"]
                                for way in ("up", "down"))))
        wait_for(f"the talk to go on after {first}", all_moved)
        return self.check()

    def check(self):
        """No connection has ended, nothing came twice, nothing closed was open at any instant."""
        said = self.report()
        assert not any(said[way]["ended"] for way in ("lines", "up", "down")), said
        assert not said["up"]["bad"] and said["lines"]["said"] - said["lines"]["echoed"] <= 1, said
        assert said["asking"]["again"] == said["asking"]["twice"] == 0, said
        assert said["closed"]["answers"] == 0, said
        return said

    def end(self):
        """Also of one that has not begun."""
        self.child.stdin.close()
        try:
            self.child.wait(PATIENCE_S)
        finally:
            self.child.kill()
            self.child.wait()
            self.child.stdout.close()
