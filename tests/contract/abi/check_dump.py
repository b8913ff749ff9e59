#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The headers still are what api/abi/xvs-1.xml says, and the comparison notices what breaks.

A growth that the rules of xvs/abi.h allow must pass, anything else must fail: each is tried
on a changed copy of the headers.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
API = ROOT / "api"
RELEASED = API / "abi" / "xvs-1.xml"


class Dump(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.copy = pathlib.Path(self.folder.name)
        shutil.copytree(API / "xvs", self.copy / "xvs")

    def change(self, header, old, new):
        path = self.copy / "xvs" / header
        text = path.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, f"{old!r} in {header}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def check(self):
        return subprocess.run([ROOT / "tools" / "abi-check", "-I", self.copy],
                              text=True, capture_output=True, check=False)

    def assert_accepted(self):
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def assert_refused(self, name):
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(name, result.stdout)

    def test_headers_are_as_released(self):
        self.assert_accepted()

    def test_every_public_type_is_guarded(self):
        dump = RELEASED.read_text(encoding="utf-8")
        for header in sorted(API.glob("xvs/*.h")):
            text = header.read_text(encoding="utf-8")
            for name in re.findall(r"^(?:struct|enum) (xvs_\w+) \{", text, re.MULTILINE):
                with self.subTest(header=header.name, type=name):
                    self.assertIn(f"name='{name}'", dump, "add it to api/abi/anchor.c")

    def test_appended_function_is_accepted(self):
        self.change("host.h",
                    "(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason);\n",
                    "(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason);\n"
                    "\tint (*later)(const struct xvs_host *h);\n")
        self.change("extension.h",
                    "const void *(*query)(void *self, const char *id); ",
                    "const void *(*query)(void *self, const char *id);\n"
                    "\tvoid (*later)(void *self); ")
        self.assert_accepted()

    def test_appended_field_is_accepted(self):
        self.change("conn.h", "\tuint64_t *slot; ", "\tuint64_t *slot;\n\tuint64_t later; ")
        self.assert_accepted()

    def test_inserted_field_is_refused(self):
        self.change("packet.h", "\tuint64_t rx_ns; ", "\tuint64_t early;\n\tuint64_t rx_ns; ")
        self.change("packet.h", "sizeof(struct xvs_packet) == 64", "sizeof(struct xvs_packet) > 64")
        self.assert_refused("xvs_packet")

    def test_inserted_function_is_refused(self):
        self.change("host.h", "\tuint64_t (*now)(const struct xvs_host *h);",
                    "\tint (*early)(const struct xvs_host *h);\n"
                    "\tuint64_t (*now)(const struct xvs_host *h);")
        self.assert_refused("xvs_host")

    def test_retyped_field_is_refused(self):
        self.change("extension.h", "\tuint32_t speed_mbps;", "\tint32_t speed_mbps;")
        self.assert_refused("xvs_port")

    def test_retyped_field_beside_an_appended_one_is_refused(self):
        self.change("conn.h", "\tuint32_t mark;      /* set", "\tint32_t mark;      /* set")
        self.change("conn.h", "\tuint64_t *slot; ", "\tuint64_t *slot;\n\tuint64_t later; ")
        self.assert_refused("xvs_conn")

    def test_removed_field_is_refused(self):
        self.change("flow.h", "\tuint64_t cookie;              /*", "\t/*")
        self.assert_refused("xvs_flow_verdict")

    def test_exchanged_fields_are_refused(self):
        self.change("state.h", "uint32_t format_min, format_max;", "uint32_t format_max, format_min;")
        self.assert_refused("format_min")

    def test_changed_parameter_is_refused(self):
        self.change("host.h", "(*pull)(const struct xvs_host *h, struct xvs_packet *p, uint32_t want)",
                    "(*pull)(const struct xvs_host *h, struct xvs_packet *p, uint64_t want)")
        self.assert_refused("xvs_host")

    def test_grown_frozen_structure_is_refused(self):
        self.change("policy.h", "\tuint8_t pad[3];\n", "\tuint8_t pad[3];\n\tuint8_t later[4];\n")
        self.assert_refused("xvs_ip")

    def test_renumbered_value_is_refused(self):
        self.change("flow.h", "XVS_FLOW_WATCH = 2", "XVS_FLOW_WATCH = 3")
        self.assert_refused("XVS_FLOW_WATCH")

    def test_appended_value_is_accepted(self):
        self.change("conn.h", "\tXVS_CONN_MOVED = 6, ", "\tXVS_CONN_LATER = 7,\n\tXVS_CONN_MOVED = 6, ")
        self.assert_accepted()


if __name__ == "__main__":
    unittest.main()
