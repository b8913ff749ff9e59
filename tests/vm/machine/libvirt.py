# SPDX-License-Identifier: Apache-2.0
"""libvirt on a host of two_hosts.py, with the hook of packaging/libvirt and folders of its own."""

import pathlib
import shutil
import socket
import subprocess

from machine.machine import Machine
from support.daemon import BUILD
from support.patience import PATIENCE_S, wait_for

HOOK = pathlib.Path(__file__).resolve().parents[3] / "packaging" / "libvirt" / "qemu"
UUID = "6a1f3c52-94b1-4d0e-8f5a-0c2b7e6d1a90"  # of the port

# Debian's package makes this user where the whole of libvirt is installed.
BEGIN = """
cp /etc/passwd /etc/group {folder}
echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >> {folder}/passwd
echo 'libvirt-qemu:x:64055:' >> {folder}/group
echo 'kvm:x:64056:' >> {folder}/group
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/group /etc/group || exit 1
mount --bind {folder}/run /run && mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /var/log &&
mount -t tmpfs tmpfs /var/cache && mount --bind {folder}/etc /etc/libvirt || exit 1
hostname {title}
exec libvirtd
"""
QEMU_CONF = """
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
"""
LIBVIRTD_CONF = """
listen_tls = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_outputs = "3:stderr"
"""
XVS_CONF = """
[hook]
to = {hosts}
program = {program}
socket = {socket}
"""

DOMAIN = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <metadata>
    <xvs:ports xmlns:xvs='urn:xvs:libvirt:1'>
      <xvs:port switch='lab' name='web' uuid='{uuid}' mac='{mac}'/>
    </xvs:ports>
  </metadata>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <kernel>{shared}/kernel</kernel>
    <initrd>{shared}/initrd</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests</cmdline>
  </os>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <interface type='ethernet'>
      <mac address='{mac}'/><target dev='tap7' managed='no'/><model type='virtio'/>
    </interface>
    <serial type='pty'><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='/run/web.agent'/><target port='1'/></serial>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-qmp'/>
    <qemu:arg value='unix:/run/web.xvs,server=on,wait=off'/>
  </qemu:commandline>
</domain>
"""


class Libvirt:
    def __init__(self, site, hosts):
        """'hosts' are those whose xvsd may be asked to take a port."""
        self.site = site
        self.folder = site.folder / "libvirt"
        self.run = self.folder / "run"
        self.etc = self.folder / "etc"
        for folder in (self.run / "libvirt", self.run / "lock", self.etc / "hooks"):
            folder.mkdir(parents=True)
        self.etc.joinpath("qemu.conf").write_text(QEMU_CONF, encoding="ascii")
        uuid = f"{UUID[:-1]}{'ab'.index(site.name) + 1}"
        self.etc.joinpath("libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=uuid),
                                                      encoding="ascii")
        shutil.copy(HOOK, self.etc / "hooks" / "qemu")
        self.etc.joinpath("xvs.conf").write_text(XVS_CONF.format(
            hosts=", ".join(hosts), program=BUILD / "bin" / "xvs-migrate",
            socket=site.daemon.socket), encoding="ascii")
        self.child = None

    def start(self):
        script = BEGIN.format(folder=self.folder, title=self.site.title)
        with open(self.folder / "libvirtd.log", "ab") as log:
            self.child = self.site.host.start("unshare", "--uts", "bash", "-c", script,
                                              stdout=log, stderr=log)
        wait_for("libvirtd to answer", self._answers)
        return self

    def _answers(self):
        assert self.child.poll() is None, "libvirtd ended early"
        return self.virsh("list").returncode == 0

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.run}/libvirt/libvirt-sock"

    def virsh(self, *words):
        return subprocess.run(["ip", "netns", "exec", self.site.host.name, "virsh", "-c", self.uri,
                               *(str(word) for word in words)],
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    def do(self, *words):
        done = self.virsh(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def running(self):
        return self.do("list", "--name", "--state-running").split()

    def migrate(self, name, other, address):
        return self.virsh("migrate", "--live", name, other.uri, f"tcp://{address}")

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(PATIENCE_S)


class Domain(Machine):
    """A guest of libvirt with a tap, which is the switch's port lab/web."""

    def __init__(self, image, libvirt):
        super().__init__("web", image, libvirt.folder)
        self.libvirt = libvirt

    def create(self, shared, mac):
        emulator = shutil.which("qemu-system-x86_64")
        path = self.libvirt.folder / "web.xml"
        path.write_text(DOMAIN.format(uuid=UUID, mac=mac, shared=shared, emulator=emulator),
                        encoding="ascii")
        self.libvirt.do("create", path)
        return self.connect(self.libvirt).wait_until_up()

    def connect(self, libvirt):
        self.libvirt = libvirt
        if self.agent:
            self.agent.close()
        self.agent = socket.socket(socket.AF_UNIX)
        self.agent.connect(str(libvirt.run / "web.agent"))
        self.unread = b""
        return self
