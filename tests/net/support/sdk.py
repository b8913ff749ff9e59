# SPDX-License-Identifier: Apache-2.0
"""What a vendor has in hand: the SDK installed by itself, and extensions built with nothing else."""

import pathlib
import subprocess

from support.daemon import BUILD

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "extensions"
WARNINGS = ("-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")
LANGUAGE = {".c": ("gcc", "-std=gnu11"), ".cc": ("g++", "-std=gnu++20", "-Wpedantic",
                                               "-Wno-missing-field-initializers")}


def succeed(*command, **options):
    """The output of a command, which must end well."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Sdk:
    """The component sdk, installed below a folder of its own."""

    def __init__(self, prefix):
        self.prefix = prefix
        succeed("cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix)

    def program(self, name):
        return self.prefix / "bin" / name

    def cmake(self, folder, *options):
        """Configured and built, in folder/build."""
        build = folder / "build"
        succeed("cmake", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", *options)
        succeed("cmake", "--build", build)
        return build

    def module(self, source, folder, name=None):
        """A shared object in 'folder', by one call of the compiler."""
        out = folder / f"{name or source.stem}.so"
        succeed(*LANGUAGE[source.suffix], *WARNINGS, "-O2", "-fPIC", "-shared",
                "-fvisibility=hidden", f"-I{self.prefix / 'include'}", "-o", out, source)
        return out

    def new(self, folder, name, cls, *options):
        """The folder of a new project."""
        succeed(self.program("xvs-new"), name, "--class", cls, *options, cwd=folder)
        return folder / name


def example(sdk, name, folder):
    """An example of the SDK as a module in 'folder'."""
    folder.mkdir(exist_ok=True)
    return sdk.module(EXAMPLES / name / f"{name}.c", folder)
