# SPDX-License-Identifier: Apache-2.0
"""A switch of type nat: guests behind outside addresses that are nobody else's.

    [vm1] 192.168.10.11 --tap--+                               203.0.113.1 [outside] 198.51.100.1
    [vm2] 192.168.10.12 --tap--+-- [ lab ] 203.0.113.5 --veth-- out0          (both on its out0)
                        192.168.10.1       203.0.113.6
"""

import contextlib
import hashlib
import random
import socket
import subprocess
import threading

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from support.patience import wait_for

GATEWAY, VM1, VM2 = "192.168.10.1", "192.168.10.11", "192.168.10.12"
OUT5, OUT6, PEER, FAR = "203.0.113.5", "203.0.113.6", "203.0.113.1", "198.51.100.1"
MAC = "02:00:5e:00:00:05"
GUEST = "52:54:00:00:00:01"
DATA = random.Random(7).randbytes(4 << 20)

CONFIG = """
daemon: {{workers: 2}}
switches:
  - name: lab
    type: nat
    uplinks:
      - {{name: out0, device: up0, backend: {backend}}}
    nat:
      inside: 192.168.10.1/24
      outside:
        addresses: [203.0.113.5/24, 203.0.113.6/32]
        gateway: 203.0.113.1
        mac: "02:00:5e:00:00:05"
      pools:
        - {{address: 203.0.113.5, ports: 20000-29999}}
{more}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, backend: {{kind: tap, device: eth0, netns: vm2, offloads: false}}}}
"""

FORWARDS = """
      forwards:
        - {proto: tcp, port: 23, to: 192.168.10.11}
        - {proto: tcp, address: 203.0.113.6, port: 35000, to: 192.168.10.12, to_port: 3389}
        - {proto: udp, port: 53, to: 192.168.10.12, remote: 198.51.100.0/24}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """lab(more): (daemon, vm1, vm2, outside)."""
    vm1, vm2 = hosts("vm1", "vm2")
    for host in (vm1, vm2, outside):  # a namespace goes when its last TIME_WAIT has
        with contextlib.suppress(OSError):
            host.sysctl("net/ipv4/tcp_max_tw_buckets", 0)

    def make(more=FORWARDS, backend="af_packet"):
        daemon = xvsd(CONFIG.format(more=more.strip("\n"), backend=backend))
        for vm, address in ((vm1, VM1), (vm2, VM2)):
            vm.up(address + "/24")
            vm.run("ip", "route", "replace", "default", "via", GATEWAY)
        outside.up(PEER + "/24", FAR + "/32")
        outside.run("ip", "route", "replace", OUT6 + "/32", "via", OUT5)
        return daemon, vm1, vm2, outside

    return make


def echo(host, address, port, kind=socket.SOCK_STREAM):
    """A server in its own thread that says who it saw, then repeats what it was told."""
    s = host.open_socket(kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))

    def serve(c, peer):
        with c, contextlib.suppress(OSError):
            c.sendall(f"{peer[0]}:{peer[1]}\n".encode())
            while data := c.recv(65536):
                c.sendall(data)

    def streams():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=s.accept(), daemon=True).start()

    def datagrams():
        with contextlib.suppress(OSError):
            while True:
                data, peer = s.recvfrom(65536)
                s.sendto(f"{peer[0]}:{peer[1]}\n".encode() + data, peer)

    if kind == socket.SOCK_STREAM:
        s.listen(64)
    threading.Thread(target=streams if kind == socket.SOCK_STREAM else datagrams,
                     daemon=True).start()
    return s


def says(host, address, port):
    """Who a TCP server there sees."""
    with host.open_socket() as s:
        s.settimeout(10)
        s.connect((address, port))
        return s.makefile().readline().strip().split(":")


def asks(s, address, port, text=b"x"):
    s.settimeout(10)
    s.sendto(text, (address, port))
    return s.recv(65536).split(b"\n")[0].decode().split(":")


@pytest.mark.parametrize("backend", ["af_packet", "af_xdp"])
def test_guests_reach_the_outside(lab, backend):
    _, vm1, vm2, outside = lab(backend=backend)
    for vm in (vm1, vm2):
        assert vm.reaches(GATEWAY)
        assert vm.reaches(PEER)
        assert vm.reaches(FAR)
    with echo(outside, FAR, 80):
        address, port = says(vm1, FAR, 80)
        assert address == OUT5
        assert 20000 <= int(port) <= 29999
        assert says(vm2, FAR, 80)[0] == OUT5
    assert vm1.reaches(VM2)


def test_the_outside_reaches_own_addresses_alone(lab):
    daemon, vm1, _, outside = lab()
    assert outside.reaches(OUT5)
    assert outside.reaches(OUT6)
    outside.run("ip", "route", "replace", "192.168.10.0/24", "via", OUT5)
    assert not outside.ping(VM1, count=1)
    daemon.wait_for_drop("nat-elsewhere", "lab/out0")
    assert not outside.connects(OUT5, 24, patience_s=1)
    daemon.wait_for_drop("nat-no-binding", "lab/out0")
    assert vm1.reaches(FAR)


def test_forwards_lead_inside(lab):
    daemon, vm1, vm2, outside = lab()
    with echo(vm1, VM1, 23), echo(vm2, VM2, 3389), echo(vm2, VM2, 53, socket.SOCK_DGRAM):
        assert says(outside, OUT5, 23)[0] == PEER
        assert says(outside, OUT6, 35000)[0] == PEER
        with outside.open_socket(socket.SOCK_DGRAM) as s:
            s.bind((FAR, 0))
            assert asks(s, OUT5, 53)[0] == FAR
        with outside.open_socket(socket.SOCK_DGRAM) as s:
            s.bind((PEER, 0))
            s.sendto(b"x", (OUT5, 53))
            daemon.wait_for_drop("nat-no-binding", "lab/out0")


def test_a_guest_reaches_another_by_its_outside_address(lab):
    _, vm1, vm2, _ = lab()
    with echo(vm1, VM1, 23):
        assert says(vm2, OUT5, 23)[0] == OUT5
        assert says(vm1, OUT5, 23)[0] == OUT5


def test_data_arrives_whole(lab):
    _, vm1, vm2, outside = lab()
    with echo(outside, FAR, 80):
        for vm in (vm1, vm2):
            with vm.open_socket() as s:
                s.settimeout(20)
                s.connect((FAR, 80))
                sender = threading.Thread(target=lambda s=s: (s.sendall(DATA),
                                                              s.shutdown(socket.SHUT_WR)))
                sender.start()
                with s.makefile("rb") as f:
                    f.readline()
                    assert hashlib.sha256(f.read()).digest() == hashlib.sha256(DATA).digest()
                sender.join()


def test_large_datagrams_arrive_in_fragments(lab):
    _, vm1, vm2, outside = lab()
    with echo(outside, FAR, 99, socket.SOCK_DGRAM):
        for vm in (vm1, vm2):
            assert vm.reaches(FAR, "-s", "8000")
            with vm.open_socket(socket.SOCK_DGRAM) as s:
                assert asks(s, FAR, 99, b"z" * 9000)[0] == OUT5


def test_errors_come_back_translated(lab):
    _, vm1, _, outside = lab()
    with vm1.open_socket(socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect((FAR, 9))  # nobody listens: its kernel says so
        s.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            s.recv(1)
    with outside.open_socket(socket.SOCK_DGRAM) as s:  # and the other way round
        s.settimeout(10)
        s.bind((FAR, 0))
        s.connect((OUT5, 53))
        s.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            s.recv(1)
    with vm1.start("ping", "-n", "-c1", "-W5", "-t1", FAR, stdout=subprocess.PIPE,
                   text=True) as ping:
        said = ping.communicate(timeout=20)[0]
    assert f"From {GATEWAY}" in said and "Time to live exceeded" in said


def right(data):
    """The packet, whose lengths and checksums scapy finds right."""
    got = Ether(data)
    again = got.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again and not (layer == UDP and got[UDP].chksum == 0):
            del again[layer].chksum
    assert bytes(again) == data, f"{got!r}\n{Ether(bytes(again))!r}"
    return got


def test_each_packet_on_the_wire_is_right(lab):
    _, vm1, _, outside = lab()
    assert vm1.reaches(FAR)
    near, far = vm1.wire(), outside.wire()
    with vm1.entered(), open("/proc/net/arp", encoding="ascii") as arp:
        assert MAC in arp.read()
    eth = Ether(src=GUEST, dst=MAC)
    ip = IP(src=VM1, dst="203.0.113.77", ttl=9)
    outside.run("ip", "addr", "add", "203.0.113.77/32", "dev", "out0")
    for sent in (eth / ip / ICMP(id=7) / b"ping", eth / ip / UDP(sport=1, dport=2) / b"odd",
                 eth / ip / UDP(sport=1, dport=2, chksum=0) / b"no checksum",
                 eth / ip / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460)])):
        near.send(bytes(sent))
        got = right(far.wait(lambda data: IP in Ether(data) and
                             Ether(data)[IP].dst == "203.0.113.77"))
        assert (got[IP].src, got[IP].ttl, got.src) == (OUT5, 8, MAC)
        if UDP in got and sent[UDP].chksum == 0:
            assert got[UDP].chksum == 0


def sessions(daemon, *options):
    return daemon.ctl_json("nat", "list", *options)


def test_sessions_are_listed_and_end_without_a_trace(lab):
    daemon, vm1, _, outside = lab("""
      timeouts: {udp: 1, icmp: 1, tcp_transitory: 1}
""")
    assert vm1.reaches(FAR)
    with echo(outside, FAR, 99, socket.SOCK_DGRAM), vm1.open_socket(socket.SOCK_DGRAM) as s:
        s.bind((VM1, 5000))
        port = int(asks(s, FAR, 99)[1])
        found, = sessions(daemon, "--proto", 17)["sessions"]
        assert found["inside"] == {"address": VM1, "port": 5000}
        assert found["outside"] == {"address": OUT5, "port": port}
        assert found["remote"] == {"address": FAR, "port": 99}
        assert (found["state"], found["packets"]) == ("established", [1, 1])
        assert str(port) in daemon.do("nat", "list", "--address", VM1)
        assert sessions(daemon, "--address", VM2)["total"] == 0
        shown, = daemon.ctl_json("nat", "show")
        assert shown["pools"][0]["udp"] == 1
        assert {n["address"] for n in shown["neighbours"]} >= {VM1, PEER}
        assert "203.0.113.5" in daemon.do("nat", "show", "lab")
    wait_for("all sessions to end", lambda: sessions(daemon)["total"] == 0)
    shown, = daemon.ctl_json("nat", "show")
    assert (shown["sessions"], shown["bindings"], shown["hosts"]) == (0, 0, 0)
    assert sum(pool[p] for pool in shown["pools"] for p in ("tcp", "udp", "icmp")) == 0
    assert shown["opened"] == shown["ended"] > 0
    assert "switch nobody" in daemon.refuses("nat", "list", "--switch", "nobody", code=4)


def flows(host, address, count):
    """As many UDP flows from ports of their own."""
    for port in range(5000, 5000 + count):
        with host.open_socket(socket.SOCK_DGRAM) as s:
            s.bind((address, port))
            s.sendto(b"x", (FAR, 99))


def test_ports_and_sessions_are_bounded(lab):
    daemon, vm1, vm2, outside = lab("""
      host_sessions: 40
""")
    daemon.write(daemon.config.read_text().replace("20000-29999", "20000-20049"))
    daemon.do("config", "reload")
    assert vm1.reaches(FAR) and vm2.reaches(FAR)
    with echo(outside, FAR, 99, socket.SOCK_DGRAM):
        flows(vm1, VM1, 60)
        daemon.wait_for_drop("nat-host", "lab/out0")  # only then: guests are served side by side
        flows(vm2, VM2, 60)
        wait_for("120 flows less 50 ports to be refused", lambda: daemon.drops(
            "nat-host", "lab/out0") + daemon.drops("nat-ports", "lab/out0") == 70)
    shown, = daemon.ctl_json("nat", "show")
    assert shown["pools"][0]["udp"] == 50
    assert shown["refused"]["host_limit"] > 0 and shown["refused"]["no_ports"] > 0
    assert sessions(daemon, "--address", VM1)["total"] <= 40
    assert daemon.ctl_json("nat", "flush", "--address", VM1)["ended"] > 0
    with echo(outside, FAR, 98, socket.SOCK_DGRAM), vm1.open_socket(socket.SOCK_DGRAM) as s:
        assert asks(s, FAR, 98)[0] == OUT5


def test_the_hosts_addresses_are_refused(lab):
    daemon, _, _, _ = lab()
    before = daemon.config.read_text()
    subprocess.run(["ip", "addr", "add", "203.0.113.7/32", "dev", "lo"], check=True)
    try:
        daemon.write(before.replace("203.0.113.6/32", "203.0.113.7/32")
                     .replace("address: 203.0.113.6", "address: 203.0.113.7"))
        said = daemon.refuses("config", "reload")
        assert "the host's own on lo" in said
        assert "nft add rule ip xvs out ip saddr 192.168.10.0/24 oifname lo masquerade" in said
    finally:
        subprocess.run(["ip", "addr", "del", "203.0.113.7/32", "dev", "lo"], check=True)


def test_other_rules_end_what_they_do_not_bear(lab):
    daemon, vm1, _, outside = lab()
    with echo(vm1, VM1, 23), outside.open_socket() as s, outside.open_socket() as later:
        s.connect((OUT5, 23))
        assert s.recv(1)
        assert vm1.reaches(FAR)
        before = daemon.config.read_text()
        daemon.write(before.replace("port: 23,", "port: 2323, to_port: 23,"))
        assert "nat" in daemon.do("config", "diff")
        daemon.do("config", "reload")
        left = sessions(daemon)["sessions"]
        assert [x["proto"] for x in left if x["inside"]["address"] == VM1] == [1]
        later.connect((OUT5, 2323))
        assert later.recv(1)


CROWD = 10000
SERVER = """
import os, selectors, socket, sys
s = socket.create_server(("", 80), backlog=4096)
s.setblocking(False)
wait = selectors.DefaultSelector()
wait.register(s, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in wait.select():
        if key.fileobj is s:
            try:
                c, _ = s.accept()
            except BlockingIOError:
                continue
            c.setblocking(False)
            wait.register(c, selectors.EVENT_READ)
            continue
        try:
            data = key.fileobj.recv(64)
        except OSError:
            data = b""
        if data:
            key.fileobj.send(data)
        else:
            wait.unregister(key.fileobj)
            key.fileobj.close()
"""
CLIENT = """
import socket, sys
crowd = []
for i in range(int(sys.argv[1])):
    s = socket.socket()
    s.settimeout(30)
    s.connect(("203.0.113.5", 80))
    crowd.append(s)
for s in crowd:
    s.send(b"x")
for s in crowd:
    assert s.recv(1) == b"x"
print("all", flush=True)
sys.stdin.readline()
for s in crowd:
    s.shutdown(socket.SHUT_WR)
for s in crowd:  # a reset could be lost on the way, this is sent again
    assert s.recv(1) == b""
    s.close()
print("closed", flush=True)
"""


@contextlib.contextmanager
def python(host, program, *words):
    with subprocess.Popen(["ip", "netns", "exec", host.name, "/usr/bin/python3", "-c", program,
                           *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as made:
        try:
            yield made
        finally:
            made.kill()


def test_ten_thousand_sessions_at_a_time(lab):
    daemon, vm1, _, outside = lab("""
      timeouts: {tcp_transitory: 2, icmp: 1, udp: 1}
      forwards: [{proto: tcp, port: 80, to: 192.168.10.11}]
""")
    outside.sysctl("net/ipv4/ip_local_port_range", "10000 60000")
    with python(vm1, SERVER) as server:
        assert server.stdout.readline() == "ready\n"
        with python(outside, CLIENT, str(CROWD)) as client:
            assert client.stdout.readline() == "all\n"
            shown, = daemon.ctl_json("nat", "show")
            assert shown["sessions"] >= CROWD
            listed = sessions(daemon, "--proto", 6, "--limit", 20000)
            assert listed["total"] == CROWD == len(listed["sessions"])
            assert {s["state"] for s in listed["sessions"]} == {"established"}
            client.stdin.write("end\n")
            client.stdin.flush()
            assert client.stdout.readline() == "closed\n"
            wait_for("all sessions to end", lambda: sessions(daemon)["total"] == 0)
    shown, = daemon.ctl_json("nat", "show")
    assert (shown["sessions"], shown["bindings"], shown["hosts"]) == (0, 0, 0)
    assert shown["opened"] == shown["ended"] >= CROWD


NGINX = """
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  keepalive_requests 1000000;
  server {{ listen 80 backlog=16384; location / {{ return 200 "here"; }} }}
}}
"""


@pytest.mark.slow
def test_ten_thousand_clients_of_a_web_server_at_a_time(lab, tool, tmp_path):
    nginx, wrk = tool("nginx"), tool("wrk")
    daemon, vm1, _, outside = lab("""
      timeouts: {tcp_transitory: 8, icmp: 1, udp: 1}
      forwards: [{proto: tcp, port: 80, to: 192.168.10.11}]
""")
    outside.sysctl("net/ipv4/ip_local_port_range", "10000 60000")
    vm1.sysctl("net/core/somaxconn", 16384)
    vm1.sysctl("net/ipv4/tcp_max_syn_backlog", 16384)
    (tmp_path / "nginx.conf").write_text(NGINX.format(home=tmp_path))
    with vm1.start(nginx, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log") as server:
        try:
            wait_for("the server to listen", lambda: outside.connects(OUT5, 80))
            command = (f"ulimit -n $(ulimit -Hn); exec {wrk} -c {CROWD + 2000} -t 2 -d 30 "
                       f"--timeout 30 http://{OUT5}/")
            with outside.start("bash", "-c", command, stdout=subprocess.PIPE,
                               text=True) as clients:
                wait_for("all of them to have a session", lambda: daemon.ctl_json(
                    "nat", "show")[0]["sessions"] >= CROWD, 45)
                said, _ = clients.communicate(timeout=90)
        finally:
            server.terminate()
    # some of so many at once are late, but who is served is served right
    assert clients.returncode == 0 and "Non-2xx" not in said, said
    assert int(said.split(" requests in ")[0].split()[-1]) > CROWD, said
    wait_for("all sessions to end", lambda: sessions(daemon)["total"] == 0, 30)
    shown, = daemon.ctl_json("nat", "show")
    assert (shown["sessions"], shown["bindings"], shown["hosts"]) == (0, 0, 0)
    assert shown["opened"] == shown["ended"] >= CROWD
