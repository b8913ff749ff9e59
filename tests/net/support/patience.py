# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions.

The limits are far beyond what a working switch needs: they end a hung test, they measure nothing.
"""

import time

PATIENCE_S = 60


def wait_for(what, condition, patience_s=PATIENCE_S):
    """Asks until condition() is true and gives back what it said."""
    end = time.monotonic() + patience_s
    pause_s = 0.0005
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {patience_s} s"
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)
