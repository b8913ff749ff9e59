# SPDX-License-Identifier: Apache-2.0
"""A document, taken apart: its links, sections, pieces of code, rows of tables."""

import re

FENCE = re.compile(r"^ *```")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
# "xvsctl" and what is behind it in a piece of code, up to what ends a command there.
COMMAND = re.compile(r"(?<![\w/.-])(xvsctl|xvs-migrate|xvs-hv|xvsd|tools/[a-z-]+)((?: +[^\s#;&|<>`)]+)*)")


def section_name(title):
    """The name that a heading has as a target of links."""
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
    return kept.strip().replace(" ", "-")


def unquoted(text):
    """Manual pages: without the macros that come between words."""
    text = re.sub(r"\\&|\\-", lambda found: "-" if found[0] == "\\-" else "", text)
    return re.sub(r"(?<=\s)(?:Ns|No|Ar|Cm|Op|Ql|Li) ", "", 
                  re.sub(r"\bFl ", "-", re.sub(r"\bFl Fl ", "--", text)))


class Page:
    """Markdown, or a manual page."""

    def __init__(self, path, root):
        self.path = path
        self.name = str(path.relative_to(root))
        self.is_manual = path.suffix != ".md"
        self.lines = path.read_text(encoding="utf-8").splitlines()

    def is_code(self):
        """(number, line, fenced or indented?) of all lines but the fences themselves."""
        fenced = False
        before = ""
        for nr, line in enumerate(self.lines, 1):
            if FENCE.match(line):
                fenced = not fenced
                continue
            indented = line.startswith("    ") and not before.startswith(("-", "*", "|"))
            yield nr, line, fenced or indented
            if line.strip() and not line.startswith(" "):
                before = line

    def fenced(self, language):
        """(number, line) of what stands in fences of this language."""
        inside = None
        for nr, line in enumerate(self.lines, 1):
            if FENCE.match(line):
                inside = line.strip().strip("`") if inside is None else None
            elif inside == language:
                yield nr, line

    def code(self):
        """(number, text) of each line and each span of code; of manual pages, all lines."""
        for nr, line, is_code in self.is_code():
            if self.is_manual:
                yield nr, unquoted(line)
            elif is_code:
                yield nr, line
            else:
                yield from ((nr, span) for span in SPAN.findall(line))

    def spans(self):
        for nr, line, is_code in self.is_code():
            if not is_code:
                yield from ((nr, span) for span in SPAN.findall(line))

    def commands(self):
        """(number, program, words) of what a reader is to type."""
        for nr, text in self.code():
            for program, words in COMMAND.findall(text):
                yield nr, program, words.split()

    def links(self):
        for nr, line, is_code in self.is_code():
            if not is_code and not self.is_manual:
                yield from ((nr, target) for target in LINK.findall(line) if "://" not in target)

    def sections(self):
        return {section_name(line.lstrip("#").strip()) for _, line, is_code in self.is_code()
                if line.startswith("#") and not is_code}

    def rows(self, columns):
        """(number, cells) of the rows of tables that have so many columns."""
        for nr, line, is_code in self.is_code():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("|") and not is_code and len(cells) == columns:
                yield nr, cells
