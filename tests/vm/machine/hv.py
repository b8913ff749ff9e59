# SPDX-License-Identifier: Apache-2.0
"""xvs-hv under test, and guests that it runs."""

import json
import os
import pathlib
import signal
import socket
import subprocess

from machine.machine import Machine
from support.daemon import BUILD, REPORTS, call
from support.patience import PATIENCE_S, wait_for

GROUPS_OF = "nobody"
USERS = range(2000000000, 2000000100)  # as whom QEMUs run, each as one of them


class Hv:
    """One xvs-hv beside a daemon; 'home' is a folder with a short name that others may enter."""

    def __init__(self, home, daemon, wrap=(), options=()):
        self.home = home
        self.daemon = daemon
        self.wrap = wrap
        self.options = options
        self.socket = home / "hv.sock"
        self.state = home / "state"
        self.log = home / "xvs-hv.log"
        self.child = None

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [*self.wrap, str(BUILD / "bin" / "xvs-hv"), "--socket", str(self.socket),
                 "--state", str(self.state), "--switch", str(self.daemon.socket),
                 "--user", GROUPS_OF, "--users", f"{USERS[0]}-{USERS[-1]}", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("xvs-hv to answer", self._answers)
        return self

    def _answers(self):
        assert self.is_running(), f"xvs-hv ended early:\n{self.said()}"
        return self.ctl("list").returncode == 0

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.child = None

    def stop(self):
        self.child.terminate()
        code = self.child.wait(PATIENCE_S)
        self.child = None
        said = self.said()
        assert code == 0, said
        assert not any(report in said for report in REPORTS), said

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def rpc(self, method, **params):
        return call(self.socket, method, **params)

    # ---- xvsctl vm ...

    def ctl(self, *words):
        return subprocess.run(
            [str(BUILD / "bin" / "xvsctl"), "--hv-socket", str(self.socket), "--json", "vm",
             *(str(word) for word in words)],
            capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S)

    def do(self, *words):
        done = self.ctl(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stderr}\n{self.said()}"
        return json.loads(done.stdout) if done.stdout else None

    def refuses(self, *words, code=1):
        done = self.ctl(*words)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr

    def write(self, definition):
        """A definition as a file; its path."""
        path = self.home / "definition.yaml"
        path.write_text(definition, encoding="utf-8")
        return path

    def define(self, definition):
        return self.do("define", self.write(definition))

    def show(self, name):
        return self.do("show", name)

    def state_of(self, name):
        """None: it is not here, or not any more."""
        done = self.ctl("show", name)
        return json.loads(done.stdout)["state"] if done.returncode == 0 else None

    def wait_for_state(self, name, state):
        wait_for(f"{name} to be {state}", lambda: self.show(name)["state"] == state)

    def end_all(self):
        """Every QEMU that it left behind."""
        for path in self.state.glob("vms/*/state.json"):
            pid = json.loads(path.read_text(encoding="utf-8"))["pid"]
            comm = pathlib.Path(f"/proc/{pid}/comm")
            if pid and comm.exists() and comm.read_text(encoding="ascii").startswith("qemu"):
                os.kill(pid, signal.SIGKILL)


class Guest(Machine):
    """A machine of xvs-hv whose agent is its serial port "agent"."""

    def __init__(self, name, hv, image):
        super().__init__(name, image, hv.home)
        self.hv = hv

    def connect(self):
        """To the agent; what the guest said before is lost."""
        self.agent = socket.socket(socket.AF_UNIX)
        self.agent.connect(str(self.hv.home / "hv" / self.name / "serial-agent"))
        self.unread = b""
        return self

    def boot(self):
        self.hv.do("start", self.name)
        return self.connect().wait_until_up()

    @property
    def pid(self):
        return self.hv.show(self.name).get("pid")

    def uptime(self):
        return float(self.run("cat /proc/uptime").split()[0])
