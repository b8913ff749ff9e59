# SPDX-License-Identifier: Apache-2.0
"""Bulk traffic between guests, and between a guest and a namespace."""

import contextlib
import hashlib
import json
import socket
import threading

from machine.image import DIGEST_PORT, parts
from support.patience import PATIENCE_S

HOST = "10.77.0.254"


def send_parts(host, address, count):
    """From a namespace to the digest server of a guest: the digest of what came."""
    with host.open_socket() as s:
        s.connect((address, DIGEST_PORT))
        for part in parts(count):
            s.sendall(part)
        s.shutdown(socket.SHUT_WR)
        return s.makefile().readline().split()[0]


def answer_with_digest(listener):
    peer, _ = listener.accept()
    digest = hashlib.sha256()
    with peer:
        peer.settimeout(PATIENCE_S)
        while data := peer.recv(1 << 16):
            digest.update(data)
        peer.sendall(digest.hexdigest().encode() + b"\n")


def receive_file(host, machine):
    """The file of a guest goes to a namespace: the digest there."""
    with contextlib.closing(host.listen(HOST, DIGEST_PORT)) as listener:
        server = threading.Thread(target=answer_with_digest, args=(listener,), daemon=True)
        server.start()
        digest = machine.send_file(HOST)
        server.join()
    return digest


def iperf3(source, target, address, *options, seconds=1):
    """Bits a second that arrived, between two guests."""
    target.run("iperf3 -s -1 -D -I /tmp/iperf3.pid < /dev/null > /dev/null 2>&1")
    words = " ".join(options)
    source.run(f"until iperf3 -c {address} -t {seconds} -J {words} > /tmp/iperf3.json;"
               " do usleep 100000; done")
    rate = json.loads(source.run("cat /tmp/iperf3.json"))["end"]["sum_received"]["bits_per_second"]
    print(f"{source.name} to {target.name}: {rate / 1e9:.3f} Gbit/s")
    assert rate > 0
    return rate
