#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# documents.py: checks that the commands and links that documents name exist.
import pathlib
import re
import subprocess
import sys

import tree

COMMAND = re.compile(r"\./dev ([a-z]+)")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
HELP_COMMAND = re.compile(r"^  ([a-z]+) ", re.MULTILINE)


def dev_commands():
    """The sub-commands that ./dev --help lists."""
    shown = subprocess.run([tree.ROOT / "dev", "--help"], capture_output=True, text=True,
                           check=True)
    return set(HELP_COMMAND.findall(shown.stdout))


def check(path, commands):
    text = tree.text(path)
    problems = [f"{path}: there is no ./dev {name}" for name in COMMAND.findall(text)
                if name not in commands]
    for link in LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        if not (tree.ROOT / pathlib.Path(path).parent / link).exists():
            problems.append(f"{path}: link to {link}, which does not exist")
    return problems


def main():
    commands = dev_commands()
    return tree.finish([p for path in tree.files(".md") for p in check(path, commands)])


if __name__ == "__main__":
    sys.exit(main())
