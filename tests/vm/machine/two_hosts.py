# SPDX-License-Identifier: Apache-2.0
"""Two hosts of machines, and a peer on the wire between them.

      [ ha: xvsd, xvs-hv ] mg0 --------veth-------- mg0 [ hb: xvsd, xvs-hv ]     10.9.0.1 and .2
            | up0                                          | up0
            +----------- [ wire: a bridge ] ---------------+
                                | eth0
                             [ peer ]  10.77.0.254

A host is a network namespace, with socket, state and log of each daemon in a folder of its own
(hosts.home / "a", "a/hv", "b", "b/hv"); hosts.home / "shared" is storage that both see.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

from machine.hv import Guest, Hv
from machine.talk import RULES, Talk
from support.certificates import Authority
from support.daemon import REPORTS, Daemon
from support.host import Host, run
from support.vendor import offer

NAMES = ("a", "b")
ADDRESSES = {"a": "10.9.0.1", "b": "10.9.0.2"}
PEER, GUEST = "10.77.0.254", "10.77.0.1"
MAC = "52:54:00:00:00:01"

SWITCH = """
extensions: {{path: [{vendors}]}}
migration:
  listen: "{address}:4790"
  certificate: {certificate}
  key: {key}
  ca: {ca}
  peers: [{{name: {peer}, switches: [lab]}}]
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - {{instance: fw, extension: org.xvs.secgroup, required: true}}
      - {{instance: guard, extension: org.xvs.guard}}
      - {{instance: quota, extension: com.acme.quota}}
    ports: {ports}
"""

HV = """
migration:
  listen: "{address}:4791"
  certificate: {certificate}
  key: {key}
  ca: {ca}
  dscp: 10
  folders: [{shared}]
  peers:
    - {{name: {peer}, address: "{peer_address}:4791", switches: [lab]}}
"""

POLICIES = {
    "org.xvs.secgroup.rules/1": {"rules": RULES},
    "org.xvs.guard/1": {"mac_changes": False, "forged_transmits": False},
    "xvs.rate/1": {"from_kbps": 40000, "to_kbps": 40000, "to_queue_ms": 20},
    "com.acme.quota/1": {"bytes": 1 << 40},
}

MACHINE = """
name: {name}
memory: {memory}
cpu: qemu64
kernel: {shared}/kernel
initrd: {shared}/initrd
cmdline: "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests"
serials: [agent]
shutdown: 1
restart: {restart}
disks: {disks}
adapters:
  - name: eth0
    switch: lab
    link: {link}
    mac: "{mac}"
    requires: {requires}
    policies: {policies}
    failover_policies: {failover_policies}
"""


class Site:
    """One host: 'host' is its namespace, 'daemon' its xvsd, 'hv' its xvs-hv."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.host = Host(f"h{name}")
        self.certificate = self.daemon = self.hv = None

    @property
    def title(self):
        """As in its certificate, and what "--to" takes."""
        return f"host{self.name}"


class TwoHosts:
    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="xvs-"))
        self.home.chmod(0o711)
        self.shared = self.home / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o777)  # QEMU's user makes and locks disks there
        self.authority = Authority(self.home / "pki")
        self.sites = {name: Site(name, self.home / name) for name in NAMES}
        self.wire, self.peer = Host("wire"), Host("peer")
        self._wires()
        for site in self.sites.values():
            self._furnish(site)

    def _wires(self):
        self.wire.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0",
                      "forward_delay", "0")
        self.wire.run("ip", "link", "set", "br0", "up")
        ends = [(site.host, "up0", f"to-{site.name}") for site in self.sites.values()]
        for host, device, port in [*ends, (self.peer, "eth0", "to-peer")]:
            run("ip", "link", "add", port, "netns", "wire", "type", "veth",
                "peer", "name", device, "netns", host.name)
            self.wire.run("ip", "link", "set", port, "up", "master", "br0")
            host.run("ip", "link", "set", device, "up")
        self.peer.run("ip", "addr", "add", f"{PEER}/24", "dev", "eth0")
        run("ip", "link", "add", "mg0", "netns", "ha", "type", "veth",
            "peer", "name", "mg0", "netns", "hb")
        for site in self.sites.values():
            site.host.run("ip", "addr", "add", f"{ADDRESSES[site.name]}/24", "dev", "mg0")
            site.host.run("ip", "link", "set", "mg0", "up")

    def _furnish(self, site):
        wrap = ("ip", "netns", "exec", site.host.name)
        for folder in (site.folder, site.folder / "hv"):
            folder.mkdir()
            folder.chmod(0o711)
        site.certificate = self.authority.host(site.title)
        site.daemon = Daemon(site.folder, self.switch_config(site), wrap=wrap)
        settings = site.folder / "xvs-hv.yaml"
        settings.write_text(self.hv_config(site), encoding="utf-8")
        site.hv = Hv(site.folder / "hv", site.daemon, wrap=wrap,
                     options=("--config", str(settings)))

    def words(self, site, certificate=None):
        """What the settings of a host are made of."""
        certificate, key = certificate or site.certificate
        other = self.other(site.name)
        vendors = self.home / "vendors"
        offer(vendors, "quota")
        return {"address": ADDRESSES[site.name], "certificate": certificate, "key": key,
                "ca": self.authority.certificate, "peer": self.sites[other].title,
                "peer_address": ADDRESSES[other], "shared": self.shared, "vendors": vendors,
                "ports": "[]"}

    def switch_config(self, site, **words):
        return SWITCH.format(**(self.words(site) | words))

    def hv_config(self, site, **words):
        return HV.format(**(self.words(site) | words))

    def start(self, hv=True):
        for site in self.sites.values():
            site.daemon.start()
            if hv:
                site.hv.start()
        return self

    def __getitem__(self, name):
        return self.sites[name]

    @staticmethod
    def address(name):
        return ADDRESSES[name]

    @staticmethod
    def other(name):
        return "b" if name == "a" else "a"

    # ---- machines

    def define(self, image, name="web", on="a", kind="storage", link="vhost-user", **words):
        """A guest of xvs-hv with a disk of 64 MiB, not started; 'kind' is that of its moves."""
        for file, path in (("kernel", image.kernel), ("initrd", image.initramfs)):
            if not (self.shared / file).exists():
                shutil.copy(path, self.shared / file)
                (self.shared / file).chmod(0o644)
        disk = {"name": "root", "size": "64M"}
        if kind == "shared":
            disk["file"] = f"{self.shared}/{name}.qcow2"
        words = {"name": name, "memory": "128M", "shared": self.shared, "disks": [disk],
                 "link": link, "mac": MAC, "policies": POLICIES, "failover_policies": {},
                 "requires": ["org.xvs.secgroup"], "restart": "never"} | words
        hv = self.sites[on].hv
        hv.define(MACHINE.format(**{key: flow(value) for key, value in words.items()}))
        return Guest(name, hv, image)

    def boot(self, image, address=GUEST, **words):
        """The guest runs, has its address, and is reached by nobody but by what RULES say."""
        guest = self.define(image, **words).boot().up(f"{address}/24")
        guest.reaches(PEER)
        return guest

    def found(self, guest, on):
        """The guest is spoken to on that host from now on."""
        guest.hv = self.sites[on].hv
        return guest.connect()

    @contextlib.contextmanager
    def talk(self, guest, address=GUEST, bulk=False):
        made = Talk(guest, address, self.peer, PEER, bulk)
        try:
            yield made.begin()
        finally:
            made.end()

    def running_on(self, name):
        """The hosts on which a QEMU executes this machine, as QEMU's own process says."""
        return [site.name for site in self.sites.values()
                if site.hv.is_running() and site.hv.state_of(name) == "running"]

    # ---- what goes wrong

    def cut(self, name=None):
        """What comes to this host over the link between both is lost; None: all of it."""
        for site in self.sites.values():
            if name in (None, site.name):
                site.host.run("nft", "add table inet cut; add chain inet cut in "
                              "{ type filter hook input priority 0; }; "
                              "add rule inet cut in iifname mg0 drop")

    def mend(self):
        for site in self.sites.values():
            if "cut" in site.host.run("nft", "list", "tables"):
                site.host.run("nft", "delete", "table", "inet", "cut")

    # ---- the end

    def qemus(self):
        """{pid: words} of each QEMU that was started for a machine of these hosts."""
        found = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().decode(errors="replace").split("\0")
                if "qemu" in words[0] and any(str(self.home) in word for word in words):
                    found[int(path.parent.name)] = words
        return found

    def said(self):
        """All logs."""
        parts = []
        for path in sorted(self.home.glob("[ab]/**/*.log")):
            parts.append(f"---- {path}\n{path.read_text(encoding='utf-8', errors='replace')}")
        return "\n".join(parts)

    def remove(self):
        """Ends all that was started; True: nothing was reported by a sanitizer."""
        for site in self.sites.values():
            for child in (site.hv, site.daemon):
                if child.is_running():
                    child.kill()
        for pid in self.qemus():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        said = self.said()
        for host in (self.peer, self.wire, *(site.host for site in self.sites.values())):
            host.remove()
        shutil.rmtree(self.home, ignore_errors=True)
        assert not any(report in said for report in REPORTS), said


def flow(value):
    """As YAML takes it within a line; words stay words."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if not isinstance(value, str) or "," not in value else f'"{value}"'
