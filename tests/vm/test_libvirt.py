# SPDX-License-Identifier: Apache-2.0
"""Machines that libvirt moves, with ports that its hook takes along: "virsh migrate" between the
two hosts of machine/two_hosts.py, on which libvirt runs in place of xvs-hv.

    [web] virtio-net --tap7--af_packet--[ lab ] up0 -- wire
"""

import shutil
import subprocess

import pytest

from machine.libvirt import HOOK, UUID, Domain, Libvirt
from machine.two_hosts import ADDRESSES, GUEST, MAC, PEER, POLICIES, TwoHosts, flow
from support.patience import wait_for

PORTS = f"""
      - name: web
        uuid: {UUID}
        mac: "{MAC}"
        backend: {{kind: af_packet, device: tap7}}
        requires: [org.xvs.secgroup]
        policies: {flow(POLICIES)}
"""


@pytest.fixture
def lab(tool):
    """(two hosts, {name: its libvirt})"""
    for name in ("libvirtd", "virsh"):
        tool(name)
    hosts = TwoHosts()
    made = {}
    try:
        for site in hosts.sites.values():
            site.host.run("ip", "tuntap", "add", "dev", "tap7", "mode", "tap", "vnet_hdr")
            site.host.run("ip", "link", "set", "tap7", "up")
        hosts["a"].daemon.write(hosts.switch_config(hosts["a"], ports=PORTS))
        hosts.start(hv=False)
        for site in hosts.sites.values():
            nobody, other = "127.0.0.1:9", ADDRESSES[hosts.other(site.name)]
            made[site.name] = Libvirt(site, [nobody, other]).start()
        yield hosts, made
    finally:
        for libvirt in made.values():
            libvirt.stop()
        print(hosts.said())
        hosts.remove()


def open_on(hosts):
    return [site.name for site in hosts.sites.values() if site.daemon.is_running()
            for port in site.daemon.rpc("port.list")
            if port["name"] == "web" and port["state"] == "open"]


def boot(hosts, libvirt, image):
    for file, path in (("kernel", image.kernel), ("initrd", image.initramfs)):
        shutil.copy(path, hosts.shared / file)
    guest = Domain(image, libvirt).create(hosts.shared, MAC).up(f"{GUEST}/24")
    guest.reaches(PEER)
    return guest


def migrate(libvirts, origin, other):
    return libvirts[origin].migrate("web", libvirts[other], ADDRESSES[other])


@pytest.mark.slow
def test_a_machine_goes_there_and_back_with_its_port(lab, image):
    hosts, libvirts = lab
    guest = boot(hosts, libvirts["a"], image)
    with hosts.talk(guest) as talk:
        for origin, other in (("a", "b"), ("b", "a")):
            done = migrate(libvirts, origin, other)
            assert done.returncode == 0, done.stderr
            wait_for("the port to be there", lambda: open_on(hosts) == [other])
            talk.goes_on()
            assert libvirts[origin].running() == [] and libvirts[other].running() == ["web"]
            assert set(hosts[other].daemon.port("lab/web")["policies"]) >= set(POLICIES)

        # where its policies cannot be, it does not go
        hosts["b"].daemon.rpc("ext.disable", target="fw")
        assert migrate(libvirts, "a", "b").returncode != 0
        assert libvirts["a"].running() == ["web"] and libvirts["b"].running() == []
        talk.goes_on()

        # nor where nobody can be asked: libvirt hears it before anything has moved
        hosts["b"].daemon.kill()
        done = migrate(libvirts, "a", "b")
        assert done.returncode != 0 and "port web: xvs-migrate" in done.stderr
        assert libvirts["a"].running() == ["web"] and open_on(hosts) == ["a"]
        talk.goes_on()


def test_the_hook_minds_its_own_business():
    """Arguments and descriptions as libvirt gives them, and others."""
    def hook(text, *words):
        return subprocess.run([HOOK, "web", *words, "-"], input=text, capture_output=True,
                              text=True, check=False)

    def domain(ports="", interface=""):
        return (f"<domain><uuid>1</uuid><metadata><p:ports xmlns:p='urn:xvs:libvirt:1'>{ports}"
                f"</p:ports></metadata><devices>{interface}</devices></domain>")

    port = "<p:port switch='lab' name='web' uuid='u' mac='52:54:00:00:00:01'/>"
    for words in (("prepare", "begin"), ("start", "begin"), ("started", "begin"),
                  ("migrate", "begin"), ("stopped", "end"), ("release", "end")):
        done = hook("<domain><name>other</name></domain>", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), words
    for text, why in (("<domain", "libvirt's description"),
                      (domain("<p:port switch='lab'/>"), "without name"),
                      (domain(port), "no interface 52:54:00:00:00:01"),
                      (domain(port, "<interface type='network'><mac address='52:54:00:00:00:01'/>"
                              "</interface>"), "neither vhostuser nor ethernet")):
        done = hook(text, "migrate", "begin")
        assert done.returncode == 1 and why in done.stderr, (text, done)
    # a machine is not kept from running
    done = hook(domain(port), "started", "begin")
    assert done.returncode == 0 and "ports will not go along" in done.stderr
