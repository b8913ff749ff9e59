# SPDX-License-Identifier: Apache-2.0
"""The generator, bench/vgen: what it is asked for, and what it says."""

import json
import select
import subprocess

from harness.lab import BenchError

GRACE_S = 60  # beyond what it was asked to measure: connections, learning, handshakes
WARM = "warm\n"  # what it says with --wait


def first_line(child, patience_s):
    """Of its complaints; "" if it ended without."""
    if not select.select([child.stderr], [], [], patience_s)[0]:
        raise subprocess.TimeoutExpired(child.args, patience_s)
    return child.stderr.readline()


def run(lab, mode, peer, *options, sinks=(), when_warm=None):
    """One run on the generator's core; the figures that it prints.  when_warm() before it measures."""
    command = [lab.program("bench/vgen"), mode, "--core", lab.generator_core]
    if peer.connects:
        command.append("--server")
    for socket in [*peer.sockets(), *sinks]:
        command += ["--socket", socket]
    command += options
    patience_s = lab.patience_s(options) + GRACE_S
    if when_warm:
        command.append("--wait")
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            complaint = first_line(child, patience_s) if when_warm else ""
            if complaint == WARM:
                complaint = ""
                when_warm()
            said, more = child.communicate("\n", timeout=patience_s)
        except subprocess.TimeoutExpired as error:
            child.kill()
            raise BenchError(f"{peer.name}: vgen {mode} did not end") from error
    if child.returncode != 0:
        raise BenchError(f"{peer.name}: {(complaint + more).strip() or 'vgen failed'}")
    return json.loads(said)
