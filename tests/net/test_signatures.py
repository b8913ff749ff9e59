# SPDX-License-Identifier: Apache-2.0
"""Whose extensions are loaded: signatures by xvs-sign and by minisign, keys, days, and those who cheat."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from support.daemon import BUILD, EXTENSIONS, Daemon, Refused

GUARD = "org.xvs.guard"
CONFIG = """
extensions: {extensions}
switches:
  - name: lab
    type: private
    chain: {chain}
"""
CHAIN = f"[{{instance: guard, extension: {GUARD}}}]"


def sign(*words):
    subprocess.run([BUILD / "bin" / "xvs-sign", *words], check=True, capture_output=True)


class Vendor:
    """Has a key, by xvs-sign."""

    def __init__(self, home, name):
        self.name = str(home / name)
        sign("key", self.name)
        self.public = pathlib.Path(self.name + ".pub").read_text(encoding="ascii").splitlines()[1]

    def sign(self, file, comment="guard, by its vendor"):
        sign("sign", "-k", self.name + ".key", "-c", comment, file)

    def bundle(self, module, *more, comment="guard, by its vendor"):
        """In the place of a module: all of it in one file."""
        out = module.with_suffix(".xvsx")
        sign("bundle", "-o", out, "-k", self.name + ".key", "-c", comment, *more, module)
        module.rename(module.with_name("module"))
        return out


@pytest.fixture
def vendor(tmp_path):
    return Vendor(tmp_path, "vendor")


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "extensions"
    folder.mkdir()
    return pathlib.Path(shutil.copy(EXTENSIONS / "guard.so", folder))


@pytest.fixture
def daemon_with(tmp_path, module):
    """daemon_with(keys...): a daemon that wants signatures of these, with an empty chain."""
    with contextlib.ExitStack() as stack:
        def make(*keys, chain="[]", required="true", more=""):
            daemon = Daemon(tmp_path / "xvsd", CONFIG.format(
                extensions=trust(keys, required, more), chain=chain),
                options=("--extensions", str(module.parent)))
            stack.callback(daemon.stop)
            return daemon.start()

        yield make


def trust(keys, required="true", more=""):
    return f"{{require_signed: {required}, trusted_keys: [{', '.join(keys)}]{more}}}"


def configure(daemon, extensions, chain=CHAIN):
    daemon.write(CONFIG.format(extensions=extensions, chain=chain))
    return daemon.rpc("config.reload")


def refusal(daemon, extensions, chain=CHAIN):
    with pytest.raises(Refused) as refused:
        configure(daemon, extensions, chain)
    return str(refused.value.errors or refused.value)


def shown(daemon):
    """What is said of the extension of the instance."""
    return daemon.rpc("ext.show", name="lab/guard")["of"]


def verdict(daemon, file):
    done = subprocess.run([BUILD / "bin" / "xvsctl", "--socket", daemon.socket, "--json", "ext",
                           "verify", file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_a_trusted_key_signed_is_loaded_and_its_signer_shown(daemon_with, vendor, module):
    daemon = daemon_with(vendor.public)
    assert "has no signature" in refusal(daemon, trust([vendor.public]))
    vendor.sign(module)
    assert verdict(daemon, module)[0] == 0
    configure(daemon, trust([vendor.public]))
    assert shown(daemon)["signature"] == "guard, by its vendor"
    assert len(shown(daemon)["signed_by"]) == 16
    assert daemon.rpc("trust.show")["keys"] == [vendor.public]


def test_minisign_and_xvs_sign_understand_each_other(daemon_with, vendor, module, tmp_path):
    vendor.sign(module)
    subprocess.run(["minisign", "-V", "-q", "-P", vendor.public, "-m", module], check=True)
    subprocess.run(["minisign", "-S", "-s", vendor.name + ".key", "-m", module], check=True,
                   capture_output=True)
    sign("verify", "-p", vendor.name + ".pub", module)
    other = tmp_path / "other"
    subprocess.run(["minisign", "-G", "-W", "-p", f"{other}.pub", "-s", f"{other}.key"], check=True,
                   capture_output=True)
    sign("sign", "-k", f"{other}.key", module)
    sign("verify", "-p", f"{other}.pub", module)
    public = pathlib.Path(f"{other}.pub").read_text(encoding="ascii").splitlines()[1]
    daemon_with(public, chain=CHAIN)


def test_what_was_changed_after_it_was_signed_is_never_loaded(daemon_with, vendor, module):
    daemon = daemon_with(vendor.public, required="false")
    vendor.sign(module)
    bytes_ = bytearray(module.read_bytes())
    bytes_[-1] ^= 1
    module.write_bytes(bytes_)
    code, said = verdict(daemon, module)
    assert code == 1 and "was changed" in said
    for required in ("true", "false"):
        assert "was changed" in refusal(daemon, trust([vendor.public], required))


def test_a_key_that_nobody_trusts_says_nothing(daemon_with, vendor, module, tmp_path):
    stranger = Vendor(tmp_path, "stranger")
    daemon = daemon_with(vendor.public)
    stranger.sign(module)
    assert "not trusted" in refusal(daemon, trust([vendor.public]))
    configure(daemon, trust([vendor.public], "false"))
    assert shown(daemon)["id"] == GUARD and "signed_by" not in shown(daemon)


def test_keys_count_until_their_day_is_over(daemon_with, vendor, module):
    daemon = daemon_with(vendor.public)
    vendor.sign(module)
    over = ', trusted_until: "2020-02-29"'
    assert "2020-03-01" in refusal(daemon, trust([vendor.public], more=over))
    configure(daemon, trust([vendor.public], more=', trusted_until: "2999-12-31"'))
    assert "it is a day" in refusal(daemon, trust([vendor.public], more=', trusted_until: "2026-02-30"'))


def test_signatures_are_not_asked_for_behind_the_back_of_what_runs(daemon_with, vendor, module):
    daemon = daemon_with(chain=CHAIN, required="false")
    assert "has no signature" in refusal(daemon, trust([vendor.public]))
    assert daemon.rpc("trust.show")["required"] is False
    assert daemon.rpc("status")["health"] == "ok"
    assert "names no key" in refusal(daemon, trust([]))


def test_what_runs_may_be_signed_afterwards(daemon_with, vendor, module):
    daemon = daemon_with(chain=CHAIN, required="false")
    vendor.sign(module)
    configure(daemon, trust([vendor.public]))
    assert shown(daemon)["signature"] == "guard, by its vendor"


def test_a_question_loads_nothing_that_must_not_be_loaded(daemon_with, vendor, module):
    daemon = daemon_with(vendor.public)
    asked = CONFIG.format(extensions=trust([], "false"), chain=CHAIN)
    for verb in ("config.check", "config.diff"):
        with pytest.raises(Refused) as refused:
            daemon.rpc(verb, text=asked)
        assert "has no signature" in str(refused.value.errors or refused.value)


def test_a_bundle_is_signed_loaded_and_told_of_as_one_file(daemon_with, vendor, module, tmp_path):
    manifest, result = tmp_path / "manifest.json", tmp_path / "result.json"
    manifest.write_text('{"vendor": "Acme", "isolation": {"payload_bytes": 64}}', encoding="ascii")
    digest = hashlib.sha256(module.read_bytes()).hexdigest()
    result.write_text(json.dumps({"passed": True, "sha256": digest}), encoding="ascii")
    bundle = vendor.bundle(module, "-m", manifest, "-r", result)
    listed = subprocess.run(["tar", "-tf", bundle], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == ["manifest.json", "module.so", "conformance.json",
                                     "signature.minisig"]
    sign("verify", "-p", vendor.name + ".pub", bundle)
    told = json.loads(subprocess.run([BUILD / "bin" / "xvsctl", "--json", "ext", "show", bundle],
                                     check=True, capture_output=True).stdout)
    assert told["id"] == GUARD and told["vendor"] == "Acme" and told["conformance"]["passed"]
    daemon = daemon_with(vendor.public, chain=CHAIN)
    assert shown(daemon)["signature"] == "guard, by its vendor"
    assert verdict(daemon, bundle)[0] == 0
    configure(daemon, trust([vendor.public]))  # what runs is asked again


def test_a_result_of_another_module_goes_into_no_bundle(vendor, module, tmp_path):
    result = tmp_path / "result.json"
    digest = hashlib.sha256(module.read_bytes() + b"x").hexdigest()
    for text in (json.dumps({"conforms": True, "sha256": digest}), '{"conforms": true}', "[]"):
        result.write_text(text, encoding="ascii")
        with pytest.raises(subprocess.CalledProcessError):
            vendor.bundle(module, "-r", result)
        assert not list(tmp_path.rglob("*.xvsx"))


def test_a_file_that_is_refused_tells_the_terminal_nothing(tmp_path, vendor, module):
    bundle = vendor.bundle(module)
    bytes_ = bundle.read_bytes()
    bundle.write_bytes(bytes_.replace(b"{\n", b"{\x1b", 1))
    done = subprocess.run([BUILD / "bin" / "xvsctl", "ext", "show", bundle], check=False,
                          capture_output=True)
    assert done.returncode != 0 and b"manifest.json" in done.stderr and b"\x1b" not in done.stderr


@pytest.mark.parametrize("place", [600, 20000, -1100], ids=["manifest", "module", "signature"])
def test_a_bundle_that_was_changed_is_never_loaded(daemon_with, vendor, module, place):
    bundle = vendor.bundle(module)
    bytes_ = bytearray(bundle.read_bytes())
    bytes_[place if place > 0 else bytes_.index(b"trusted comment: guard") + 20] ^= 1
    bundle.write_bytes(bytes_)
    daemon = daemon_with(vendor.public, required="false")
    assert verdict(daemon, bundle)[0] == 1
    assert "was changed" in refusal(daemon, trust([vendor.public], "false"))


def test_a_bundle_may_be_signed_anew_while_its_module_runs(daemon_with, vendor, module, tmp_path):
    other = Vendor(tmp_path, "other")
    bundle = vendor.bundle(module)
    daemon = daemon_with(vendor.public, chain=CHAIN)
    assert "not trusted" in refusal(daemon, trust([other.public]))
    sign("bundle", "-o", bundle, "-k", other.name + ".key", module.with_name("module"))
    configure(daemon, trust([other.public]))
    sign("bundle", "-o", bundle, "-k", vendor.name + ".key", EXTENSIONS / "vepa.so")
    assert "has no signature" in refusal(daemon, trust([vendor.public]))  # another module's counts for that


def test_without_a_signature_a_bundle_is_loaded_where_none_is_asked_for(daemon_with, vendor, module):
    bundle = module.with_suffix(".xvsx")
    sign("bundle", "-o", bundle, module)
    module.unlink()
    daemon = daemon_with(chain=CHAIN, required="false")
    assert shown(daemon)["id"] == GUARD
    assert "has no signature" in refusal(daemon, trust([vendor.public]))


def test_a_name_that_changes_hands_gets_nothing_in(daemon_with, vendor, module):
    """Between two looks at the name there are other bytes behind it: what was verified is what is mapped."""
    signed, bad = module.with_name("signed"), module.with_name("bad")
    vendor.sign(module)
    module.rename(signed)
    shutil.copy(EXTENSIONS / "vepa.so", bad)
    module.symlink_to(bad)
    daemon = daemon_with(vendor.public)
    done = threading.Event()

    def swap():
        spare = module.with_name("spare")
        while not done.is_set():
            for target in (signed, bad):
                spare.symlink_to(target)
                os.replace(spare, module)

    other = threading.Thread(target=swap)
    other.start()
    try:
        seen = [{one["id"] for one in daemon.rpc("ext.list")} for _ in range(100)]
    finally:
        done.set()
        other.join()
    assert any(GUARD in ids for ids in seen)
    assert not any("org.xvs.vepa" in ids for ids in seen)
