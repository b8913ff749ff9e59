# SPDX-License-Identifier: Apache-2.0
"""A port with many connections and rules moves between two daemons, to and fro.

      [ ma: xvsd ] up0 --veth-- up0 [ mb: xvsd ]
        |eth0   |eth0  mg0 --veth-- mg0     |eth1
      [peer]  [guest]    (moves)          [guest]

The connections are datagrams from the peer, each with ports of its own.  How long the port is closed is what
the source measures: from the beginning of the freeze to the target's word that packets flow.  How long the
control thread of a daemon does not answer is seen by asking it all the time.
"""

import json
import socket
import subprocess
import sys
import threading
import time

from harness import footprint, report
from harness.lab import BenchError, run, wait_for

NAME = "move"
SUMMARY = "a port with 100,000 connections and 10,000 rules moves between two daemons"
IS_USUAL = False
TOOLS = ("ip", "openssl")
TARGETS = ("xvsd", "plugin_guard", "plugin_secgroup")
CONNECTIONS, RULES = 100000, 10000
MOVES = 20  # of a round and a case: an even number, so that each begins at the same host
BLACKOUT_LIMIT_US = 5000
ASK_EVERY_S = 0.002
UUID = "6a1f3c52-94b1-4d0e-8f5a-0c2b7e6d1a90"
MAC, PEER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
HOSTS = {"a": ("ma", "10.9.0.1", "eth0"), "b": ("mb", "10.9.0.2", "eth1")}
OTHER = {"a": "b", "b": "a"}

# In the peer's namespace: argv is the first connection, how many, how many a second, for how long (0: once).
SENDER = f"""
import socket, struct, sys, time
first, count, rate, seconds = (int(word) for word in sys.argv[1:])
eth = bytes.fromhex("{MAC}{PEER_MAC}0800".replace(":", ""))
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, 17, 0, bytes([10, 77, 0, 2]), bytes([10, 77, 0, 1]))
total = sum(struct.unpack("!10H", ip))
total = (total & 0xffff) + (total >> 16)
ip = ip[:10] + struct.pack("!H", ~total & 0xffff) + ip[12:]
frames = [eth + ip + struct.pack("!HHHHI", 1024 + nr % 50000, 7000 + nr // 50000, 12, 0, nr) + bytes(14)
          for nr in range(first, first + count)]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
begin = time.monotonic()
sent = 0
while sent < count or time.monotonic() - begin < seconds:
    out.send(frames[sent % count])
    sent += 1
    if sent % 100 == 0:
        time.sleep(max(0, begin + sent / rate - time.monotonic()))
"""


def rules():
    """None but the last matches what the peer sends."""
    many = [{"direction": "in", "proto": "tcp", "ports": str(10000 + nr % 50000), "action": "allow",
             "prefix": f"172.16.{nr // 250}.{nr % 250}/32"} for nr in range(RULES - 1)]
    return [*many, {"direction": "in", "proto": "udp", "action": "allow"}]


def ports():
    policies = {
        "org.xvs.guard/1": {"mac_changes": False, "forged_transmits": False},
        "org.xvs.secgroup.rules/1": {"rules": rules()},
        "xvs.connections/1": {"limit": 4 * CONNECTIONS, "half_open": 4 * CONNECTIONS, "udp_s": 3600},
    }
    return [{"name": "vm1", "uuid": UUID, "mac": MAC, "policies": policies,
             "backend": {"kind": "tap", "device": "eth0", "netns": "guest"}},
            {"name": "vm2", "mac": PEER_MAC, "backend": {"kind": "tap", "device": "eth0", "netns": "peer"}}]


def certificates(folder):
    """An authority, and a certificate of each host."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *curve, "-subj", "/CN=bench", "-days", "2", "-keyout",
        folder / "ca.key", "-out", folder / "ca.pem")
    for name in HOSTS:
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:host{name}\n", encoding="ascii")
        run("openssl", "req", *curve, "-subj", f"/CN=host{name}", "-keyout", folder / f"{name}.key",
            "-out", folder / f"{name}.csr")
        run("openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem",
            "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
            folder / f"{name}.ext", "-out", folder / f"{name}.pem")


class Host:
    """One daemon in its namespace."""

    def __init__(self, lab, name):
        self.namespace, self.address, self.device = HOSTS[name]
        self.name = name
        self.socket = lab.dir / f"{name}.sock"
        config = {
            "daemon": {"connections": 4 * CONNECTIONS},
            "migration": {"listen": f"{self.address}:4790", "ca": str(lab.dir / "ca.pem"),
                          "certificate": str(lab.dir / f"{name}.pem"), "key": str(lab.dir / f"{name}.key"),
                          "peers": [{"name": f"host{OTHER[name]}", "switches": ["lab"]}]},
            "switches": [{"name": "lab", "type": "external",
                          "uplinks": [{"name": "up0", "device": "up0", "backend": "af_packet"}],
                          "chain": [{"instance": "fw", "extension": "org.xvs.secgroup"},
                                    {"instance": "guard", "extension": "org.xvs.guard"}],
                          "ports": ports() if name == "a" else []}]}
        path = lab.dir / f"{name}.yaml"
        path.write_text(json.dumps(config), encoding="ascii")
        self.process = lab.start("ip", "netns", "exec", self.namespace, lab.program("bin/xvsd"),
                                 "--foreground", "--config", path, "--socket", self.socket,
                                 "--state", lab.dir / f"{name}.state",
                                 "--extensions", lab.build / "extensions")

    def rpc(self, method, **params):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(self.socket))
            s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                  "params": params}).encode() + b"\n")
            with s.makefile("rb") as lines:
                answer = json.loads(lines.readline())
        if "error" in answer:
            raise BenchError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def has_port(self):
        return any(port["name"] == "vm1" for port in self.rpc("port.list"))

    def memory_mb(self):
        return footprint.memory_mb(self.process.pid)[1]


class Patience:
    """The longest time that a daemon's control thread does not answer, until stop()."""

    def __init__(self, host):
        self.host = host
        self.longest_s = 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self):
        question = b'{"jsonrpc": "2.0", "id": 1, "method": "version", "params": {}}\n'
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.host.socket))
            with s.makefile("rb") as lines:
                while not self.over.wait(ASK_EVERY_S):
                    asked = time.monotonic()
                    s.sendall(question)
                    lines.readline()
                    self.longest_s = max(self.longest_s, time.monotonic() - asked)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.longest_s * 1000


def send(first, count, rate, seconds=0):
    return subprocess.Popen(["ip", "netns", "exec", "peer", sys.executable, "-c", SENDER,
                             *(str(word) for word in (first, count, rate, seconds))])


def wires():
    for device in ("up0", "mg0"):
        run("ip", "link", "add", device, "netns", "ma", "type", "veth", "peer", "name", device,
            "netns", "mb")
        for namespace in ("ma", "mb"):
            run("ip", "-n", namespace, "link", "set", device, "up")
    for namespace, address, _ in HOSTS.values():
        run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "mg0")


def move(hosts, origin):
    """The report of one move from there to the other host, and how long each daemon did not answer."""
    source, target = hosts[origin], hosts[OTHER[origin]]
    target.rpc("migrate.expect", uuid=UUID,
               backend={"kind": "tap", "device": target.device, "netns": "guest"})
    asking = [Patience(source), Patience(target)]
    try:
        said = source.rpc("migrate.port", port="vm1", to=target.address)
    finally:
        silences = [one.stop() for one in asking]
    run("ip", "-n", "guest", "link", "set", target.device, "up")
    kept = int(target.rpc("conn.count", port="lab/vm1")["count"])
    if kept < CONNECTIONS:
        raise BenchError(f"{kept} connections of {CONNECTIONS} have arrived")
    return {"blackout_us": said["blackout_us"], "bytes": said["bytes"], "silence_ms": max(silences)}


def moves(hosts, rate):
    """There and back; with 'rate' packets a second in all connections and some new ones meanwhile."""
    busy = []
    if rate:
        busy = [send(0, CONNECTIONS, rate, 600), send(2 * CONNECTIONS, CONNECTIONS, 100, 600)]
    try:
        return [move(hosts, "ab"[nr % 2]) for nr in range(MOVES)]
    finally:
        for one in busy:
            one.kill()
            one.wait()


def fill(host):
    """All connections, no faster than a guest may open them."""
    for _ in range(3):
        send(0, CONNECTIONS, 20000).wait()
        if int(host.rpc("conn.count", port="lab/vm1")["count"]) >= CONNECTIONS:
            return
    raise BenchError("the connections do not come about")


CASES = {"at rest": 0, "10,000 packets and 100 new connections a second": 10000}


def measure_hosts(lab, args):
    hosts = {name: Host(lab, name) for name in HOSTS}
    try:
        for host in hosts.values():
            host.process.wait_until("socket", host.socket.exists)
        wait_for("the guest's port", hosts["a"].has_port)
        for namespace in ("guest", "peer"):
            run("ip", "-n", namespace, "link", "set", "eth0", "up")
        fill(hosts["a"])
        before = {name: host.memory_mb() for name, host in hosts.items()}
        found = {case: [] for case in CASES}
        for _ in range(args.rounds):
            for case, rate in CASES.items():
                found[case] += moves(hosts, rate)
        after = {name: host.memory_mb() for name, host in hosts.items()}
        return found, before, after
    finally:
        for host in hosts.values():
            host.process.stop()


def measure(lab, args):
    with lab.namespaces("ma", "mb", "guest", "peer"):
        wires()
        certificates(lab.dir)
        found, before, after = measure_hosts(lab, args)
    rows, data = [], {}
    for case, all_ in found.items():
        blackouts = sorted(one["blackout_us"] for one in all_)
        data[case] = {"moves": len(all_), "blackout_us": report.median(blackouts),
                      "worst_us": blackouts[-1],
                      "mb": report.median([one["bytes"] for one in all_]) / 1e6,
                      "silence_ms": report.median([one["silence_ms"] for one in all_])}
        rows.append([case, *data[case].values()])
    memory = "; ".join(f"host {name}: {before[name]:.0f} MB before the first move, {after[name]:.0f} MB "
                       "after the last" for name in HOSTS)
    return {
        "scenario": NAME,
        "title": f"a port with {CONNECTIONS:,} connections and {RULES:,} rules, to and fro",
        "columns": ["case", "moves", "closed, us", "worst, us", "MB sent", "no answer, ms"],
        "rows": rows,
        "goals": [report.goal(f"closed while it moves, us, {case}", one["blackout_us"],
                              limit=BLACKOUT_LIMIT_US) for case, one in data.items()],
        "data": {"cases": data, "memory_before_mb": before, "memory_after_mb": after},
        "notes": ["closed: from the freeze to the target's word that packets flow, median of all moves.",
                  "no answer: longest time for which either daemon's control socket did not answer "
                  "during a move, median of all moves.", f"Resident memory, {memory}."],
    }
