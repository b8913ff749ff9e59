# SPDX-License-Identifier: Apache-2.0
"""Controllers by TLS: who has the right certificate is let in, in both directions; others are not,
and the operator is told why."""

import contextlib
import json
import queue
import socket
import ssl
import subprocess
import threading

import pytest

from support.certificates import Authority
from support.controller import Controller, Place
from support.openflow import lab_at, program
from support.patience import PATIENCE_S, wait_for


class Keys:
    """Two authorities, of which the switch trusts the first."""

    def __init__(self, folder):
        self.ours, self.theirs = Authority(folder / "ours"), Authority(folder / "theirs", "other")
        self.switch = self.ours.host("switch")
        self.right = self.ours.host("localhost")
        self.misnamed = self.ours.host("elsewhere")
        self.foreign = self.theirs.host("localhost")
        self.expired = Authority(folder / "old", "old")  # its own folder, for the same host name
        self.expired.key, self.expired.certificate = self.ours.key, self.ours.certificate
        self.expired = self.expired.host("localhost", days=-1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory, keys):
    certificate, key = keys.switch
    network = {"certificate": str(certificate), "key": str(key), "ca": str(keys.ours.certificate)}
    with lab_at(tmp_path_factory.mktemp("of"), top=f"extensions: {json.dumps({'network': network})}",
                fail_mode="standalone") as made:
        yield made


@pytest.fixture
def lab(module_lab):
    yield module_lab
    module_lab.configure()


class Server(Place):
    """Takes calls of the switch by TLS, with a thread of its own."""

    def __init__(self, port, files, trusted, version=None):
        super().__init__(port)
        self.target = f"tls:localhost:{port}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.context.load_verify_locations(trusted.certificate)
        self.context.verify_mode = ssl.CERT_REQUIRED
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        self.opened = queue.Queue()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                sock = self.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                self.opened.put(self.context.wrap_socket(sock, server_side=True))

    def controller(self, **options):
        return Controller(self.opened.get(timeout=PATIENCE_S), **options)

    def close(self):
        self.listener.shutdown(2)
        super().close()
        self.thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_controller_with_the_right_certificate(lab, keys, version):
    server = Server(6654, keys.right, keys.ours, version)
    lab.configure(server.target)
    c = server.controller()
    assert c.socket.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2",
                                  ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
    assert c.ask("FeaturesRequest").datapath_id == 42
    assert lab.target(server.target)["state"] == "connected"
    assert lab.status()["forwards"] == "flow tables"
    c.close()
    wait_for("it to be missed", lambda: lab.status()["forwards"] == "built-in switch")
    server.close()


def test_the_controller_of_open_vswitch_by_tls(lab, keys, tool, tmp_path):
    certificate, key = keys.right
    with program(tmp_path / "log", tool("ovs-testcontroller"), "-p", key, "-c", certificate,
                 "-C", keys.ours.certificate, f"--unixctl={tmp_path}/ctl", "pssl:6655", port=6655):
        lab.configure("ssl:localhost:6655")
        lab.wait_for_state("ssl:localhost:6655", "connected")
        wait_for("its first flow", lambda: "CONTROLLER" in lab.ofctl("dump-flows"))
        assert lab.guests[0].reaches("10.0.0.2")
        assert "dl_dst=52:54:00:00:00:02" in lab.ofctl("dump-flows")


def test_controllers_with_wrong_certificates(lab, keys):
    wrong = {
        Server(6661, keys.foreign, keys.ours): "certificate",
        Server(6662, keys.expired, keys.ours): "expired",
        Server(6663, keys.misnamed, keys.ours): "elsewhere",
        # by 1.3 the switch would hear of it behind its own handshake, if the alert is not lost
        Server(6664, keys.right, keys.theirs, ssl.TLSVersion.TLSv1_2): "unknown ca",
    }
    lab.configure(*(server.target for server in wrong))
    for server, word in wrong.items():
        wait_for(f"{server.target} to be refused for its {word}",
                 lambda s=server, w=word: w in lab.target(s.target)["why"])
        assert lab.target(server.target)["state"] != "connected"
    assert lab.status()["forwards"] == "built-in switch"
    assert lab.guests[0].reaches("10.0.0.2")
    for server in wrong:
        server.close()


def ofctl(files, trusted, *words):
    certificate, key = files
    return subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "-p", key, "-c", certificate,
                           "-C", trusted, *words], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S)


def test_callers_show_a_certificate(lab, keys):
    lab.configure("pssl:6656")
    lab.wait_for_state("pssl:6656", "listening")
    done = ofctl(keys.right, keys.ours.certificate, "show", "ssl:127.0.0.1:6656")
    assert "dpid:000000000000002a" in done.stdout, done.stderr
    for files, trusted in ((keys.foreign, keys.ours), (keys.expired, keys.ours),
                           (keys.right, keys.theirs)):
        done = ofctl(files, trusted.certificate, "show", "ssl:127.0.0.1:6656")
        assert done.returncode != 0 and "dpid" not in done.stdout
    # nor may one without any say a word
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", 6656), PATIENCE_S) as plain:
        with pytest.raises(OSError):  # an alert, which TLS 1.3 brings with the first bytes
            context.wrap_socket(plain).recv(1)
