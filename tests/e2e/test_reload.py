#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_reload.py: a running berthd takes new timers over, for flows that live too; names what only a
# start reads; and changes nothing when anything in the file is wrong.
import signal
import subprocess
import tempfile

from events import capture
from lib import BERTHCTL, DEADLINE_S, Application, Daemon, wait_for

FLOWS = 200


class Configuration:
    """The daemon's file, with other keys below its nics each time."""

    def __init__(self, daemon):
        self.daemon = daemon
        with open(daemon.config) as f:
            self.text = f.read()

    def change(self, *replacements):
        text = self.text
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        with open(self.daemon.config, "w") as f:
            f.write(text)


def reload(daemon):
    answer = daemon.ctl("reload")
    return answer["changed"], answer["waiting"]


def refused(daemon):
    """What berthctl says of a reload that is refused."""
    r = subprocess.run([BERTHCTL, "--socket", daemon.control_socket, "reload"],
                       capture_output=True, text=True, timeout=DEADLINE_S)
    assert r.returncode == 1, r
    return r.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = capture(folder, 3, FLOWS, ipv6=0)
        nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={path},infinite_rx=1"\n'
                "    addresses: [192.0.2.10/24]\n")
        extra = ("memory: {mode: ordinary, buffers: 24000}\n"
                 "flows: {capacity: 16384, timeouts: {udp-new: 3600}}\n")
        with Daemon(nics, extra) as daemon:
            file = Configuration(daemon)
            app = Application(daemon, "sink", identities=["udp/*:9000"])
            wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS // 2, "every flow to live")
            app.stop()
            assert reload(daemon) == ([], [])

            file.change(("3600", "never"), ("192.0.2.10/24", "192.0.2.300/24"))
            said = refused(daemon)
            for line in (f"{daemon.config}:8:46: flows.timeouts.udp-new is \"never\"",
                         f"{daemon.config}:5:17: "):
                assert line in said, said
            assert daemon.ctl("status")["flows"] == FLOWS // 2

            file.change(("3600", "7200"), ("16384", "32768"), ("192.0.2.10/24", "192.0.2.11/24"))
            assert reload(daemon) == (["flows.timeouts.udp-new"], ["flows.capacity", "nics"])
            assert reload(daemon) == ([], ["flows.capacity", "nics"])
            assert daemon.ctl("status")["flows"] == FLOWS // 2

            file.change(("3600", "1"))
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: daemon.ctl("status")["flows"] == 0, "every flow to end")
            assert "changed: flows.timeouts.udp-new\n" in daemon.output(), daemon.output()
            file.change(("3600", "0"))
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "not reloaded; nothing changed" in daemon.output(), "a refusal")
            assert "flows.timeouts.udp-new is \"0\"" in daemon.output()
            daemon.conserved()


main()
