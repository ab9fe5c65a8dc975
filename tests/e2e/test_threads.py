#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_threads.py: which cores berthd's threads may use: a worker its own, and nobody else that one.
import os

from lib import Application, Daemon, skip


def affinities(pid):
    """Sets of cores by name of thread; the control thread's is berthd."""
    allowed = {"berthd": os.sched_getaffinity(pid)}
    for tid in map(int, os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{tid}/comm") as f:
            allowed.setdefault(f.read().strip(), os.sched_getaffinity(tid))
    return allowed


def main():
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        skip("two cores are needed, one for the worker and one for the others")
    own = max(cores)
    nics = '  - name: wire\n    vdev: "net_null0,size=60"\n    addresses: [192.0.2.10/24]\n'
    with Daemon(nics, f"workers: {{cores: [{own}]}}\nmemory: {{mode: ordinary}}\n") as daemon:
        app = Application(daemon, "sink", identities=["udp/*:9000"])  # the notifier has work
        threads = affinities(daemon.process.pid)
        assert threads["rte-worker-1"] == {own}, threads
        assert threads["berthd"] == threads["berth-notifier"] == cores - {own}, threads
        app.stop()


main()
