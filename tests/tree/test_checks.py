#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks of this folder notice what they are for: each is tried on a small tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("api/xvs/extension.h", '#include "abi.h"\n')
        self.write("api/xvs/abi.h", "#include <stdint.h>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_check(self, name):
        return subprocess.run([sys.executable, HERE / name, self.root],
                              text=True, capture_output=True, check=False)

    def assert_includes(self, file, include, accepted):
        self.write(file, f'/* licence */\n#include "{include}"\n')
        result = self.run_check("check_includes.py")
        with self.subTest(file=file, include=include):
            self.assertEqual(result.returncode, 0 if accepted else 1, result.stdout)
            if not accepted:
                self.assertIn(f'{file}:2: includes "{include}"', result.stdout)
        (self.root / file).unlink()

    def test_core_sees_its_folder_lower_floors_and_api(self):
        self.write("core/path/private.h", "")
        for include in ("path/chain.h", "private.h", "ext/loader.h", "flow/cache.h", "base/str.h",
                        "xvs/extension.h"):
            self.assert_includes("core/path/chain.c", include, True)

    def test_core_sees_no_higher_floor_and_no_sibling(self):
        for file, include in (("core/base/rcu.c", "packet/packet.h"),
                              ("core/port/tap.c", "flow/cache.h"),
                              ("core/conn/track.c", "port/port.h"),
                              ("core/path/chain.c", "policy/schema.h"),
                              ("core/packet/parse.c", "main/main.h")):
            self.assert_includes(file, include, False)

    def test_core_sees_no_plugin_and_no_neighbour_by_relative_path(self):
        self.write("plugins/filter/guard/arp.h", "")
        self.write("core/path/chain.h", "")
        self.assert_includes("core/ext/loader.c", "../../plugins/filter/guard/arp.h", False)
        self.assert_includes("core/ext/loader.c", "../path/chain.h", False)

    def test_folder_without_a_floor_is_refused(self):
        self.write("core/attic/old.c", "")
        result = self.run_check("check_includes.py")
        self.assertEqual(result.returncode, 1)
        self.assertIn("core/attic has no floor", result.stdout)

    def test_extension_sees_api_and_itself_only(self):
        self.write("plugins/filter/guard/arp.h", "")
        self.write("core/base/str.h", "")
        file = "plugins/filter/guard/guard.c"
        self.assert_includes(file, "xvs/extension.h", True)
        self.assert_includes(file, "arp.h", True)
        self.assert_includes(file, "base/str.h", False)
        self.assert_includes(file, "../../../core/base/str.h", False)

    def test_api_depends_on_nothing(self):
        self.write("core/base/str.h", "")
        self.assert_includes("api/xvs/host.h", "abi.h", True)
        self.assert_includes("api/xvs/host.h", "base/str.h", False)
        self.assert_includes("api/xvs/host.h", "../../core/base/str.h", False)

    def test_program_sees_api_and_base(self):
        self.assert_includes("tools/xvsctl/main.c", "base/str.h", True)
        self.assert_includes("hv/main.c", "rpc/rpc.h", True)
        self.assert_includes("hv/main.c", "switch/spec.h", False)
        self.assert_includes("tools/xvsctl/main.c", "control/rpc.h", False)

    def test_file_over_its_budget_is_refused(self):
        self.write("core/base/long.c", "\n" * 801)
        self.write("core/base/fits.c", "\n" * 800)
        self.write("api/xvs/long.h", "\n" * 251)
        result = self.run_check("check_sizes.py")
        self.assertEqual(result.returncode, 1)
        self.assertIn("core/base/long.c: 801 lines, at most 800", result.stdout)
        self.assertIn("api/xvs/long.h: 251 lines, at most 250", result.stdout)
        self.assertNotIn("fits.c", result.stdout)

    def test_tree_within_its_budgets_is_accepted(self):
        self.assertEqual(self.run_check("check_sizes.py").returncode, 0)


if __name__ == "__main__":
    unittest.main()
