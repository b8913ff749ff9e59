# SPDX-License-Identifier: Apache-2.0
"""What a guest boots: a kernel of this host; an initramfs of busybox, modules, iperf3 and talk.

The first process of the guest is the agent: it takes a shell command a line from the second
serial port, and answers with the output, an end mark and the exit code.  A server beside it
answers what comes over TCP with its digest.
"""

import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import textwrap

import pytest

from machine import talk

BOOT = pathlib.Path("/boot")
MODULES = pathlib.Path("/lib/modules")
DIGEST_PORT = 7000
END_MARK = b"\x04"
SEED = random.Random(7).randbytes(1 << 20)  # a guest makes random bytes slowly
MAKE_PARTS = "for i in $(seq {count}); do echo part $i; cat /seed; done"
# In the order in which they must be loaded.
WANTED = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio",
          "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci_legacy_dev",
          "drivers/virtio/virtio_pci", "net/core/failover", "drivers/net/net_failover",
          "drivers/net/virtio_net", "drivers/block/virtio_blk")

INIT = r"""
    #!/bin/busybox sh
    /bin/busybox --install -s /bin
    export PATH=/bin
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    mount -t tmpfs -o size=75% tmp /tmp
    for module in {modules}; do insmod /modules/$module.ko; done
    ip link set lo up
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    nc -ll -p {port} -e sha256sum < /dev/null > /dev/null 2>&1 &
    stty -F /dev/ttyS1 raw -echo
    exec < /dev/ttyS1 > /dev/ttyS1 2>&1
    printf 'READY\n'
    while IFS= read -r line; do
        eval "$line"
        printf '\004%d\n' $?
    done
"""


def parts(count):
    """What files are made of: no part, of a megabyte and a little more, is like another."""
    for number in range(1, count + 1):
        yield b"part %d\n" % number + SEED


def digest_of_parts(count):
    digest = hashlib.sha256()
    for part in parts(count):
        digest.update(part)
    return digest.hexdigest()


def newest_kernel():
    """(image, its modules): the newest kernel with all that a guest needs."""
    found = []
    for image in BOOT.glob("vmlinuz-*"):
        folder = MODULES / image.name.removeprefix("vmlinuz-") / "kernel"
        if all((folder / f"{name}.ko").is_file() for name in WANTED):
            numbers = [int(number) for number in re.findall(r"\d+", image.name)]
            found.append((numbers, image, folder))
    if not found:
        pytest.exit(f"no kernel in {BOOT} has virtio-net as a module: "
                    "run tools/setup test", 1)
    _, image, folder = max(found)
    return image, folder


def libraries(program):
    """The shared objects that a program is loaded with."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", said)


def put(root, path):
    """The same file at the same place in the guest."""
    target = root / str(path).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def fill(root, modules, talk):
    for name in ("bin", "modules", "proc", "sys", "dev", "tmp"):
        (root / name).mkdir()
    shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
    for name in WANTED:
        shutil.copy(modules / f"{name}.ko", root / "modules")
    iperf3 = shutil.which("iperf3")
    shutil.copy(iperf3, root / "bin" / "iperf3")
    for path in libraries(iperf3):
        put(root, path)
    shutil.copy(talk, root / "bin" / "talk")
    (root / "seed").write_bytes(SEED)
    init = root / "init"
    names = " ".join(pathlib.PurePath(name).name for name in WANTED)
    init.write_text(textwrap.dedent(INIT).lstrip().format(modules=names,
                                                             port=DIGEST_PORT), encoding="ascii")
    init.chmod(0o755)


class Image:
    """Made once a session in 'home'."""

    def __init__(self, home):
        self.kernel, modules = newest_kernel()
        self.initramfs = home / "initramfs"
        self.talk = talk.build(home)
        root = home / "root"
        root.mkdir()
        fill(root, modules, self.talk)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        with open(self.initramfs, "wb") as out:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root,
                           input=names.encode(), stdout=out, check=True)
