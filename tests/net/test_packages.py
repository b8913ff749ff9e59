# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that cpack makes of a build: what is in which, and what each asks for."""

import os
import re
import shutil
import subprocess

import pytest

from support.daemon import BUILD, Daemon
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


# ---- a machine with nothing but a compiler, CMake and the SDK

def dependencies(*wanted):
    """Names of installed packages: these and all that they depend on."""
    listed = succeed("dpkg-query", "-W", "-f", "${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n")
    rows = [line.split("\t") for line in listed.splitlines()]
    asks = {name: set(re.findall(r"[a-z0-9][a-z0-9+.-]+", re.sub(r"\([^)]*\)|:any", "", needs)))
            for name, _, needs in rows}
    gives = {}
    for name, provided, _ in rows:
        for word in [name, *re.findall(r"[a-z0-9][a-z0-9+.-]+", re.sub(r"\([^)]*\)", "", provided))]:
            gives.setdefault(word, name)
    found, queue = set(), [gives[name] for name in wanted]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += [gives[word] for word in asks[name] if word in gives]
    return sorted(found)


def bare_root(folder, packages):
    """The files of these packages, and dpkg's knowledge of them alone."""
    for link in ("bin", "lib", "lib64", "sbin"):
        (folder / "usr" / link).mkdir(parents=True)
        (folder / link).symlink_to(f"usr/{link}")
    listed = {line for name in packages for line in succeed("dpkg-query", "-L", name).splitlines()}
    files = sorted(line for line in listed if os.path.islink(line) or os.path.isfile(line))
    succeed("sh", "-c", f"tar -c --no-recursion -T - | tar -xp --keep-directory-symlink -C {folder}",
            input="\n".join(files) + "\n")
    for name in ("tmp", "dev", "root", "etc/alternatives", "var/lib/dpkg/info",
                 "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    succeed("cp", "-a", "/etc/alternatives", "/etc/ld.so.conf.d", folder / "etc")
    for path in ("/usr/bin/cc", "/usr/bin/c++", "/usr/bin/awk"):
        if os.path.islink(path) and not (folder / path[1:]).is_symlink():
            (folder / path[1:]).symlink_to(os.readlink(path))
    (folder / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n", encoding="ascii")
    (folder / "dev/null").touch()
    (folder / "var/lib/dpkg/status").write_text(
        "\n".join(succeed("dpkg-query", "-s", name) for name in packages), encoding="utf-8")


def test_a_vendor_needs_no_more_than_a_compiler_cmake_and_the_sdk(packages, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    asked = re.findall(r"(?:^|, )([a-z0-9][a-z0-9+.-]+)", succeed("dpkg-deb", "-f", packages["xvs-sdk"],
                                                                "Depends"))
    bare_root(root, dependencies("gcc", "g++", "make", "cmake", "dpkg", "bash", "dash", "coreutils",
                                 "sed", "grep", "diffutils", "findutils", "tar", "libc-bin",
                                 "binutils", *asked))
    shutil.copy(packages["xvs-sdk"], root / "tmp/sdk.deb")
    (root / "proc").mkdir()  # modules are mapped by it
    succeed("mount", "-t", "proc", "proc", root / "proc")
    succeed("chroot", root, "sh", "-euxc", "ldconfig; dpkg -i /tmp/sdk.deb; cd /tmp\n"
            "export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n"
            "xvs-sign key acme\n"
            "xvs-new demo --class firewall --cxx\n"
            "cmake -S demo -B demo/build -DXVS_SIGN_KEY=/tmp/acme.key\n"
            "cmake --build demo/build; ctest --test-dir demo/build\n"
            "cmake --build demo/build --target bundle\n"
            "xvs-sign verify -p acme.pub demo/build/demo.xvsx",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    succeed("umount", root / "proc")
    key = (root / "tmp/acme.pub").read_text(encoding="ascii").splitlines()[1]
    daemon = Daemon(tmp_path / "xvsd", f"""
        extensions: {{path: [{root}/tmp/demo/build], require_signed: true, trusted_keys: [{key}]}}
        switches:
          - name: lab
            type: private
            chain: [{{instance: demo, extension: com.example.demo}}]
        """, options=("--extensions", str(root / "tmp/demo/build")))
    daemon.start()
    try:
        assert daemon.rpc("ext.show", name="lab/demo")["of"]["signed_by"]
    finally:
        daemon.stop()
