#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# tree.py: the project's own text files, for the checks of ./dev lint; prints them when run.
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {".c", ".h", ".py", ".sh", ".build", ".yaml", ".yml", ".md", ".service", ".conf", ".supp",
         ".scd", "script"}


def kind(path):
    """The suffix; "script" for a file without one that starts with #!; meson's own for meson's."""
    if path.name == "meson_options.txt":
        return ".build"
    if path.suffix:
        return path.suffix
    with path.open("rb") as file:
        return "script" if file.read(2) == b"#!" else ""


def files(*kinds):
    """Paths relative to the root, sorted, of the given kinds, or of all."""
    wanted = set(kinds) or KINDS
    found = []
    for folder, folders, names in os.walk(ROOT):
        at_root = pathlib.Path(folder) == ROOT
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")
                      and not (at_root and name.startswith("build"))]
        for name in names:
            path = pathlib.Path(folder, name)
            if path.is_file() and not path.is_symlink() and kind(path) in wanted:
                found.append(path.relative_to(ROOT))
    return sorted(found)


def text(relative):
    return (ROOT / relative).read_text(encoding="utf-8")


def finish(problems):
    """Prints what is wrong; the exit status of a check."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    print("\n".join(str(path) for path in files(*sys.argv[1:])))
