# SPDX-License-Identifier: Apache-2.0
"""The extension of docs/extension-guide.md, built from the installed SDK alone, does what it says.

    [vm1] --tap--+-- [ lab: tiny ]
    [vm2] --tap--+
"""

import os
import re

import pytest

from support.daemon import BUILD
from support.sdk import EXAMPLES, ROOT, Sdk, succeed

GUIDE = ROOT / "docs" / "extension-guide.md"
ID = "com.example.tiny"
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: tiny, extension: com.example.tiny}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    return Sdk(tmp_path_factory.mktemp("sdk"))


def told(language):
    """What the guide shows in a language, once."""
    text, = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"),
                       re.MULTILINE | re.DOTALL)
    return text


def test_the_guide_shows_the_example_as_it_is():
    source = (EXAMPLES / "tiny" / "tiny.c").read_text(encoding="utf-8")
    assert told("c") == source and source.count("\n") < 80
    assert told("cmake") == (EXAMPLES / "tiny" / "CMakeLists.txt").read_text(encoding="utf-8")


def compiled_as_told(compiler, sdk, folder):
    """By the command of the guide that does without CMake."""
    (folder / "tiny.c").write_text(told("c"), encoding="utf-8")
    command, = re.findall(r"^    (cc .*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    package, = sdk.prefix.rglob("xvs-extension.pc")
    # the file names the prefix that was configured
    prefix, = re.findall(r"^prefix=(.*)$", package.read_text(encoding="utf-8"), re.MULTILINE)
    command = command.replace("cc ", f"{compiler} -Wall -Wextra -Wno-unused-parameter -Werror ", 1)
    command = command.replace("pkg-config", f"pkg-config --define-variable=includedir={sdk.prefix}/include")
    assert prefix
    succeed("sh", "-c", command, cwd=folder,
            env={**os.environ, "PKG_CONFIG_PATH": str(package.parent)})
    return folder / "tiny.so"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_it_keeps_telnet_out_until_it_is_allowed(hosts, xvsd, tmp_path, tool, sdk, compiler):
    vm1, vm2 = hosts("vm1", "vm2")
    module = compiled_as_told(tool(compiler), sdk, tmp_path)
    daemon = xvsd(CONFIG + f"extensions: {{path: [{tmp_path}]}}\n")
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    assert ID in daemon.do("ext", "show", module)
    assert "allow" in daemon.do("policy", "help", f"{ID}/1")
    vm1.reaches("10.77.0.2")
    daemon.do("policy", "set", "lab/vm1", f"{ID}/1", "allow=false")
    listener = vm2.listen("10.77.0.2", 23)
    assert not vm1.connects("10.77.0.2", 23, patience_s=0.2)
    daemon.wait_for_drop("telnet", "lab/vm1")
    daemon.do("policy", "set", "lab/vm1", f"{ID}/1", "allow=true")
    assert vm1.connects("10.77.0.2", 23)
    listener.close()


def test_the_commands_of_the_guide_make_a_project(tmp_path, sdk):
    """Word by word, by a shell."""
    succeed("sh", "-euxc", told("sh"), cwd=tmp_path,
            env={**os.environ, "PATH": f"{sdk.prefix / 'bin'}:{os.environ['PATH']}",
                 "CMAKE_PREFIX_PATH": str(sdk.prefix)})
    module = tmp_path / "demo" / "build" / "demo.so"
    symbols = succeed("nm", "-D", "--defined-only", module).split()
    assert symbols[2::3] == ["xvs_module_1"]
    assert "com.example.demo" in succeed(BUILD / "bin" / "xvsctl", "ext", "show", module)
    shown = succeed(BUILD / "bin" / "xvsctl", "ext", "show", module.with_suffix(".xvsx"))
    assert "vendor: Example" in shown and "conforms: yes" in shown
    package, = (tmp_path / "demo").glob("*.deb")
    listed = succeed("dpkg-deb", "-c", package)
    assert "/xvs/extensions/demo.so" in listed and "copyright" in listed
    assert "xvs (>= " in succeed("dpkg-deb", "-f", package, "Depends")


@pytest.mark.parametrize("header", ["capture", "counters", "protocol"])
def test_layouts_of_shared_memory_are_installed(sdk, tool, header):
    succeed(tool("gcc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
            f"-I{sdk.prefix / 'include'}", "-xc", "-",
            input=f"#include <xvs/control/{header}.h>\nint nothing;\n")
