#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone, as C11 and as C++17, by each compiler, without padding."""

import pathlib
import subprocess
import unittest

API = pathlib.Path(__file__).resolve().parents[3] / "api"
COMPILERS = [
    ["gcc", "-std=c11", "-x", "c"],
    ["clang", "-std=c11", "-x", "c"],
    ["g++", "-std=c++17", "-x", "c++"],
    ["clang++", "-std=c++17", "-x", "c++"],
]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wpadded", "-Werror"]
FROZEN = sorted(API.glob("xvs/*.h"))
DRAFTS = sorted(API.glob("xvs/ext/*.h"))


def compile_text(compiler, text, *flags):
    return subprocess.run(
        [*compiler, *WARNINGS, *flags, "-I", str(API), "-fsyntax-only", "-"],
        input=text, text=True, capture_output=True, check=False)


class Headers(unittest.TestCase):
    def assert_compiles(self, header, *flags):
        # Twice, so that a missing include guard shows as well.
        text = f'#include "{header.relative_to(API)}"\n' * 2
        for compiler in COMPILERS:
            with self.subTest(header=header.name, compiler=compiler[0]):
                result = compile_text(compiler, text, *flags)
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_frozen_headers_compile_alone(self):
        self.assertGreater(len(FROZEN), 7)
        for header in FROZEN:
            self.assert_compiles(header)

    def test_drafts_compile_alone_when_asked_for(self):
        self.assertGreater(len(DRAFTS), 0)
        for header in DRAFTS:
            self.assert_compiles(header, "-DXVS_USE_DRAFT")

    def test_interfaces_not_frozen_must_be_asked_for(self):
        for header in DRAFTS:
            if '"xvs.' not in header.read_text(encoding="utf-8"):
                continue  # inline helpers ask nothing of the host
            with self.subTest(header=header.name):
                result = compile_text(COMPILERS[0], f'#include "xvs/ext/{header.name}"\n')
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("not frozen yet", result.stderr)

    def test_extension_h_brings_every_frozen_header(self):
        text = '#include "xvs/extension.h"\n'
        for header in FROZEN:
            guard = f"XVS_{header.stem.upper()}_H"
            text += f"#ifndef {guard}\n#error {guard}\n#endif\n"
        result = compile_text(COMPILERS[0], text)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_padding_would_be_noticed(self):
        text = "struct gap { char a; int b; };\nunsigned long n = sizeof(struct gap);\n"
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler[0]):
                self.assertNotEqual(compile_text(compiler, text).returncode, 0)


if __name__ == "__main__":
    unittest.main()
