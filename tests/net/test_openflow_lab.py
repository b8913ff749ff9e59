# SPDX-License-Identifier: Apache-2.0
"""examples/openflow/lab as it is: one command, a switch under a controller that is killed."""

import os
import pathlib
import subprocess

from support.daemon import BUILD
from support.patience import PATIENCE_S

LAB = pathlib.Path(__file__).resolve().parents[2] / "examples" / "openflow" / "lab"


def test_the_lab_runs_as_written_and_leaves_nothing(tool):
    tool("osken-manager")
    pathlib.Path("/run/openvswitch").mkdir(exist_ok=True)
    with subprocess.Popen([str(LAB)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}",
                               "XVSD_OPTIONS": f"--extensions {BUILD / 'extensions'}"}) as lab:
        try:
            said, _ = lab.communicate(timeout=2 * PATIENCE_S)
        except subprocess.TimeoutExpired:
            lab.terminate()  # it clears away, which one that is killed does not
            said, _ = lab.communicate(timeout=PATIENCE_S)
    assert lab.returncode == 0, said
    assert said.count("3 received") == 2 and "c does not reach a" in said
    assert "priority=1," in said and "last_error" in said and "Done" in said
    assert "of-" not in subprocess.run(["ip", "netns"], capture_output=True, text=True,
                                       check=True).stdout
