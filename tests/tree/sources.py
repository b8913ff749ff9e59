# SPDX-License-Identifier: Apache-2.0
"""What our programs say of themselves in their sources, for those who compare it with documents."""

import functools
import re

FLAG = re.compile(r'\{ "(-[-a-z0-9]+)", (OPTION_\w+)')
LONG_OPTION = re.compile(r'\{ "([a-z][a-z-]*)", (?:no|required|optional)_argument')
FEATURE = re.compile(r'"((?:[a-z][a-z0-9-]*\.)+[a-z][a-z0-9-]*(?:/[0-9]+)?)"')
PROGRAMS = {"xvsd": "core/main/options.c", "xvs-hv": "hv/xvs_hv.c",
            "xvs-migrate": "hv/xvs_migrate.c"}


def read(root, name):
    return (root / name).read_text(encoding="utf-8")


@functools.lru_cache
def texts(root, *folders):
    """All C sources of these folders as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders
                     for path in sorted((root / folder).rglob("*.[ch]")))


def files(root):
    """(path, text) of all sources, those of made-up trees in the tests of these checks excepted."""
    for folder in ("api", "bench", "core", "examples", "hv", "plugins", "tests", "tools"):
        for pattern in ("*.c", "*.h", "*.py"):
            for path in sorted((root / folder).rglob(pattern)):
                if path.parent != root / "tests/tree":
                    yield path, path.read_text(encoding="utf-8")


@functools.lru_cache
def verbs(root):
    """{(group, name or ""): options} of xvsctl."""
    text = read(root, "tools/xvsctl/table.c")
    flags = {flag: name for name, flag in FLAG.findall(text)}
    sets = {name: set(re.findall(r"OPTION_\w+", value))
            for name, value in re.findall(r"^\t(?:.*\s)?([A-Z]+) = ([^,}]*),", text, re.MULTILINE)}
    found = {}
    for entry in re.split(r"\n\t\{ (?=\")", text.split("verbs[] = {", 1)[1])[1:]:
        group, name, _words = re.match(r'"(\w+)",\s*"([\w-]*)",\s*"([^"]*)"', entry).groups()
        known = {flags[flag] for word in re.findall(r"\b[A-Z_]+\b", re.sub(r'"[^"]*"', "", entry))
                 for flag in sets.get(word, {word}) if flag in flags}
        for alternative in name.split("|"):
            found[group, alternative] = known
    return found


@functools.lru_cache
def options(root, program):
    """Of a program that reads them by getopt_long()."""
    return {"--" + name for name in LONG_OPTION.findall(read(root, PROGRAMS[program]))}


@functools.lru_cache
def features(root):
    """Identifiers of extensions and policies, ours and those of the tests."""
    return set(FEATURE.findall(texts(root, "core", "plugins", "api", "tests/modules", "examples")))


@functools.lru_cache
def words(root):
    """Texts of small letters in our sources: reasons of drops, keys, states."""
    return set(re.findall(r'"([a-z][a-z0-9_-]*)"', texts(root, "core", "plugins", "hv",
                                                             "examples")))


@functools.lru_cache
def keys(root):
    """The same, and what macros of the tables of keys are given by name."""
    names = [re.findall(r"\b[a-z][a-z0-9_]*\b", path.read_text(encoding="utf-8"))
             for path in sorted((root / "core/config").glob("*keys.c"))]
    return words(root) | features(root) | {name for found in names for name in found}


@functools.lru_cache
def messages(root):
    return set(re.findall(r"\bid: *(?:XVS-)?(\d+)", read(root, "docs/messages.yaml")))


@functools.lru_cache
def dotted(root):
    """All texts of the form "port.add" in our sources."""
    return set(re.findall(r'"([a-z]+\.[a-z_]+)"', texts(root, "core", "hv", "tools", "api")))


@functools.lru_cache
def methods(root):
    """Of xvsd and of xvs-hv."""
    names = re.compile(r'"name": "([a-z]+(?:\.[a-z_]+)+)"')
    return {name for page in sorted((root / "api/control").glob("*-rpc.json"))
            for name in names.findall(page.read_text(encoding="utf-8"))}
