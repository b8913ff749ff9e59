# SPDX-License-Identifier: Apache-2.0
"""How the network card of a guest meets the switch: arguments for QEMU."""

import dataclasses


@dataclasses.dataclass
class Adapter:
    """One virtio-net card; 'traits' are properties of the device: {"packed": "on"}."""
    mac: str
    queues: int = 1
    traits: dict = dataclasses.field(default_factory=dict)

    def backend(self):
        raise NotImplementedError

    def device(self, hardware):
        """The card; 'hardware' are properties that the machine asks for."""
        traits = {"netdev": "n0", "mac": self.mac, "romfile": ""}
        if self.queues > 1:
            traits["mq"] = "on"
        traits |= hardware | self.traits
        words = ",".join(f"{name}={value}" for name, value in traits.items())
        return ["-device", f"virtio-net-pci,{words}"]


@dataclasses.dataclass
class Tap(Adapter):
    """A tap of QEMU's own; the switch holds the kernel's end of it (af_packet)."""
    name: str = ""

    def backend(self):
        return ["-netdev", f"tap,id=n0,ifname={self.name},script=no,downscript=no,vhost=off"]


@dataclasses.dataclass
class VhostUser(Adapter):
    """Rings in the guest's memory.  'listens': QEMU makes the socket and the switch connects."""
    socket: str = ""
    listens: bool = False

    def backend(self):
        role = "server=on,wait=off" if self.listens else "server=off,reconnect=1"
        return ["-chardev", f"socket,id=v0,path={self.socket},{role}",
                "-netdev", f"vhost-user,id=n0,chardev=v0,queues={self.queues}"]
