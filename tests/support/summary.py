#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# summary.py: picks tests by name, and tells at the end what passed, failed and was skipped.
import json
import os
import sys

PASSES = {"OK", "EXPECTEDFAIL"}


def names(folder, suites, filters):
    """Prints a build's tests of those suites that a filter names or occurs in; a filter may have
    hyphens where the name has underscores."""
    chosen = []
    filters = [f.replace("-", "_") for f in filters]
    with open(os.path.join(folder, "meson-info", "intro-tests.json"), encoding="utf-8") as file:
        tests = json.load(file)
    for test in tests:
        own = {suite.rpartition(":")[2] for suite in test["suite"]}
        name = test["name"].replace("-", "_")
        wanted = not filters or any(f in name or f in own for f in filters)
        if wanted and own & suites and test["name"] not in chosen:
            chosen.append(test["name"])
    for name in chosen:
        print(name)
    return 0


def reason(test):
    """The last line that a skipped test wrote says why."""
    lines = (test.get("stdout", "") + "\n" + test.get("stderr", "")).split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    return lines[-1] if lines else "no reason given"


class Tally:
    """What the steps and tests of a run came to."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_log(self, build, path):
        """Adds the tests of one `meson test` run; a run without a log is a failure."""
        try:
            with open(path, encoding="utf-8") as log:
                tests = [json.loads(line) for line in log if line.strip()]
        except (OSError, ValueError) as error:
            self.failed.append(f"{build}: no test log ({error})")
            return
        for test in tests:
            name = f"{build}: {test['name']}"
            if test["result"] in PASSES:
                self.passed += 1
            elif test["result"] == "SKIP":
                self.skipped.append(f"{name}: {reason(test)}")
            else:
                self.failed.append(f"{name}: {test['result'].lower()}")

    def add_step(self, build, step, outcome):
        if outcome == "pass":
            self.passed += 1
        else:
            self.failed.append(f"{build}: {step}")


def report(path):
    """Reads lines "build, kind, value" (kind `log`: a meson log, else a step's outcome)."""
    tally = Tally()
    with open(path, encoding="utf-8") as results:
        for line in results:
            build, kind, value = line.rstrip("\n").split("\t")
            if kind == "log":
                tally.add_log(build, value)
            else:
                tally.add_step(build, kind, value)
    print()
    for line in tally.skipped:
        print(f"skipped  {line}")
    for line in tally.failed:
        print(f"FAILED   {line}")
    nothing = not tally.passed and not tally.failed and not tally.skipped
    if nothing:
        print("no test has such a name")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or nothing else 0


def main():
    if len(sys.argv) >= 4 and sys.argv[1] == "names":
        return names(sys.argv[2], set(sys.argv[3].split()), sys.argv[4:])
    if len(sys.argv) == 3 and sys.argv[1] == "report":
        return report(sys.argv[2])
    print("usage: summary.py names FOLDER SUITES [FILTER...] | report RESULTS", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
