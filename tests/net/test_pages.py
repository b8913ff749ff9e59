# SPDX-License-Identifier: Apache-2.0
"""Manual pages are well formed, and the completion knows every verb.  No traffic."""

import pathlib
import re
import subprocess

import pytest

from support.daemon import BUILD

PAGES = sorted((pathlib.Path(__file__).parents[2] / "docs" / "man").glob("*.[1-8]"))


def test_there_are_pages():
    assert {"xvsd.8", "xvsctl.8", "xvs.yaml.5"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_well_formed(page, tool):
    done = subprocess.run([tool("mandoc"), "-Tlint", "-Wwarning", str(page)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def verbs():
    """(first word, second word or "") of every line of the usage."""
    usage = subprocess.run([str(BUILD / "bin" / "xvsctl"), "--help"], capture_output=True,
                           text=True, check=True).stdout
    lines = re.findall(r"^  ([a-z]+)(?: ([a-z]+)\b)?", usage, re.MULTILINE)
    assert ("policy", "set") in lines
    return lines


def test_the_completion_is_sound_bash_and_knows_every_verb():
    done = subprocess.run([str(BUILD / "bin" / "xvsctl"), "completion", "bash"],
                          capture_output=True, text=True, check=True)
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    for first, second in verbs():
        assert first in done.stdout and second in done.stdout, (first, second)


def test_the_manual_knows_every_verb():
    page, = [page for page in PAGES if page.name == "xvsctl.8"]
    text = page.read_text(encoding="utf-8").replace("\\-", "-")
    for first, second in verbs():
        assert re.search(rf"\b{first}\b", text) and second in text, (first, second)


@pytest.mark.parametrize("program", ["xvsd", "xvsctl", "xvs-hv"])
def test_help_and_version(program):
    for option in ("--help", "--version"):
        done = subprocess.run([str(BUILD / "bin" / program), option], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0 and program in done.stdout
