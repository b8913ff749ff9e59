# SPDX-License-Identifier: Apache-2.0
"""Who may do what follows from who asks: anybody may look, root may change.  No traffic.

    [ lab ] --null-- p1
"""

import multiprocessing
import os
import pathlib

import pytest

from support.daemon import Refused

NOBODY = 65534
FORBIDDEN = -32003
CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {name: p1, backend: {kind: "null"}}
"""


@pytest.fixture
def daemon(daemon_at):
    made = daemon_at(CONFIG)
    made.socket = pathlib.Path("/run/roles.sock")  # where nobody may go, too
    return made.start()


def as_nobody(daemon, method, **params):
    """What the daemon answers to a process without any rights: (result, code)."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()

    def ask():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            theirs.send((daemon.rpc(method, **params), 0))
        except Refused as refused:
            theirs.send((None, refused.code))

    process = context.Process(target=ask)
    process.start()
    process.join()
    assert mine.poll(), "the process without rights had no answer"
    return mine.recv()


@pytest.mark.parametrize("method", ["switch.list", "port.list", "drops", "accounts", "version"])
def test_anybody_may_look(daemon, method):
    assert as_nobody(daemon, method) == (daemon.rpc(method), 0)


@pytest.mark.parametrize("method, params", [
    ("port.block", {"target": "lab/p1"}),
    ("port.remove", {"target": "lab/p1"}),
    ("policy.set", {"target": "lab/p1", "feature": "xvs.vlan/1", "fields": {"vlan": 5}}),
    ("config.apply", {}), ("config.reload", {}), ("config.export", {}),
    ("conn.flush", {})])
def test_only_the_trusted_may_change_or_read_secrets(daemon, method, params):
    before = daemon.port("lab/p1")
    assert as_nobody(daemon, method, **params) == (None, FORBIDDEN)
    assert daemon.port("lab/p1") == before


def test_what_is_no_request_is_answered_and_harms_nobody(daemon):
    for text in (b"", b"{", b"[]", b"null", b'{"jsonrpc":"2.0","id":1,"method":"nonsense"}',
                 b'{"jsonrpc":"2.0","id":1,"method":"port.show","params":{"target":7}}',
                 b"\xff\xfe" * 100, b"[" * 100000):
        answer = daemon.raw(text)
        assert answer == b"" or b'"error"' in answer, (text[:40], answer)
    assert daemon.rpc("version")
