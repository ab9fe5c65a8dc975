#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""coverage.py: says how much of each source file a fuzzer's inputs reach, by clang's source-based
coverage. Files that they reach no more of than an empty input are not the fuzzer's; they are left
out.
Usage: coverage.py PROGRAM FOLDER...; PROGRAM is built with coverage (see meson.build beside this
file), folders hold inputs."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("functions", "lines", "branches")


def measure(program, folders):
    with tempfile.TemporaryDirectory() as scratch:
        raw, merged = os.path.join(scratch, "raw"), os.path.join(scratch, "merged")
        subprocess.run([program, "-runs=0", *folders], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=os.environ | {"LLVM_PROFILE_FILE": raw})
        subprocess.run(["llvm-profdata", "merge", "-o", merged, raw], check=True)
        text = subprocess.run(["llvm-cov", "export", "-summary-only", "-instr-profile", merged,
                               program], check=True, capture_output=True, text=True).stdout
    return json.loads(text)["data"][0]["files"]


def cell(counts):
    part = 100 * counts["covered"] / counts["count"] if counts["count"] else 100
    return f"{counts['covered']:6} of {counts['count']:5} {part:4.0f} %"


def main():
    with tempfile.TemporaryDirectory() as empty:
        before = {entry["filename"]: entry["summary"] for entry in measure(sys.argv[1], [empty])}
    files = {}
    for entry in measure(sys.argv[1], sys.argv[2:]):
        path = pathlib.Path(os.path.relpath(entry["filename"], ROOT))
        if path.parts[0] != "tests" and entry["summary"] != before[entry["filename"]]:
            files[str(path)] = entry["summary"]
    total = {kind: {key: sum(f[kind][key] for f in files.values()) for key in ("covered", "count")}
             for kind in KINDS}
    print(f"{'reached of':32}" + "".join(f"{kind:>23}" for kind in KINDS))
    for name, summary in [*sorted(files.items()), ("all of these", total)]:
        print(f"{name:32}" + "".join(f"{cell(summary[kind]):>23}" for kind in KINDS))


if __name__ == "__main__":
    main()
