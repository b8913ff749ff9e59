# SPDX-License-Identifier: Apache-2.0
"""The generator, bench/vgen: what it is asked for, and what it says."""

import json
import subprocess

from harness.lab import BenchError

GRACE_S = 60  # beyond what it was asked to measure: connections, learning, handshakes


def run(lab, mode, peer, *options, sinks=()):
    """One run on the generator's core; the figures that it prints."""
    command = [lab.program("bench/vgen"), mode, "--core", lab.generator_core]
    if peer.connects:
        command.append("--server")
    for socket in [*peer.sockets(), *sinks]:
        command += ["--socket", socket]
    command += options
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              check=False, timeout=lab.patience_s(options) + GRACE_S)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{peer.name}: vgen {mode} did not end") from error
    if done.returncode != 0:
        raise BenchError(f"{peer.name}: {done.stderr.strip() or 'vgen failed'}")
    return json.loads(done.stdout)
