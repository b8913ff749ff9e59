# SPDX-License-Identifier: Apache-2.0
"""Projects that xvs-new writes, and the package that it comes with.  No traffic."""

import shutil
import subprocess

import pytest

from support.daemon import BUILD
from support.sdk import LANGUAGE, WARNINGS, EXAMPLES, Sdk, succeed

CLASSES = {"filter": "tiny", "inspect": "census", "forward": "allowlist", "firewall": "gate"}


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    return Sdk(tmp_path_factory.mktemp("sdk"))


def show(module):
    return succeed(BUILD / "bin" / "xvsctl", "--json", "ext", "show", module)


def test_what_is_installed_is_what_a_vendor_needs(sdk):
    for name in ("bin/xvs-new", "bin/xvs-sign", "bin/xvs-extrun", "bin/xvs-conform", "include/xvs/extension.h", "include/xvs/ext/sdk.h",
                 "share/doc/xvs-sdk/extension-guide.md", "share/man/man1/xvs-new.1"):
        assert (sdk.prefix / name).is_file(), name
    names = {path.name for path in sdk.prefix.rglob("*")}
    assert "xvs-extensionConfig.cmake" in names and "xvs-extension.pc" in names
    assert not names & {"xvsd", "guard.so", "xvs.service", "xvsd.8", "test_sdk.py"}


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_all_headers_are_clean_in_a_vendors_cxx17(sdk, tool, compiler):
    headers = sorted(path.relative_to(sdk.prefix / "include")
                     for path in (sdk.prefix / "include").rglob("*.h") if "control" not in path.parts)
    assert len(headers) > 20
    succeed(tool(compiler), "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
            "-fsyntax-only", f"-I{sdk.prefix / 'include'}", "-DXVS_USE_DRAFT", "-xc++", "-",
            input="".join(f"#include <{header}>\n" for header in headers))


@pytest.mark.parametrize("suffix", [".c", ".cc"])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_new_project_of_any_class_is_an_extension_of_that_class(sdk, tmp_path, cls, suffix):
    options = ("--cxx",) if suffix == ".cc" else ()
    project = sdk.new(tmp_path, "demo-1", cls, "--id", "com.acme.gate.demo", "--vendor", "Acme Inc.",
                      *options)
    shown = show(sdk.module(project / f"demo-1{suffix}", tmp_path))
    assert '"id": "com.acme.gate.demo"' in shown and f'"{cls}"' in shown
    for path in project.rglob("*"):
        text = path.read_text(encoding="utf-8") if path.is_file() and path.suffix != ".pcap" else ""
        for trace in (f"com.example.{CLASSES[cls]}", '"Example"', "SPDX"):
            assert trace not in text, path


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/CMakeLists.txt")))
def test_an_example_passes_its_own_tests(sdk, tmp_path, name):
    folder = EXAMPLES / name
    module, = folder.glob("*.c")
    test, = folder.glob("test/*.c")
    succeed(*LANGUAGE[".c"], *WARNINGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            f"-I{sdk.prefix / 'include'}", "-o", tmp_path / "test", module, test)
    succeed("setarch", "-R", tmp_path / "test")


def test_the_example_with_state_builds_through_cmake(sdk, tmp_path):
    """The one that xvs-new makes no project of, moved half way."""
    shutil.copytree(EXAMPLES / "quota", tmp_path / "quota")
    assert "100% tests passed" in succeed("ctest", "--test-dir", sdk.cmake(tmp_path / "quota"))


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--cxx",)], ids=["c", "c++"])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_new_project_builds_tests_and_packages_itself(sdk, tmp_path, cls, options):
    project = sdk.new(tmp_path, "demo", cls, *options)
    build = sdk.cmake(project, "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON")
    assert "100% tests passed" in succeed("ctest", "--test-dir", build)
    succeed("cpack", "--config", build / "CPackConfig.cmake", "-B", tmp_path)
    assert len(list(tmp_path.glob("xvs-extension-demo_*.deb"))) == 1


@pytest.mark.parametrize("words, why", [
    (("Demo", "--class", "filter"), "a name is"),
    (("../demo", "--class", "filter"), "a name is"),
    (("bundle", "--class", "filter"), "another name"),
    (("test", "--class", "filter"), "another name"),
    (("demo", "--class", "router"), "a class is"),
    (("demo", "--class", "filter", "--id", "demo"), "an id is"),
    (("demo", "--class", "filter", "--id", "org.xvs.demo"), "an id is"),
    (("demo", "--class", "filter", "--vendor", "a/b"), "a vendor is"),
    (("demo", "--class"), "wants a word"),
    (("demo",), "usage"),
])
def test_words_that_make_no_project_write_nothing(sdk, tmp_path, words, why):
    done = subprocess.run([sdk.program("xvs-new"), *words], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2 and why in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is(sdk, tmp_path):
    (tmp_path / "demo").mkdir()
    done = subprocess.run([sdk.program("xvs-new"), "demo", "--class", "filter"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert not list((tmp_path / "demo").iterdir())
