#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_bind_linux.py: who may bind, and who receives, is what this machine's sockets say, or differs
# in a way that is meant.
#
#   bind-linux: sockets of two users --[ a namespace: loopback with all addresses ]-- berth's table
#
# BERTH_BIND_TRIALS sets of sockets (10000), each with up to five and ten packets; BERTH_SEED.
import os
import subprocess

from lib import BUILD, die_with_parent
from net import enter, sh

PROGRAM = os.path.join(BUILD, "tests/e2e/bind-linux")
TRIALS = os.environ.get("BERTH_BIND_TRIALS", "10000")
SEED = os.environ.get("BERTH_SEED", "1")
ADDRESSES = [f"10.9.{net}.{host}/32" for net in (0, 1) for host in (1, 2)]
ADDRESSES += [f"fd09:{net}::{host}/128" for net in (0, 1) for host in (1, 2)]


def main():
    enter()
    for address in ADDRESSES:
        sh("ip", "addr", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
    r = subprocess.run([PROGRAM, TRIALS, SEED], capture_output=True, text=True,
                       preexec_fn=die_with_parent)
    print(r.stdout + r.stderr, flush=True)
    assert r.returncode == 0, f"bind-linux: exit status {r.returncode}"


if __name__ == "__main__":
    main()
