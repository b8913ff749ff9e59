# SPDX-License-Identifier: Apache-2.0
"""What the scenarios share: hosts (host.py), frames (wire.py), the daemon (daemon.py)."""
