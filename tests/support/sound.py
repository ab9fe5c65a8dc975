#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# sound.py: runs a test program and fails it when a sanitizer reports something in any process of
# it: Criterion looks at what its children did, and not at how they ended.
#
# Criterion forks while threads of its own allocate. gcc 12's address sanitizer leaves the lock of
# its allocator as fork() found it, so that now and then a child waits for ever before its test
# begins. A process with one thread that waits for a lock shows it: the program is started again.
import glob
import os
import signal
import subprocess
import sys
import threading

REPORTS = (b"Sanitizer: ", b"runtime error: ")
REPORTED = 66
STUCK = 67
LOOK_S = 2
ATTEMPTS = 10


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def children(pid):
    return [int(child) for tasks in glob.glob(f"/proc/{pid}/task/*/children")
            for child in read(tasks).split()]


def waits_for_itself(pid):
    """Whether a process of one thread waits for a lock: nobody is there to release it."""
    return "Threads:\t1\n" in read(f"/proc/{pid}/status") and \
        read(f"/proc/{pid}/wchan").startswith("futex")


def end(process):
    for pid in [*children(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def watch(process, done, stuck):
    """Ends the program when one child is found waiting for itself twice."""
    before = set()
    while not done.wait(LOOK_S):
        now = {pid for pid in children(process.pid) if waits_for_itself(pid)}
        if now & before:
            stuck.set()
            end(process)
        before = now


def run(arguments):
    """The exit status, REPORTED where a sanitizer spoke, STUCK where the program stood still."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    done, stuck = threading.Event(), threading.Event()
    watcher = threading.Thread(target=watch, args=(process, done, stuck))
    watcher.start()
    # Who ends this script ends what it runs as well.
    signal.signal(signal.SIGTERM, lambda *_: end(process))
    reported = False
    for line in process.stderr:
        sys.stderr.buffer.write(line)
        reported |= any(r in line for r in REPORTS)
    sys.stderr.flush()
    status = process.wait()
    done.set()
    watcher.join()
    if reported:
        return REPORTED
    return STUCK if stuck.is_set() else status


def main():
    for _ in range(ATTEMPTS):
        status = run(sys.argv[1:])
        if status != STUCK:
            break
        print(f"{sys.argv[1]}: a child inherited a held lock; once more", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
