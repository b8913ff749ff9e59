#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_docs.py [ROOT]: what documents name is there.

Links and their sections, files, tests of what docs/features.md says is done; verbs, options,
policies, reasons of drops, numbers of messages, methods, keys of configuration.  The other way
round: xvsctl(8) has each verb with its options, manual pages of programs each option.  And comments
in sources send nobody to a file that has gone.
"""

import pathlib
import re
import sys

import sources
from documents import Page, unquoted

FOLDERS = "api|bench|changes|cmake|core|docs|examples|hv|packaging|plugins|tests|tools"
PATH = re.compile(rf"(?:{FOLDERS})/[\w.*/-]+|\.ci/\w+")
TEST = re.compile(r"test_\w+\.(?:c|py)")
MENTION = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w/-]+\.(?:c|h|md|py|yaml)\b")
FEATURE = re.compile(r"(?<![\w./-])(?:xvs\.[a-z-]+(?:\.[a-z-]+)*/\d+|org\.xvs\.[a-z]+(?:\.[a-z]+)*(?:/\d+)?)")
KEY = re.compile(r"(?:^[ -]*|[{,] *)([a-z_][a-z0-9_]*):(?= |$)")
METHOD = re.compile(r"([a-z]+)\.[a-z_]+")
MESSAGE = re.compile(r"XVS-(\d{4})")
GLOBAL = {"--socket", "--hv-socket", "--json", "--help", "--version"}
VALUED = {"--socket", "--hv-socket"}
IS_DONE = ("yes", "in part")
OF_ALL_CHANGES = {"--if-version", "--dry-run", "--confirm"}  # told once for all verbs
REFUSED = {"--audit"}  # known, to say that it comes later


def check_links(page, root):
    for line, target in page.links():
        name, _, section = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        if not path.exists():
            yield line, f"links to {target}, which is not there"
        elif section and section not in Page(path, root).sections():
            yield line, f"links to {target}, which has no such section"


def check_paths(page, root):
    for line, span in page.spans():
        name = re.sub(r"\b[A-Z]{3,}\b", "*", span).rstrip("/")
        if PATH.fullmatch(span) and not any(root.glob(name)):
            yield line, f"names {span}, which is not there"
        if TEST.fullmatch(span) and not any(root.glob(f"tests/**/{span}")):
            yield line, f"names the test {span}, which is not there"


def check_rows(page, _root):
    """Who says in docs/features.md that something is there says what shows it."""
    if page.name != "docs/features.md":
        return
    for line, (row, _what, state, shown) in page.rows(4):
        if state.startswith(IS_DONE) and not re.search(r"`(?:tests|tools)/|see [A-Z]\d", shown):
            yield line, f"row {row} is there, but nothing shows it"


def verb_of(words, known):
    """Words behind "xvsctl", as (group, name) and what follows; None: not a verb at all."""
    words = list(words)
    while words and words[0] in GLOBAL:
        del words[:2 if words[0] in VALUED else 1]
    if not words or not re.fullmatch(r"[a-z][a-z-]*[.,:]?", words[0]):
        return None
    words = [word.rstrip(".,:") for word in words]
    if (words[0], "") in known:
        return (words[0], ""), words[1:]
    return (words[0], words[1] if len(words) > 1 else ""), words[2:]


def check_xvsctl(words, root):
    known = sources.verbs(root)
    found = verb_of(words, known)
    if not found:
        return
    (group, name), rest = found
    if group not in {first for first, _ in known}:
        yield f'names the verb "{group}", which xvsctl does not have'
    elif (group, name) not in known:
        if re.fullmatch(r"[a-z-]+", name):
            yield f'names the verb "{group} {name}", which xvsctl does not have'
    else:
        for option in (word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)):
            if option not in known[group, name] | GLOBAL:
                yield f"\"xvsctl {group} {name}\" has no option {option}"


def check_program(program, words, root):
    if program not in sources.PROGRAMS:
        return
    for option in (word.split("=")[0].rstrip(".,") for word in words if word.startswith("--")):
        if option != "--" and option not in sources.options(root, program):
            yield f"{program} has no option {option}"


def check_commands(page, root):
    for line, program, words in page.commands():
        found = check_xvsctl(words, root) if program == "xvsctl" else \
            check_program(program, words, root)
        yield from ((line, text) for text in found)


def check_names(page, root):
    """Policies, extensions, messages, methods."""
    methods = sources.methods(root)
    groups = {name.split(".")[0] for name in methods}
    for line, text in page.code():
        for name in FEATURE.findall(text):
            if name not in sources.features(root) and "later" not in page.lines[line - 1]:
                yield line, f"names {name}, which nobody has"
        for number in MESSAGE.findall(text):
            if str(int(number)) not in sources.messages(root):
                yield line, f"names the message XVS-{number}, which docs/messages.yaml does not have"
    for line, span in page.spans():
        found = METHOD.fullmatch(span)
        if found and found[1] in groups and span not in methods | sources.dotted(root):
            yield line, f"names {span}, which is no method"


def check_reasons(page, root):
    is_reasons = False
    for line, cells in page.rows(2):
        if cells[0] == "reason":
            is_reasons = True
        elif not cells[0].startswith(("`", "-")):
            is_reasons = False
        for name in re.findall(r"`([a-z-]+)`", cells[0]) if is_reasons else ():
            if name not in sources.words(root):
                yield line, f"names the reason {name}, which nobody has"


def check_keys(page, root):
    """Of examples in YAML."""
    for line, text in page.fenced("yaml"):
        for key in KEY.findall(re.sub(r"#.*|\"[^\"]*\"", "", text)):
            if key not in sources.keys(root):
                yield line, f"sets {key}, which is no key"


CHECKS = (check_links, check_paths, check_rows, check_commands, check_names, check_reasons,
          check_keys)


def manual(root, name):
    return unquoted((root / "docs/man" / name).read_text(encoding="utf-8"))


def missing_verbs(root):
    """What xvsctl(8) does not tell of."""
    entries = re.split(r"^\.It (?=[a-z])", manual(root, "xvsctl.8"), flags=re.MULTILINE)
    filters = " ".join(entry for entry in entries if entry.startswith("conn list"))
    for (group, name), options in sources.verbs(root).items():
        told = " ".join(entry for entry in entries
                        if re.match(rf"{group}\b.*\b{name}\b", entry.split("\n")[0]))
        if not told:
            yield f'docs/man/xvsctl.8: does not have the verb "{group} {name}"'
            continue
        told += filters if "filters" in told else ""
        for option in sorted(options - OF_ALL_CHANGES):
            if not re.search(rf"{option}\b", told):
                yield f'docs/man/xvsctl.8: "{group} {name}" lacks {option}'


def missing_options(root):
    for program in sources.PROGRAMS:
        text = manual(root, f"{program}.8")
        for option in sorted(sources.options(root, program) - REFUSED):
            if not re.search(rf"{option}\b", text):
                yield f"docs/man/{program}.8: does not have the option {option}"


def missing_files(root):
    """What comments in sources send their reader to."""
    for path, text in sources.files(root):
        for found in MENTION.finditer(text):
            if not any((root / top / found[0]).is_file() for top in (".", "tests/unit")):
                line = text.count("\n", 0, found.start()) + 1
                yield f"{path.relative_to(root)}:{line}: names {found[0]}, which is not there"


def pages(root):
    names = ["README.md", "bench/RESULTS.md", *sorted(root.glob("docs/**/*.md")),
             *sorted(root.glob("docs/man/*.[1-8]")), *sorted(root.glob("api/*.md")),
             *sorted(root.glob("examples/**/*.md")), *sorted(root.glob("changes/*.md"))]
    return [Page(root / name, root) for name in names if (root / name).is_file()]


def main(root):
    found = [f"{page.name}:{line}: {text}" for page in pages(root) for check in CHECKS
             for line, text in check(page, root)]
    found += [*missing_verbs(root), *missing_options(root), *missing_files(root)]
    for line in found:
        print(line)
    print(f"docs: {len(pages(root))} pages, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    ROOT = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(ROOT).resolve()))
