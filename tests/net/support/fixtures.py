# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all scenarios.  Each test gets hosts and daemons of its own and leaves nothing."""

import contextlib
import os
import shutil
import subprocess

import pytest

from support.daemon import BUILD, Daemon
from support.host import Host, remove_link, veth


def require_namespaces(folder):
    """Root, and a daemon to test."""
    if os.geteuid() != 0:
        pytest.exit(f"tests/{folder} needs root for namespaces: "
                    f"run sudo tools/test --only {folder}", 1)
    if not (BUILD / "bin" / "xvsd").is_file():
        pytest.exit(f"{BUILD}/bin/xvsd is not built: run tools/test --only {folder}", 1)


@pytest.fixture
def hosts():
    """hosts("vm1", "vm2"): namespaces in which the daemon may put devices."""
    made = []

    def make(*names):
        for name in names:
            made.append(Host(name))
        return made[-len(names):]

    yield make
    for host in reversed(made):
        host.remove()


@pytest.fixture
def outside(hosts):
    """The host behind the uplink: its device out0 is the other end of up0."""
    host, = hosts("outside")
    veth("up0", "out0", host)
    yield host
    remove_link("up0")


@pytest.fixture
def xvsd(tmp_path):
    """xvsd(configuration): a running daemon, which must have kept its accounts and end well."""
    made = []

    def start(config, name="xvsd", **options):
        made.append(Daemon(tmp_path / name, config, **options))
        return made[-1].start()

    yield start
    for daemon in made:
        daemon_log(daemon)
    with contextlib.ExitStack() as stack:
        for daemon in made:
            stack.callback(daemon.stop)


def daemon_log(daemon):
    """Pytest shows it where the test fails."""
    if daemon.log.exists():
        print(f"---- {daemon.log}\n{daemon.said()}")


@pytest.fixture
def daemon_at(tmp_path):
    """daemon_at(configuration): one that is not started yet; for starts that must go wrong."""
    made = []

    def make(config, name="xvsd", **options):
        made.append(Daemon(tmp_path / name, config, **options))
        return made[-1]

    yield make
    for daemon in made:
        daemon_log(daemon)
    for daemon in made:
        if daemon.is_running():
            daemon.stop()


@pytest.fixture
def check(tmp_path):
    """check(configuration): what "xvsd --check" says, as a completed process."""
    def ask(config, extensions=None):
        daemon = Daemon(tmp_path / "check", config)
        command = daemon.command("--check")
        if extensions:
            command[command.index("--extensions") + 1] = str(extensions)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return ask


@pytest.fixture
def tool():
    """tool("iperf3"): its path; the test is skipped where it is not installed."""
    def find(name):
        path = shutil.which(name)
        if not path:
            pytest.skip(f"{name} is not installed")
        return path

    return find
