# SPDX-License-Identifier: Apache-2.0
"""The asking side of api/vm-migration.md by hand: what a host that is broken into could say, too."""

import json
import ssl
import uuid

from support.patience import PATIENCE_S


class Refused(Exception):
    pass


class Source:
    """A connection to the xvs-hv of a site, with another site's certificate."""

    def __init__(self, hosts, origin="a", to="b", certificate=None):
        site = hosts[origin]
        certificate, key = certificate or site.certificate
        context = ssl.create_default_context(cafile=hosts.authority.certificate)
        context.load_cert_chain(certificate, key)
        plain = site.host.open_socket()
        plain.settimeout(PATIENCE_S)
        plain.connect((hosts.address(to), 4791))
        self.socket = context.wrap_socket(plain, server_hostname=hosts[to].title)
        self.lines = self.socket.makefile("rb")
        self.move = str(uuid.uuid4())
        self.events = []
        self.last = 0

    def send(self, method, **params):
        self.last += 1
        self.socket.sendall(json.dumps({"jsonrpc": "2.0", "id": self.last,
                                        "method": f"vm.move.{method}",
                                        "params": {"move": self.move, **params}}).encode() + b"\n")
        return self.last

    def take(self, number):
        while True:
            said = json.loads(self.lines.readline())
            if "method" in said:
                self.events.append(said["params"])
            elif said["id"] == number:
                break
        if "error" in said:
            raise Refused(said["error"]["message"])
        return said["result"]

    def ask(self, method, **params):
        return self.take(self.send(method, **params))

    def admit(self, machine, kind="shared", epoch=0, check=False):
        """{what: why} of what refuses, and the whole answer."""
        answer = self.ask("admit", epoch=epoch, kind=kind, machine=machine, check=check)
        found = {finding["what"]: finding["why"] for finding in answer["findings"]
                 if finding["severity"] == "refuse"}
        return found, answer

    def event(self):
        while not self.events:
            self.events.append(json.loads(self.lines.readline())["params"])
        return self.events.pop(0)

    def close(self):
        self.lines.close()
        self.socket.close()


def offer_of(hv, name, **changes):
    """What the host core of a machine would say of it."""
    host = hv.do("host")
    definition = hv.show(name)["definition"]
    disks = [{"name": disk["name"], "size": 64 << 20} for disk in definition.get("disks", [])]
    machine = {"definition": definition, "accel": "tcg", "cpu": definition.get("cpu", "max"),
               "qemu": host["qemu"]["version"], "processor": "", "disks": disks,
               "checkpoints": [], "wanted": True}
    machine["definition"].update(changes)
    return machine
