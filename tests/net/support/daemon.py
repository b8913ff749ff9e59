# SPDX-License-Identifier: Apache-2.0
"""The daemon under test, and the two ways to speak to it: xvsctl and its JSON-RPC."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import textwrap

from support.patience import PATIENCE_S, wait_for

BUILD = pathlib.Path(os.environ.get(
    "XVS_BUILD", pathlib.Path(__file__).resolve().parents[3] / "build" / "release"))
EXTENSIONS = BUILD / "extensions"
REPORTS = ("AddressSanitizer", "UndefinedBehaviorSanitizer", "LeakSanitizer", "ThreadSanitizer",
           "runtime error:", "Assertion")


class Refused(Exception):
    """An error that the daemon answered."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.message = error["message"]
        self.errors = error.get("data", {}).get("errors", [])


def call(path, method, **params):
    """The result of a method at a control socket; raises Refused."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE_S)
        s.connect(str(path))
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        s.sendall(json.dumps(request).encode() + b"\n")
        with s.makefile("rb") as lines:
            answer = json.loads(lines.readline())
    if "error" in answer:
        raise Refused(answer["error"])
    return answer["result"]


class Daemon:
    """One xvsd with socket, state and configuration of its own under 'home'."""

    def __init__(self, home, config, build=BUILD, wrap=(), options=()):
        self.home = home
        home.mkdir(exist_ok=True)
        self.build = build
        self.config = home / "xvs.yaml"
        self.socket = home / "xvs.sock"
        self.log = home / "xvsd.log"
        self.child = None
        self.wrap = wrap
        self.options = options
        self.write(config)

    # ---- its life

    def write(self, config):
        """The configuration file; the daemon learns of it by reload or at its next start."""
        self.config.write_text(textwrap.dedent(config), encoding="utf-8")

    def command(self, *more):
        return [*self.wrap, str(self.build / "bin" / "xvsd"), "--foreground",
                "--config", str(self.config), "--socket", str(self.socket),
                "--state", str(self.home / "state"),
                "--extensions", str(self.build / "extensions"), *self.options, *more]

    def launch(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log)
        return self

    def start(self):
        self.launch()
        wait_for("xvsd to answer", self._answers)
        return self

    def _answers(self):
        assert self.child.poll() is None, f"xvsd ended early:\n{self.said()}"
        try:
            return self.rpc("version")
        except OSError:
            return None

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def stop(self):
        """In order: it must count right to the end, exit with 0 and have nothing reported."""
        if not self.is_running():
            code = self.child.returncode if self.child else 0
            assert self.child is None, f"xvsd had ended with {code}:\n{self.said()}"
            return
        try:
            self.wait_for_balance()
        finally:
            self.child.terminate()
            code = self._wait()
            self.child = None
        assert code == 0, f"xvsd ended with {code}:\n{self.said()}"
        for report in REPORTS:
            assert report not in self.said(), self.said()

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self._wait()
        self.child = None

    def _wait(self):
        try:
            return self.child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return "no end within patience"

    # ---- speaking to it

    def rpc(self, method, **params):
        """The result of a method; raises Refused."""
        return call(self.socket, method, **params)

    def raw(self, text):
        """The answer to any bytes, a line or nothing."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE_S)
            s.connect(str(self.socket))
            s.sendall(text + b"\n")
            s.shutdown(socket.SHUT_WR)
            with s.makefile("rb") as lines:
                return lines.readline()

    def ctl(self, *words):
        """xvsctl, as an operator would type it: the completed process."""
        return subprocess.run(
            [str(self.build / "bin" / "xvsctl"), "--socket", str(self.socket),
             *(str(word) for word in words)],
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    def ctl_json(self, *words):
        done = self.ctl("--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def do(self, *words):
        """xvsctl must succeed; what it printed."""
        done = self.ctl(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def refuses(self, *words, code=1):
        """xvsctl must exit with 'code'; its message."""
        done = self.ctl(*words)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr

    # ---- what it says

    def drops(self, reason=None, port=None):
        """Packets dropped for this reason at this port so far."""
        return sum(drop["packets"] for drop in self.rpc("drops")
                   if reason in (None, drop["reason"]) and port in (None, drop["port"]))

    def wait_for_drop(self, reason, port=None, count=1):
        wait_for(f"drop {reason} at {port}", lambda: self.drops(reason, port) >= count)

    def port(self, target):
        return self.rpc("port.show", target=target)

    def is_open(self, target):
        return self.port(target)["state"] == "open"

    def stats(self, target):
        return self.rpc("port.stats", target=target)

    def set_policy(self, target, feature, override=True, **fields):
        return self.rpc("policy.set", target=target, feature=feature, fields=fields,
                        override=override)

    def balance(self):
        """What came less what went: 0 by the law of accounts."""
        a = self.rpc("accounts")
        return (a["received"] + a["originated"] + a["copied"] + a["segmented"]
                - a["sent"] - a["drops"] - a["consumed"] - a["held"])

    def wait_for_balance(self):
        """Numbers of several workers are read one after another, so traffic may blur one look."""
        wait_for("received + originated + copied + segmented = sent + drops + consumed + held",
                 lambda: self.balance() == 0)
