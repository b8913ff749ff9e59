# SPDX-License-Identifier: Apache-2.0
"""Virtual machines as guests of the switch: image.py, machine.py, adapter.py."""
