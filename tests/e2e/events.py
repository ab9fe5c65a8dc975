# SPDX-License-Identifier: BSD-3-Clause
# events.py: traffic whose flows are known, and what berthctl tells of them.
import json
import os
import signal
import subprocess

from lib import BERTHCTL, DEADLINE_S, TRAFFIC, die_with_parent, sound

FRAME_BYTES = {"udp": 100, "tcp": 120}


class Reader:
    """berthctl events --json, whose lines are in a file; ready when berthd listens to it."""

    def __init__(self, daemon, *filters):
        self.path = os.path.join(daemon.folder, "events" + "".join(filters))
        self.file = open(self.path, "w")
        self.process = subprocess.Popen(
            [BERTHCTL, "--socket", daemon.control_socket, "events", "--json", *filters],
            stdout=self.file, stderr=subprocess.PIPE, preexec_fn=die_with_parent)

    def events(self):
        with open(self.path) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def count(self, kind):
        return sum(1 for e in self.events() if e["event"] == kind)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self):
        _, errors = self.process.communicate(timeout=DEADLINE_S)
        self.file.close()
        sound(self.process.returncode, errors.decode())
        return self.process.returncode, self.events()


def capture(folder, seed, flows, ipv6=0):
    """A capture of UDP to port 9000 and TCP to 443, in which each flow has a part."""
    path = os.path.join(folder, f"{seed}.pcap")
    mix = ",".join(f"{proto}/{port}=1:{FRAME_BYTES[proto]}"
                   for proto, port in (("udp", 9000), ("tcp", 443)))
    subprocess.run([TRAFFIC, "--mix", mix, "--packets", "4000", "--flows", str(flows), "--ipv6",
                    str(ipv6), "--order", "shuffled", "--seed", str(seed), path], check=True)
    return path
