# SPDX-License-Identifier: Apache-2.0
"""Machines that move between two hosts while they talk: machine/two_hosts.py.

What a guest has begun goes on, what its port refuses stays refused at every instant, and what was
counted is counted further.
"""

import pytest

PORT = "lab/web-eth0"
FILLED = "head -c 1m /dev/vda | md5sum"


def carried(site):
    """What must be the same, and what must only grow."""
    port = site.daemon.port(PORT)
    stats = site.daemon.stats(PORT)
    grows = {name: stats[name] for name in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")}
    grows["quota"] = port["status"]["com.acme.quota.used/1"]["bytes"]
    denied = port["status"]["org.xvs.secgroup.hits/1"]["denied"]
    same = {name: port[name] for name in ("uuid", "mac", "policies", "requires", "owner")}
    return same, grows | {"denied": denied}


class Mover:
    """A guest with a written disk, and where it is."""

    def __init__(self, hosts, guest, talk):
        self.hosts = hosts
        self.guest = guest
        self.talk = talk
        self.place = "a"
        guest.run("head -c 1m /dev/urandom > /dev/vda; sync")
        self.digest = guest.run(FILLED)

    def move(self, *words):
        origin, target = self.hosts[self.place], self.hosts[self.hosts.other(self.place)]
        same, before = carried(origin)
        self.talk.ask("reset")
        report = origin.hv.do("migrate", "web", "--to", target.title, *words)
        self.place = target.name
        assert report["outcome"] == "moved", report
        self.check(report)
        now, after = carried(target)
        assert now == same
        assert all(after[name] >= count for name, count in before.items()), (before, after)
        return report

    def check(self, report):
        """It talks on, here and nowhere else, and reads what it has written."""
        said = self.talk.goes_on()
        self.hosts.found(self.guest, self.place)
        assert self.hosts.running_on("web") == [self.place] and len(self.hosts.qemus()) == 1
        self.guest.run("echo 3 > /proc/sys/vm/drop_caches")
        assert self.guest.run(FILLED) == self.digest
        print(f"silence {said['asking']['longest_ms']:.0f} ms, {said['asking']['longest_lost']} "
              f"questions lost; QEMU stood {report.get('downtime_ms', 0):.1f} ms; "
              f"{report.get('phases_ms')}")

    def store(self, path):
        """Its disk is somewhere else from now on, on the same host."""
        self.talk.ask("reset")
        self.hosts[self.place].hv.do("move-storage", "web", "root", path)
        assert path.stat().st_size > 0
        self.check({})


def go(hosts, image, rounds, **words):
    """All kinds of moves, in turn: with its disk, the disk alone, with a disk that both see."""
    guest = hosts.boot(image, **words)
    with hosts.talk(guest, bulk=True) as talk:
        mover = Mover(hosts, guest, talk)
        for _ in range(rounds):
            for _ in ("there", "back"):
                mover.move("--with-storage")
        for number in range(rounds):  # from now on it is where both hosts see it
            for place in ("one", "two"):
                mover.store(hosts.shared / f"{place}-{number}.qcow2")
            for _ in ("there", "back"):
                mover.move("--shared-storage")


def test_a_guest_moves_in_every_way_while_it_talks(two_hosts, image):
    go(two_hosts, image, rounds=1)


@pytest.mark.slow
@pytest.mark.parametrize("link", ["vhost-user", "tap"])
def test_a_guest_moves_again_and_again(two_hosts, image, link):
    go(two_hosts, image, rounds=4, link=link)
