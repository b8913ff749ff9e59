# SPDX-License-Identifier: Apache-2.0
"""tests/net: the switch among namespaces."""

from support.fixtures import (check, daemon_at, hosts, outside, require_namespaces, tool,  # noqa: F401
                              xvsd)


def pytest_configure(config):
    require_namespaces("net")
