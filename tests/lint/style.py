#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# style.py: checks what clang-format does not: licence line, job line, line and function length.
import re
import sys

import tree

LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 60
# A test may hold the table that it walks.
TEST_LINES_MAX = 100
WITHOUT_LICENCE = {".md"}
# Documents wrap where their tables allow it.
WITHOUT_WIDTH = {".md", ".scd"}


def check_head(path, kind, lines):
    """The licence on line 1 or 2 and, in C, the file's one job right after it."""
    head = [n for n, line in enumerate(lines[:2]) if LICENCE in line]
    if not head:
        return [f"{path}:1: the first line should be '{LICENCE}' in a comment"]
    if kind not in (".c", ".h"):
        return []
    job = lines[head[0] + 1] if len(lines) > head[0] + 1 else ""
    if not re.match(rf"/\* {re.escape(path.name)}: \S", job):
        return [f"{path}:{head[0] + 2}: should say the file's job: /* {path.name}: ... */"]
    return []


def check_width(path, lines):
    return [f"{path}:{n}: longer than {COLUMNS_MAX} columns" for n, line in enumerate(lines, 1)
            if len(line.expandtabs(8)) > COLUMNS_MAX]


def check_functions(path, lines):
    """clang-format puts the braces of functions, and of nothing else, alone in column 0."""
    problems = []
    most = TEST_LINES_MAX if str(path).startswith("tests/") else FUNCTION_LINES_MAX
    start = 0
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            if n - start + 1 > most:
                problems.append(f"{path}:{start}: function of {n - start + 1} lines, more than "
                                f"{most}")
            start = 0
    return problems


def check(path):
    kind = tree.kind(tree.ROOT / path)
    lines = tree.text(path).split("\n")
    problems = []
    if kind not in WITHOUT_LICENCE:
        problems += check_head(path, kind, lines)
    if kind not in WITHOUT_WIDTH:
        problems += check_width(path, lines)
    if kind in (".c", ".h"):
        problems += check_functions(path, lines)
    return problems


def main():
    return tree.finish([p for path in tree.files() for p in check(path)])


if __name__ == "__main__":
    sys.exit(main())
