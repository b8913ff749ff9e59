# SPDX-License-Identifier: Apache-2.0
"""tests/vm: the switch among virtual machines.  Hosts and daemons are those of tests/net."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))

from machine.image import Image  # noqa: E402
from machine.machine import Machine  # noqa: E402
from machine.two_hosts import TwoHosts  # noqa: E402
from support.fixtures import hosts, require_namespaces, tool, xvsd  # noqa: E402, F401
from support.host import remove_link, run  # noqa: E402


def pytest_configure(config):
    require_namespaces("vm")


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def machines(image, tmp_path):
    """machines(adapter, ...): guests vm1, vm2, ... that are up, with addresses in 10.77.0.0/24."""
    made = []

    def start(*adapters, cpus=1):
        first = len(made) + 1
        new = [Machine(f"vm{number}", image, tmp_path, adapter, cpus)
               for number, adapter in enumerate(adapters, first)]
        made.extend(new)
        for machine in new:
            machine.launch()
        for number, machine in enumerate(new, first):
            machine.wait_until_up().up(f"10.77.0.{number}/24")
        return new

    yield start
    for machine in made:
        machine.kill()
        for path in (machine.log, machine.console):
            if path.exists():
                print(f"---- {path}\n{path.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture
def two_hosts():
    """Two hosts with xvsd and xvs-hv that run, and a peer between them: machine/two_hosts.py."""
    made = TwoHosts()
    try:
        yield made.start()
    finally:
        print(made.said())
        made.remove()


@pytest.fixture
def taps():
    """taps("vm1", ...): devices that QEMU opens and the switch attaches to."""
    made = []

    def make(*names):
        for name in names:
            run("ip", "tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr")
            made.append(name)
            run("ip", "link", "set", name, "up")

    yield make
    for name in made:
        remove_link(name)
