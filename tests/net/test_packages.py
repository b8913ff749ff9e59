# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that cpack makes of a build: what is in which, and what each asks for."""

import subprocess

import pytest

from support.daemon import BUILD
from support.sdk import succeed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """{name: file}"""
    folder = tmp_path_factory.mktemp("packages")
    succeed("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


def names(package):
    return {line.split()[5] for line in succeed("dpkg-deb", "-c", package).splitlines()}


def test_one_is_for_hosts_and_one_for_vendors(packages):
    assert set(packages) == {"xvs", "xvs-sdk"}
    hosts, vendors = (" ".join(names(packages[name])) for name in ("xvs", "xvs-sdk"))
    for end in ("/bin/xvsd", "/bin/xvsctl", "/bin/xvs-hv", "/extensions/guard.so", "/man8/xvsd.8",
                "lib/systemd/system/xvs.service", "lib/sysusers.d/xvs.conf", "/xvs/copyright"):
        assert end in hosts and end not in vendors, end
    for end in ("/bin/xvs-new", "/bin/xvs-sign", "/include/xvs/extension.h", "/man1/xvs-new.1",
                "xvs-extensionConfig.cmake", "examples/extensions/tiny/tiny.c", "/xvs-sdk/copyright"):
        assert end in vendors and end not in hosts, end


def test_no_file_is_in_both(packages):
    both = names(packages["xvs"]) & names(packages["xvs-sdk"])
    assert all(name.endswith("/") for name in both)


def test_they_name_the_libraries_that_they_need(packages):
    hosts, vendors = (succeed("dpkg-deb", "-f", packages[name], "Depends")
                      for name in ("xvs", "xvs-sdk"))
    for library in ("libc6 (>=", "libevent-2.1-7", "libxdp1", "liburcu8", "systemd |"):
        assert library in hosts
    assert "libssl3" in vendors and "systemd" not in vendors


def test_programs_are_stripped_and_extensions_keep_their_notes(packages, tmp_path):
    succeed("dpkg-deb", "-x", packages["xvs"], tmp_path)
    xvsd, = tmp_path.rglob("bin/xvsd")
    guard, = tmp_path.rglob("extensions/guard.so")
    assert ".symtab" not in succeed("readelf", "-SW", xvsd)
    assert "org.xvs.guard" in succeed(BUILD / "bin" / "xvsctl", "ext", "show", guard)


def test_scripts_of_the_package_are_shell(packages, tmp_path):
    succeed("dpkg-deb", "-e", packages["xvs"], tmp_path)
    for name in ("postinst", "prerm", "postrm"):
        assert (tmp_path / name).stat().st_mode & 0o111
        succeed("sh", "-n", tmp_path / name)


def test_users_of_the_services_are_made(packages, tmp_path):
    """By what the package brings, in a root of its own."""
    succeed("dpkg-deb", "-x", packages["xvs"], tmp_path)
    conf, = tmp_path.rglob("sysusers.d/xvs.conf")
    (tmp_path / "etc").mkdir()
    done = subprocess.run(["systemd-sysusers", f"--root={tmp_path}", conf], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "xvs-vm:" in (tmp_path / "etc" / "passwd").read_text()
