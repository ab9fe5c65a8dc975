#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# sound.py: runs a test program and fails it when a sanitizer reports something in any process of
# it: Criterion looks at what its children did, and not at how they ended.
#
# Criterion forks while threads of its own allocate. gcc 12's address sanitizer leaves the lock of
# its allocator as fork() found it, so that once in a while a child waits for ever before its test
# begins. A program that stands still for so long is ended and started again.
import os
import signal
import subprocess
import sys
import threading

REPORTS = (b"Sanitizer: ", b"runtime error: ")
REPORTED = 66
STUCK = 67
STUCK_S = 150
ATTEMPTS = 3


def run(arguments):
    """The exit status, REPORTED where a sanitizer spoke, STUCK where the program stood still."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, start_new_session=True)
    stuck = threading.Event()

    def end():
        stuck.set()
        os.killpg(process.pid, signal.SIGKILL)

    # Who ends this script ends what it runs as well.
    signal.signal(signal.SIGTERM, lambda *_: end())
    timer = threading.Timer(STUCK_S, end)
    timer.start()
    reported = False
    for line in process.stderr:
        sys.stderr.buffer.write(line)
        reported |= any(r in line for r in REPORTS)
    sys.stderr.flush()
    status = process.wait()
    timer.cancel()
    if reported:
        return REPORTED
    return STUCK if stuck.is_set() else status


def main():
    for _ in range(ATTEMPTS):
        status = run(sys.argv[1:])
        if status != STUCK:
            break
        print(f"{sys.argv[1]} stood still for {STUCK_S} s", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
