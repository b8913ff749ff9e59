# SPDX-License-Identifier: Apache-2.0
"""examples/two-hosts as its README tells it, with both hosts on this machine."""

import os
import pathlib
import subprocess
import time

import pytest

from support.daemon import BUILD
from support.patience import PATIENCE_S, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "two-hosts"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.place = {"XVS_LAB": str(folder / "lab"), "XVS_BUILD": str(BUILD)}

    def run(self, *words):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              check=False, cwd=self.folder, env=os.environ | self.place,
                              timeout=PATIENCE_S)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def here(self, *words):
        """What is said to the switch is said as the README has it."""
        if "xvsctl" in words[:2]:
            text = " ".join(str(word) for word in words[words.index("xvsctl"):])
            assert text.replace(f"{ROOT}/", "") in README, f"{text}: the README does not say so"
        return self.run(EXAMPLE / "here", *words)

    def counter(self):
        """A connection from the guests' network that counts."""
        command = [EXAMPLE / "here", "desk", "busybox", "nc", "192.168.10.11", "7000"]
        return subprocess.Popen(command, env=os.environ | self.place, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    made.here("make")
    yield made
    print(made.here("log", "hosta"), made.here("log", "hostb"))
    made.here("remove")


@pytest.mark.slow
def test_the_machine_of_the_readme_moves_there_and_back(lab):
    begun = time.monotonic()
    lab.run(EXAMPLE / "certificates", "hosta", "hostb")
    for host in ("hosta", "hostb"):
        files = [EXAMPLE / host / name for name in ("xvs.yaml", "xvs-hv.yaml")]
        lab.here(host, "install", "-d", "/etc/xvs")
        lab.here(host, "install", "-m", "600", f"{host}.key", "/etc/xvs/")
        lab.here(host, "install", "-m", "644", "ca.pem", f"{host}.pem", *files, "/etc/xvs/")
        lab.here(host, EXAMPLE / "guest")
        lab.here(host, "xvsd", "--check", "--config", "/etc/xvs/xvs.yaml",
                 "--extensions", BUILD / "extensions")
        lab.here(host, "xvs-hv", "--check")
    lab.here("start")
    lab.here("hosta", "xvsctl", "vm", "define", EXAMPLE / "web.yaml")
    lab.here("hosta", "xvsctl", "vm", "start", "web")
    wait_for("the guest to be up", lambda: "1 received" in subprocess.run(
        [EXAMPLE / "here", "desk", "ping", "-c", "1", "-W", "1", "192.168.10.11"],
        env=os.environ | lab.place, capture_output=True, text=True, check=False).stdout, 120)
    with lab.counter() as counter:
        for number, (origin, other) in enumerate((("hosta", "hostb"), ("hostb", "hosta"))):
            for option in (["--check"], []) if number == 0 else ([],):
                lab.here(origin, "xvsctl", "vm", "migrate", "web", "--to", other, "--with-storage",
                         *option)
            print(f"move {number + 1} is over {time.monotonic() - begun:.0f} s after the first command")
            assert "running" in lab.here(other, "xvsctl", "vm", "list")
            assert "org.xvs.secgroup" in lab.here(other, "xvsctl", "port", "show", "lab/web-eth0")
            for i in range(5 * number + 1, 5 * number + 6):
                assert counter.stdout.readline() == f"{i}\n"
        counter.kill()
