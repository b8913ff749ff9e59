# SPDX-License-Identifier: Apache-2.0
"""The laboratory: namespaces, processes, processor time.

Everything lives in the namespaces that cli.py has entered, and /run is private, so the kernel
takes it all away with the last process, whatever happened.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PATIENCE_S = 20
HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGEPAGES_WANTED = 2560  # of 2 MiB: for two of OVS and a testpmd


class BenchError(Exception):
    """One sentence for the person at the terminal."""


def run(*command, **options):
    """Runs to the end; its output, or BenchError with its complaint."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise BenchError(f"{' '.join(str(word) for word in command)}: {said}")
    return done.stdout


def wait_for(what, test, patience_s=PATIENCE_S):
    """Asks until test() is true."""
    end = time.monotonic() + patience_s
    while not test():
        if time.monotonic() > end:
            raise BenchError(f"{what} did not happen in {patience_s} s")
        time.sleep(0.02)


class Process:
    """One that we started: it ends when asked to, or is ended."""

    def __init__(self, command, log, env=None):
        self.name = pathlib.Path(command[0]).name
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, env=env)

    @property
    def pid(self):
        return self.child.pid

    def signal(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def check(self):
        if self.child.poll() is not None:
            raise BenchError(f"{self.name} ended: {self.said()[-2000:]}")

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace").strip()

    def wait_until(self, what, test):
        def is_done():
            self.check()
            return test()
        wait_for(f"{self.name}: {what}", is_done)

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Lab:
    """Names of places, and what scenarios do in them."""

    def __init__(self, root, build, wants_hugepages=False):
        self.root = root
        self.build = build
        self.cores = sorted(os.sched_getaffinity(0))
        self.switch_core = self.cores[0]
        self.generator_core = self.cores[1 % len(self.cores)]
        self.wants_hugepages = wants_hugepages
        self.hugepages_before = None
        self.dir = None

    def __enter__(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "set", "lo", "up")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="xvs-bench-", dir="/run"))
        if self.wants_hugepages:
            self.reserve_hugepages()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.hugepages_before is not None:
            HUGEPAGES.write_text(self.hugepages_before, encoding="ascii")

    def reserve_hugepages(self):
        """They are the machine's, so they are given back at the end."""
        before = HUGEPAGES.read_text(encoding="ascii")
        self.hugepages_before = before
        HUGEPAGES.write_text(str(max(int(before), HUGEPAGES_WANTED)), encoding="ascii")
        if int(HUGEPAGES.read_text(encoding="ascii")) < HUGEPAGES_WANTED:
            raise BenchError(f"the kernel has no {HUGEPAGES_WANTED} huge pages free")
        (self.dir / "huge").mkdir()
        run("mount", "-t", "hugetlbfs", "none", self.dir / "huge")

    def dpdk_memory(self, megabytes):
        """Options of a program built on DPDK."""
        if self.wants_hugepages:
            return ["--huge-dir", str(self.dir / "huge"), "-m", str(megabytes)]
        return ["--no-huge", "--legacy-mem", "-m", str(megabytes)]

    @staticmethod
    def patience_s(options):
        """What a run of the generator takes by its own options."""
        words = [str(option) for option in options]
        return sum(float(words[words.index(word) + 1]) for word in ("--seconds", "--warm-up")
                   if word in words)

    def start(self, *command, core=None, env=None):
        """A process in the background, on one core if that is given."""
        where = ["taskset", "-c", str(core)] if core is not None else []
        log = pathlib.Path(tempfile.mkstemp(suffix=".log", dir=self.dir)[1])
        return Process([*where, *command], log, env)

    @contextlib.contextmanager
    def namespaces(self, *names):
        """Network namespaces; their devices go with them."""
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        try:
            yield
        finally:
            for name in names:
                run("ip", "netns", "delete", name)

    def program(self, name):
        path = self.build / name
        if not path.is_file():
            raise BenchError(f"{path} is not built")
        return path


def has_device(namespace, device):
    return pathlib.Path("/run/netns", namespace).exists() and subprocess.run(
        ["ip", "-n", namespace, "link", "show", device], capture_output=True,
        check=False).returncode == 0


def address(namespace, device, text):
    """Gives the device an address and lets it run."""
    run("ip", "-n", namespace, "address", "add", text, "dev", device)
    run("ip", "-n", namespace, "link", "set", device, "up")


def cpu_seconds(pid):
    """Processor time of all threads of a process, by the scheduler's own account."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(path.read_text(encoding="ascii").split()[0])
    return total / 1e9


def core_seconds():
    """Seconds that each core has been busy and that have passed, interrupts included."""
    tick = os.sysconf("SC_CLK_TCK")
    seconds = {}
    for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            times = [int(field) for field in fields[:8]]
            idle = times[3] + times[4]
            seconds[int(name[3:])] = ((sum(times) - idle) / tick, sum(times) / tick)
    return seconds


class CpuMeter:
    """How busy the cores and one process (or none) were while it ran."""

    def __init__(self, pid):
        self.pid = pid
        self.started = time.monotonic()
        self.cores = core_seconds()
        self.process = cpu_seconds(pid) if pid else 0

    def read(self):
        now = core_seconds()
        busy = {core: (now[core][0] - was[0]) / max(now[core][1] - was[1], 1e-9)
                for core, was in self.cores.items()}
        elapsed = time.monotonic() - self.started
        mine = (cpu_seconds(self.pid) - self.process) / elapsed if self.pid else None
        return {"cores_busy": busy, "switch_cpu": mine}
