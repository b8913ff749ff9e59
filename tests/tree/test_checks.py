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


TABLE = """\
const struct option_def option_defs[] = {
	{ "--limit", OPTION_LIMIT, "limit", "N", "so many at most", true },
	{ "--dry-run", OPTION_DRY_RUN, "dry_run", NULL, "only try", false },
};
enum {
	TERMS = OPTION_DRY_RUN,
};
const struct verb verbs[] = {
	{ "status", "", "", "one screen", 0, 0, 0, "status", { NULL }, print_status, NULL },
	{ "port", "list", "", "all ports", 0, 0, OPTION_LIMIT, "port.list", { NULL }, NULL, NULL },
	{ "port", "add", "NAME", "make one", 1, 1, TERMS, "port.add", { NULL }, NULL, NULL },
	{ NULL },
};
"""
MANUAL = """\
.It Cm status
.It Cm port list Op Fl Fl limit Ar n
.It Cm port add Ar name
"""


class Documents(unittest.TestCase):
    """check_docs.py on a tree that has a little of everything."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, text in {
                "tools/xvsctl/table.c": TABLE,
                "docs/man/xvsctl.8": MANUAL,
                "core/main/options.c": '{ "check", no_argument, NULL, 1 },\n',
                "docs/man/xvsd.8": ".It Fl Fl check\n",
                "hv/xvs_hv.c": "", "docs/man/xvs-hv.8": "",
                "hv/xvs_migrate.c": "", "docs/man/xvs-migrate.8": "",
                "docs/messages.yaml": "- {id: 7, name: READY}\n",
                "api/control/xvs-rpc.json": '{"name": "port.list"}, {"name": "port.add"}\n',
                "core/path/burst.c": '{ "xvs.vlan/1", "port-closed", "ports", "name" }\n',
                "tests/net/test_vlan.py": "",
        }.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def complaints(self):
        done = subprocess.run([sys.executable, HERE / "check_docs.py", self.root], text=True,
                              capture_output=True, check=False)
        found = done.stdout.splitlines()[:-1]
        self.assertEqual(done.returncode, 1 if found else 0, done.stdout + done.stderr)
        return found

    def assert_page(self, text, *wanted, name="docs/page.md"):
        self.write(name, text)
        found = self.complaints()
        with self.subTest(text=text):
            self.assertEqual(len(found), len(wanted), found)
            for line, part in zip(found, wanted):
                self.assertIn(part, line)

    def test_what_is_there_may_be_named(self):
        self.assert_page("# A page\n\nSee [above](#a-page), [it](page.md#a-page), `core/path/burst.c`, "
                         "`test_vlan.py`,\n`xvsctl port list --limit 3`, `xvs.vlan/1`, XVS-0007 and "
                         "`port.add`.\n\n    xvsctl --json port add vm1 --dry-run   # and --more\n    "
                         "xvsd --check\n\n```yaml\nports:\n  - {name: vm1}\n```\n")

    def test_links_and_sections_that_are_not_there(self):
        self.assert_page("[a](gone.md) and [b](#gone)\n", "gone.md, which is not there",
                         "#gone, which has no such section")

    def test_files_and_tests_that_are_not_there(self):
        self.assert_page("`core/path/gone.c`, `core/*/burst.c`, `test_gone.py`\n",
                         "core/path/gone.c", "test_gone.py")

    def test_verbs_and_options_that_are_not_there(self):
        self.assert_page("`xvsctl port lst`, `xvsctl prt`, `xvsctl status --limit 3`\n\n    xvsd --chek\n",
                         '"port lst"', '"prt"', 'status " has no option --limit',
                         "xvsd has no option --chek")

    def test_names_that_nobody_has(self):
        self.assert_page("`xvs.vlan/2`, `org.xvs.gone`, `port.gone`\n\n    [XVS-0008] gone\n",
                         "xvs.vlan/2", "org.xvs.gone", "XVS-0008", "port.gone")

    def test_reasons_and_keys_that_nobody_has(self):
        self.assert_page("| reason | |\n| --- | --- |\n| `port-closed` | a |\n| `port-gone` | b |\n\n"
                         "```yaml\nports: [{nmae: vm1}]\n```\n", "port-gone", "nmae")

    def test_rows_that_nothing_shows(self):
        self.assert_page("| row | what | state | shown by |\n| A1 | a | yes | `tests/net/test_vlan.py` |\n"
                         "| A2 | b | later | |\n| A3 | c | in part | |\n", "row A3",
                         name="docs/features.md")

    def test_manual_pages_that_lack_something(self):
        self.write("docs/man/xvsctl.8", ".It Cm status\n.It Cm port list\n")
        self.write("docs/man/xvsd.8", "")
        found = self.complaints()
        self.assertEqual(len(found), 3, found)
        self.assertIn('"port list" lacks --limit', found[0])
        self.assertIn('does not have the verb "port add"', found[1])
        self.assertIn("xvsd.8: does not have the option --check", found[2])

    def test_comments_that_name_files_which_have_gone(self):
        self.write("core/path/tx.c", "/* as core/path/gone.c and core/path/burst.c */\n")
        found = self.complaints()
        self.assertEqual(found, ["core/path/tx.c:1: names core/path/gone.c, which is not there"])


if __name__ == "__main__":
    unittest.main()
