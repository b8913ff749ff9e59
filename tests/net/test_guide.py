# SPDX-License-Identifier: Apache-2.0
"""The extension of docs/extension-guide.md, built from installed headers alone, does what it says.

    [vm1] --tap--+-- [ lab: notelnet ]
    [vm2] --tap--+
"""

import os
import pathlib
import re
import subprocess

import pytest

from support.daemon import BUILD

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "extension-guide.md"
ID = "com.example.notelnet"
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: notelnet, extension: com.example.notelnet}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where `cmake --install` has put headers and the file of pkg-config."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(root)},
                   capture_output=True, check=True)
    return root


def copy_from_guide(language, file):
    text, = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"),
                       re.MULTILINE | re.DOTALL)
    file.write_text(text, encoding="utf-8")


def built(compiler, installed, folder):
    """The C of the guide as a shared object in 'folder', by pkg-config."""
    copy_from_guide("c", folder / "notelnet.c")
    package, = installed.rglob("xvs-extension.pc")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "xvs-extension"], text=True, capture_output=True, check=True,
        env={**os.environ, "PKG_CONFIG_PATH": str(package.parent),
             "PKG_CONFIG_SYSROOT_DIR": str(installed)}).stdout.split()
    done = subprocess.run(
        [compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared",
         "-fvisibility=hidden", *flags, "-o", folder / "notelnet.so", folder / "notelnet.c"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "notelnet.so"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_it_keeps_telnet_out_until_it_is_allowed(hosts, xvsd, tmp_path, tool, installed, compiler):
    vm1, vm2 = hosts("vm1", "vm2")
    module = built(tool(compiler), installed, tmp_path)
    daemon = xvsd(CONFIG + f"extensions: {{path: [{tmp_path}]}}\n")
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    assert ID in daemon.do("ext", "show", module)
    assert "allow" in daemon.do("policy", "help", f"{ID}/1")
    vm1.reaches("10.77.0.2")
    listener = vm2.listen("10.77.0.2", 23)
    assert not vm1.connects("10.77.0.2", 23, patience_s=0.2)
    daemon.wait_for_drop("telnet", "lab/vm1")
    daemon.do("policy", "set", "lab/vm1", f"{ID}/1", "allow=true")
    daemon.do("policy", "set", "lab/vm2", f"{ID}/1", "allow=true")
    assert vm1.connects("10.77.0.2", 23)
    listener.close()


def test_the_package_of_cmake_makes_the_same_module(tmp_path, tool, installed):
    package = next(installed.rglob("xvs-extensionConfig.cmake")).parent
    copy_from_guide("c", tmp_path / "notelnet.c")
    copy_from_guide("cmake", tmp_path / "CMakeLists.txt")
    for command in (
            ["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_C_COMPILER={tool('gcc')}",
             "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror", f"-Dxvs-extension_DIR={package}"],
            ["cmake", "--build", tmp_path / "build"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    module = tmp_path / "build" / "notelnet.so"
    symbols = subprocess.run(["nm", "-D", "--defined-only", module], capture_output=True,
                             text=True, check=True).stdout.split()
    assert symbols[2::3] == ["xvs_module_1"]
    shown = subprocess.run([str(BUILD / "bin" / "xvsctl"), "ext", "show", module],
                           capture_output=True, text=True, check=True).stdout
    assert ID in shown


@pytest.mark.parametrize("header", ["capture", "counters", "protocol"])
def test_layouts_of_shared_memory_are_installed(installed, tool, header):
    include = next(installed.rglob("xvs/extension.h")).parents[1]
    done = subprocess.run(
        [tool("gcc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{include}",
         "-xc", "-"], input=f"#include <xvs/control/{header}.h>\nint nothing;\n",
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
