# SPDX-License-Identifier: Apache-2.0
"""All extensions of the vendor in one chain, two workers, and each of them comes and goes.

    [vm1] 10.77.0.1 = 10.77.9.1 --tap--+-- [ lab: ipfix, arpd, nat, shaper, fabric ]
    [vm2] 10.77.0.2             --tap--+
"""

import contextlib
import itertools
import random
import socket
import time

import pytest

from support.patience import wait_for
from support.vendor import iperf, meanwhile, offer

INSIDE, OUTSIDE, PEER = "10.77.0.1", "10.77.9.1", "10.77.0.2"
INSTANCES = ["ipfix", "arpd", "nat", "shaper", "fabric"]

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: ipfix, extension: com.acme.ipfix}}
      - {{instance: arpd, extension: com.acme.arpd, required: false}}
      - {{instance: nat, extension: com.acme.nat, required: false}}
      - {{instance: shaper, extension: com.acme.shaper, required: false}}
      - {{instance: fabric, extension: com.acme.fabric, required: false}}
    policies:
      com.acme.ipfix/1: {{file: {file}, active_ms: 20}}
      com.acme.arpd/1: {{ip: 10.77.0.9, mac: "52:54:00:00:00:09", reset_port: 23}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1, queues: 2}}
        policies:
          com.acme.nat/1: {{inside: 10.77.0.1, outside: 10.77.9.1, mode: {mode}}}
          com.acme.shaper/1: {{rate_kbps: 100000, burst: 20000}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2, queues: 2}}
        policies:
          com.acme.shaper/1: {{rate_kbps: 100000, burst: 20000}}
"""


@pytest.fixture(params=["flow", "bytes"])
def lab(request, hosts, xvsd, tmp_path):
    """(daemon, vm1, vm2), which reach each other."""
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", *INSTANCES), mode=request.param,
                                file=tmp_path / "records"))
    vm1.up(INSIDE + "/16")
    vm2.up(PEER + "/16")
    vm2.reaches(OUTSIDE)
    return daemon, vm1, vm2


def test_all_do_their_work(lab, tool):
    daemon, vm1, vm2 = lab
    for source, target, address in ((vm1, vm2, PEER), (vm2, vm1, OUTSIDE)):
        end = iperf(tool, source, target, address, "-n", "10M")
        assert end["sum_received"]["bytes"] >= 5 << 20  # but what is in buffers at the end
        assert end["sum_received"]["bits_per_second"] < 105e6
        assert source.ping(address, "-s", "4000")
    with vm2.listen(PEER, 23), vm1.open_socket() as s, pytest.raises(ConnectionRefusedError):
        s.connect((PEER, 23))
    assert not vm1.ping("10.77.0.9", count=1)
    assert "52:54:00:00:00:09" in vm1.run("ip", "neigh", "show", "10.77.0.9")


def test_each_comes_and_goes_under_load(lab):
    daemon, vm1, vm2 = lab
    chosen = random.Random(11)
    running = set(INSTANCES)
    turns = itertools.count()

    def toggle():
        name = chosen.choice(INSTANCES)
        daemon.rpc("ext.disable" if name in running else "ext.enable", target=f"lab/{name}")
        running.symmetric_difference_update({name})
        next(turns)

    # Connections break where translation comes and goes: datagrams do not mind.
    ends = ((vm1, PEER), (vm2, INSIDE), (vm2, OUTSIDE))
    with contextlib.ExitStack() as stack, meanwhile(toggle):
        made = [(stack.enter_context(host.open_socket(socket.SOCK_DGRAM)), address)
                for host, address in ends]
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for s, address in made:
                s.sendto(bytes(1000), (address, 9))
    for name in set(INSTANCES) - running:
        daemon.rpc("ext.enable", target=f"lab/{name}")
    assert next(turns) > 20
    wait_for("nothing to be held", lambda: daemon.rpc("accounts")["held"] == 0)
    assert vm2.reaches(OUTSIDE) and vm1.reaches(PEER)
    daemon.wait_for_balance()


def test_a_reload_takes_them_all_and_brings_them_back(lab):
    daemon, vm1, vm2 = lab
    whole = daemon.config.read_text()
    bare = whole[:whole.index("    chain:")] + "    ports:\n" + "".join(
        f"      - {{name: vm{n}, mac: '52:54:00:00:00:0{n}', backend: "
        f"{{kind: tap, device: eth0, netns: vm{n}, queues: 2}}}}\n" for n in (1, 2))
    with meanwhile(lambda: vm1.ping("10.77.0.9", count=1)):
        for config in (bare, whole) * 3:
            daemon.write(config)
            daemon.do("config", "reload")
    assert vm2.reaches(OUTSIDE)
