#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""flow_mutants.py: breaks the flow table's ordering, one place at a time, and wants it noticed.

Each memory order of dataplane/flow that is not relaxed is made relaxed, and each step on which the
order of others rests is moved or left out. The explorer (test_flow_interleave) is built from the
broken copy and must fail. `--list` prints the rows of the table in docs/memory.md.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOW = ROOT / "dataplane" / "flow"
TEST = ROOT / "tests" / "concurrency"
# A signal fence holds the compiler back in the vector forms, which the explorer does not run.
ORDER = re.compile(r"(?<!fence\()memory_order_(?:acquire|release)")
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O1", "-w", "-I.",
         '-DFLOW_ATOMIC_HEADER="tests/concurrency/interleave_atomic.h"']

# file, what the change does, text, its replacement. Each text occurs once.
STEPS = [
    ("flow.c", "publish the tag before the entry is written", [
        ("\tslot_reset(t, bucket * FLOW_BUCKET_SLOTS + slot, key);\n", ""),
        ("\ttag_store(&t->buckets[bucket], slot, flow_tag(hash));\n",
         "\ttag_store(&t->buckets[bucket], slot, flow_tag(hash));\n"
         "\tslot_reset(t, bucket * FLOW_BUCKET_SLOTS + slot, key);\n")]),
    ("flow.c", "leave the overflow counts alone in an insert", [
        ("\toverflow_add(t, home, bucket, 1);\n", "")]),
    ("flow.c", "lower the overflow counts of the home bucket's own entries", [
        ("\toverflow_add(t, flow_home(t, flow_hash(&t->secret, &t->entries[index].key)), bucket,\n",
         "\toverflow_add(t, bucket, bucket_after(t, bucket),\n")]),
    ("flow.c", "free a slot when it is deleted", [
        ("\tt->limbo_open++;\n",
         "\tt->limbo_open++;\n"
         "\tt->buckets[bucket].busy &= ~(1u << index % FLOW_BUCKET_SLOTS);\n")]),
    ("flow.c", "keep the old life's values in a new entry", [
        ("\tflow_write(&t->entries[index], &entry, sizeof(entry));\n",
         "\tflow_write(&t->entries[index], &entry, sizeof(entry.key));\n")]),
    ("flow.c", "leave the tag when deleting", [
        ("\ttag_store(&t->buckets[bucket], index % FLOW_BUCKET_SLOTS, 0);\n", "")]),
    ("flow_walk.c", "dump what is not shown yet", [
        ("if (flow_entry_shown(&t->entries[index]))", "if (index < t->slots)")]),
    ("flow_totals.c", "take the totals without looking twice", [
        ("\treturn flow_load(&d->totals[direction], memory_order_relaxed) == totals;\n",
         "\treturn true;\n")]),
    ("flow_entry.h", "fold the totals before the word is stored", [
        ("\tflow_store(&e->word, now, memory_order_release);\n", ""),
        ("\tflow_totals_fold(d, now, direction);\n\treturn true;\n",
         "\tflow_totals_fold(d, now, direction);\n"
         "\tflow_store(&e->word, now, memory_order_release);\n\treturn true;\n"),
        ("== 0, 1))\n\t\treturn false;\n",
         "== 0, 1)) {\n\t\tflow_store(&e->word, now, memory_order_release);\n"
         "\t\treturn false;\n\t}\n")]),
]


def enclosing(text, at):
    """Name of the function in whose body position `at` lies."""
    return re.findall(r"^(\w+)\(", text[:at], re.M)[-1]


def mutants():
    """Yields (file, what is broken, new text of the file)."""
    for path in sorted(FLOW.glob("*.[ch]")):
        text = path.read_text()
        for found in ORDER.finditer(text):
            line = text.rfind("\n", 0, found.start()) + 1
            if "/*" in text[line:found.start()] or text[line:].lstrip().startswith("*"):
                continue
            before = text[:found.start()]
            place = enclosing(text, found.start())
            nth = before.count(found.group(), before.rfind("\n" + place + "(")) + 1
            yield (path.name, f"{found.group()[13:]} {nth} of {place}() made relaxed",
                   before + "memory_order_relaxed" + text[found.end():])
    for name, what, changes in STEPS:
        text = (FLOW / name).read_text()
        for old, new in changes:
            if text.count(old) != 1:
                sys.exit(f"{name}: '{what}' no longer fits the code: {old!r}")
            text = text.replace(old, new)
        yield name, what, text


def survives(tree, change):
    """Builds and runs the explorer with the change; returns what is wrong with it, or None."""
    name, what, text = change
    with tempfile.TemporaryDirectory(dir=tree) as folder:
        top = pathlib.Path(folder)
        shutil.copytree(FLOW, top / "dataplane" / "flow")
        for part in ("common", "tests"):
            (top / part).symlink_to(ROOT / part)
        if name is not None:
            (top / "dataplane" / "flow" / name).write_text(text)
        sources = [str(p) for p in sorted((top / "dataplane" / "flow").glob("*.c"))]
        sources += [str(TEST / "test_flow_interleave.c"), str(TEST / "interleave.c")]
        built = subprocess.run(["gcc", *FLAGS, "-o", "explorer", *sources, "-lnuma"], cwd=top,
                               capture_output=True, text=True, check=False)
        if built.returncode != 0:
            return "does not compile: " + built.stderr[:400]
        ran = subprocess.run(["./explorer"], cwd=top, capture_output=True, text=True, check=False,
                             timeout=120)
        # A crash or an assertion would also notice, but tells of a mutant that says too much.
        if ran.returncode not in (0, 1):
            return f"ended with status {ran.returncode}: {ran.stderr[:200]}"
        return None if (ran.returncode == 0) == (name is None) else "not noticed"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("--list", action="store_true", help="print the table's rows and end")
    changes = list(mutants())
    if arguments.parse_args().list:
        for name, what, _ in changes:
            print(f"| `{name}` | {what} |")
        return 0
    bad = 0
    with tempfile.TemporaryDirectory() as tree, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        changes.insert(0, (None, "nothing", None))
        for change, wrong in zip(changes, pool.map(lambda c: survives(tree, c), changes)):
            print(f"{'ok  ' if wrong is None else 'FAIL'} {change[0] or 'as it is'}: {change[1]}"
                  f"{'' if wrong is None else ': ' + wrong}")
            bad += wrong is not None
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
