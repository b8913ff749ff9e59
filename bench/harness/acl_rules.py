# SPDX-License-Identifier: Apache-2.0
"""Access lists of a port by the number of their rules: how long a change takes, what new flows cost.

A change is one transaction of the daemon, by its socket.  The same bytes sent for a policy that is not
known are read and refused: that is reading, and is taken off.
"""

import json
import pathlib
import re
import socket
import time

from harness.lab import BenchError, run

NAME = "acl-rules"
SUMMARY = "100 to 100,000 rules on a port: setting them, and the first packet of a flow"
IS_USUAL = False
TOOLS = ("ip",)
TARGETS = ("xvsd", "portacl_bench")
COUNTS = (100, 1000, 10000, 100000)
ROUNDS_MIN = 3
PATIENCE_S = 60
COLUMNS = ["rules", "set, s", "reading, s", "first packet, ns", "to 100", "with state, ns", "to 100"]
LINE = re.compile(r"^\s*(\d+)\s+([\d.]+)\s+(\d+)\s+([\d.]+)\s+(\d+)\s+([\d.]+)$", re.M)
CONFIG = """
switches:
  - name: bench
    type: private
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: guest}}
"""


def rules_of(lab, count):
    """A mix of rules as sites have them, as JSON."""
    return run(lab.program("bench/portacl_bench"), "--rules", count).replace("\n", "")


def call(path, method, params):
    """(seconds, answer) of a request."""
    text = f'{{"jsonrpc": "2.0", "id": 1, "method": "{method}", "params": {params}}}\n'.encode()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE_S)
        s.connect(str(path))
        started = time.monotonic()
        s.sendall(text)
        with s.makefile("rb") as lines:
            answer = json.loads(lines.readline())
    return time.monotonic() - started, answer


def change(path, rules):
    """Seconds to read the rules, and to have them in force beyond that."""
    def params(feature):
        return (f'{{"target": "bench/vm1", "feature": "{feature}", "override": true, '
                f'"fields": {{"rules": {rules}}}}}')

    reading, refused = call(path, "policy.set", params("xvs.nothing/1"))
    took, answer = call(path, "policy.set", params("xvs.acl-extended/1"))
    call(path, "policy.unset",
         '{"target": "bench/vm1", "feature": "xvs.acl-extended/1", "override": true}')
    if "error" in answer or "error" not in refused:
        raise BenchError(f"xvsd: {answer} {refused}"[:300])
    return reading, took - reading


def changes(lab, rounds):
    home = pathlib.Path(lab.dir)
    (home / "acl.yaml").write_text(CONFIG, encoding="utf-8")
    rules = {count: rules_of(lab, count) for count in COUNTS}
    with lab.namespaces("guest"):
        daemon = lab.start(lab.program("bin/xvsd"), "--foreground", "--config", home / "acl.yaml",
                           "--socket", home / "acl.sock", "--state", home / "acl-state")
        try:
            daemon.wait_until("socket", (home / "acl.sock").exists)
            # each round all counts, so that what disturbs one disturbs the others
            done = [{count: change(home / "acl.sock", rules[count]) for count in COUNTS}
                    for _ in range(rounds)]
        finally:
            daemon.stop()
    return {count: {"reading_s": min(one[count][0] for one in done),
                    "set_s": min(one[count][1] for one in done)} for count in COUNTS}


def first_packets(lab, rounds):
    """Nanoseconds, without and with state, and what they are to those with 100 rules.  Each run has all
    counts, and of each count the least is taken: a machine that others use is slow for seconds."""
    runs = [LINE.findall(run(lab.program("bench/portacl_bench"))) for _ in range(rounds)]
    least = {int(lines[0][0]): [min(int(line[column]) for line in lines) for column in (2, 4)]
             for lines in zip(*runs)}
    first, first_state = least[COUNTS[0]]
    return {count: {"ns": ns, "ratio": ns / first,
                    "state_ns": state_ns, "state_ratio": state_ns / first_state}
            for count, (ns, state_ns) in least.items()}


def measure(lab, args):
    rounds = max(args.rounds, 1 if args.rounds == 1 else ROUNDS_MIN)
    set_in = changes(lab, rounds)
    found = first_packets(lab, rounds)
    data = [{"rules": count, **set_in[count], **found[count]} for count in COUNTS]
    return {
        "scenario": NAME,
        "title": "ClassBench-like mix on one port, least of the rounds",
        "columns": COLUMNS,
        "rows": [[str(one["rules"]), one["set_s"], one["reading_s"], one["ns"], one["ratio"],
                  one["state_ns"], one["state_ratio"]] for one in data],
        "data": data,
        "notes": ["set: one transaction, from the request to the answer that it is in force, without "
                  "reading the rules.",
                  "first packet: what access lists cost the first packet of a flow; those of 65,536 "
                  "flows in turn, so little is in the caches.  Later ones do not come there."],
    }
