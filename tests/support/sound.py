#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# sound.py: runs a test program and fails it when a sanitizer reports something in any process of
# it: Criterion looks at what its children did, and not at how they ended.
import subprocess
import sys

REPORTS = (b"Sanitizer: ", b"runtime error: ")
REPORTED = 66


def main():
    process = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE)
    reported = False
    for line in process.stderr:
        sys.stderr.buffer.write(line)
        reported |= any(r in line for r in REPORTS)
    sys.stderr.flush()
    return process.wait() or (REPORTED if reported else 0)


if __name__ == "__main__":
    sys.exit(main())
