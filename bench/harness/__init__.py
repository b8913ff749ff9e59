# SPDX-License-Identifier: Apache-2.0
"""What tools/bench is made of: cli, the laboratory, one module a scenario, the report."""
