# SPDX-License-Identifier: Apache-2.0
"""What an idle daemon with eight guests costs.  Numbers are printed; limits are generous.

    [vm] eth0..eth7 --taps-- [ lab: four extensions ]
"""

import pathlib
import time

LOOK_S = 3

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {{instance: tap, extension: org.xvs.capture}}
      - {{instance: guard, extension: org.xvs.guard}}
      - {{instance: fw, extension: org.xvs.secgroup}}
      - {{instance: fwd, extension: org.xvs.static}}
    policies:
      org.xvs.capture/1: {{file: {file}}}
      org.xvs.guard/1: {{dhcp_guard: true}}
      org.xvs.secgroup.rules/1: {{default_in: allow}}
    ports:
"""
PORT = """\
      - name: vm{nr}
        mac: "52:54:00:00:00:0{nr}"
        backend: {{kind: tap, device: eth{nr}, netns: vm}}
"""


def cpu_ns(pid):
    """Processor time of all threads, by the scheduler's own account."""
    return sum(int(path.read_text(encoding="ascii").split()[0])
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def anonymous_kb(pid):
    rows = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    row, = [row for row in rows if row.startswith("RssAnon:")]
    return int(row.split()[1])


def test_an_idle_daemon_with_eight_guests_is_small_and_quiet(hosts, xvsd, tmp_path):
    vm, = hosts("vm")
    config = CONFIG.format(file=tmp_path / "all.pcapng")
    daemon = xvsd(config + "".join(PORT.format(nr=nr) for nr in range(8)))
    for nr in range(8):
        vm.run("ip", "link", "set", f"eth{nr}", "up")
    assert all(daemon.is_open(f"lab/vm{nr}") for nr in range(8))
    time.sleep(1)
    before, began = cpu_ns(daemon.child.pid), time.monotonic()
    time.sleep(LOOK_S)
    load = (cpu_ns(daemon.child.pid) - before) / 1e9 / (time.monotonic() - began)
    memory = anonymous_kb(daemon.child.pid)
    print(f"idle: {load * 100:.3f} % of a core, {memory / 1024:.1f} MB anonymous")
    assert load < 0.2
    assert memory < 40 * 1024
