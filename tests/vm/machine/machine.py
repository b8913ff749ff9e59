# SPDX-License-Identifier: Apache-2.0
"""One QEMU: started, spoken to through the agent in its guest, ended for certain."""

import functools
import os
import socket
import subprocess
import time


from machine.image import DIGEST_PORT, END_MARK, MAKE_PARTS, digest_of_parts
from support.patience import PATIENCE_S, wait_for

BOOT_PATIENCE_S = 120
TRANSFER_PATIENCE_S = 300
KVM_PATIENCE_S = 5
MEMORY = "256M"


class Machine:
    """A guest with one adapter.  Its console and QEMU's messages are in 'home'."""

    def __init__(self, name, image, home, adapter=None, cpus=1):
        self.name = name
        self.image = image
        self.adapter = adapter
        self.cpus = cpus
        self.console = home / f"{name}.console"
        self.log = home / f"{name}.log"
        self.child = None
        self.agent = None
        self.unread = b""

    def command(self, accel, agent):
        words = ["qemu-system-x86_64", "-name", self.name, "-nodefaults", "-no-user-config",
                 "-display", "none", "-machine", "q35,memory-backend=ram",
                 "-object", f"memory-backend-memfd,id=ram,size={MEMORY},share=on",
                 "-m", MEMORY, "-smp", str(self.cpus),
                 "-kernel", str(self.image.kernel), "-initrd", str(self.image.initramfs),
                 "-append", "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests",
                 "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
                 "-chardev", f"socket,id=agent,fd={agent}", "-serial", "chardev:agent"]
        if accel == "kvm":
            words += ["-accel", "kvm", "-cpu", "host"]
        else:
            words += ["-accel", "tcg,tb-size=64", "-cpu", "max"]
        if self.adapter:
            # QEMU 7.2 crashes where MSI-X of a vhost device meets TCG: no vectors, one interrupt.
            hardware = {} if accel == "kvm" else {"vectors": 0}
            words += self.adapter.backend() + self.adapter.device(hardware)
        return words

    def launch(self, accel=None):
        """Started, not yet up."""
        ours, theirs = socket.socketpair()
        self.agent = ours
        self.unread = b""
        with theirs, open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command(accel or choose_accel(self.image, self.log.parent), theirs.fileno()),
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def wait_until_up(self, patience_s=BOOT_PATIENCE_S):
        """The agent speaks; also after the guest has begun again."""
        self._read_to(b"READY\n", patience_s)
        return self

    def kill(self):
        """As a crash of QEMU; also of one that is not there."""
        if self.child:
            self.child.kill()
            self.child.wait()
            self.agent.close()
        self.child = None

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    # ---- its agent

    def _read_to(self, mark, patience_s):
        """All bytes up to the mark, which is taken too."""
        end = time.monotonic() + patience_s
        while mark not in self.unread:
            self.agent.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self.agent.recv(1 << 16)
            except TimeoutError:
                more = None
            assert more, f"{self.name}: {'QEMU ended' if more == b'' else 'no answer'}"
            self.unread += more
        text, _, self.unread = self.unread.partition(mark)
        return text

    def begin(self, command):
        """A shell line in the guest; the answer is left to end()."""
        self.agent.settimeout(PATIENCE_S)
        self.agent.sendall(command.encode() + b"\n")

    def end(self, patience_s=PATIENCE_S):
        """(exit code, output) of what was begun."""
        text = self._read_to(END_MARK, patience_s)
        code = self._read_to(b"\n", patience_s)
        return int(code), text.decode(errors="replace")

    def ask(self, command, patience_s=PATIENCE_S):
        """(exit code, output) of a shell line in the guest."""
        self.begin(command)
        return self.end(patience_s)

    def run(self, command, patience_s=PATIENCE_S):
        """Must succeed; its output."""
        code, text = self.ask(command, patience_s)
        assert code == 0, f"{self.name}: {command}: {code}\n{text}"
        return text

    # ---- what every scenario asks of a guest

    def up(self, address):
        self.run(f"ip addr add {address} dev eth0 && ip link set eth0 up")
        return self

    def pings(self, address, count=1, size=56):
        code, text = self.ask(f"ping -q -c {count} -W 1 -s {size} {address}")
        return code == 0 and f" {count} packets received" in text

    def reaches(self, address):
        """A ping is answered, at last."""
        return wait_for(f"ping from {self.name} to {address}", lambda: self.pings(address))

    def make_file(self, megabytes=100):
        """The digest that it must have."""
        self.run(f"({MAKE_PARTS.format(count=megabytes)}) > /tmp/file")
        return digest_of_parts(megabytes)

    def begin_file(self, address):
        """The file goes over TCP to the digest server of another."""
        self.begin(f"nc {address} {DIGEST_PORT} < /tmp/file")

    def end_file(self):
        """The digest of what arrived there."""
        code, text = self.end(TRANSFER_PATIENCE_S)
        assert code == 0, f"{self.name}: {code}\n{text}"
        return text.split()[0]

    def send_file(self, address):
        self.begin_file(address)
        return self.end_file()

    def has_feature(self, bit):
        """Of those that the driver of the adapter took."""
        return self.run("cat /sys/class/net/eth0/device/features")[bit] == "1"


@functools.lru_cache(maxsize=None)
def choose_accel(image, home):
    """kvm where a guest gets up by it at once, tcg elsewhere.  XVS_VM_ACCEL decides without trial.

    That /dev/kvm opens says little: there are hosts whose KVM runs a boot loader and then hangs.
    """
    told = os.environ.get("XVS_VM_ACCEL")
    if told:
        return told
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    trial = Machine("trial", image, home)
    try:
        trial.launch("kvm").wait_until_up(KVM_PATIENCE_S)
        return "kvm"
    except AssertionError:
        return "tcg"
    finally:
        trial.kill()
