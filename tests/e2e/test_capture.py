#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_capture.py: two workers, an endless capture, three applications, one of them killed.
#
#   berth-traffic ──▶ capture ──▶ net_pcap x2 ──▶ berthd ──▶ sink dns | sink web | sink telemetry
import os
import subprocess
import tempfile

from lib import TRAFFIC, Application, Daemon, wait_for


def port(daemon, name):
    return next((p for p in daemon.ctl("ports")["ports"] if p["name"] == name), None)


def main():
    with tempfile.TemporaryDirectory() as folder:
        captures = []
        for seed in ("1", "2"):
            path = os.path.join(folder, seed + ".pcap")
            subprocess.run([TRAFFIC, "--mix", "e2e", "--packets", "3000", "--flows", "300",
                            "--seed", seed, path], check=True)
            captures.append(f"rx_pcap={path}")
        nics = (f'  - name: wire\n    vdev: "net_pcap0,{",".join(captures)},infinite_rx=1"\n'
                "    queues: 2\n"
                '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            nics = nics.replace("queues: 2", "queues: 1")
        extra = (f"workers: {{cores: {cores[:2]}}}\nflows: {{capacity: 16384}}\n"
                 "memory: {mode: ordinary, megabytes: 192, buffers: 24000}\n")
        with Daemon(nics, extra) as daemon:
            run(daemon, len(cores) > 1)


def run(daemon, two_workers):
    def start(name, identity):
        return Application(daemon, "sink", "--name", name, identities=[identity])

    apps = {name: start(name, identity) for name, identity in
            (("dns", "udp/*:53"), ("web", "tcp/*:443"), ("telemetry", "udp/*:50000"))}
    for name in apps:
        wait_for(lambda: port(daemon, name)["delivered"] > 1000, name)
    daemon.conserved()

    drops = daemon.ctl("drops")
    assert drops["drops"]["port_closed"] > 0, drops
    assert len(drops["closed_ports"]) > 3, drops
    assert all({"proto", "port", "class", "packets"} <= c.keys() for c in drops["closed_ports"])
    assert daemon.ctl("flows", "--limit", "10")["flows"], "no flows listed"
    if two_workers:
        assert daemon.ctl("stats")["counters"]["handed_over"] > 0

    # A killed application's port goes, its neighbours' traffic goes on, and a new one takes over.
    apps["dns"].kill()
    wait_for(lambda: port(daemon, "dns") is None, "the dead application's port to go")
    before = port(daemon, "web")["delivered"]
    wait_for(lambda: port(daemon, "web")["delivered"] > before, "traffic of the others")
    apps["dns"] = start("dns", "udp/*:53")
    wait_for(lambda: port(daemon, "dns")["delivered"] > 1000, "traffic of the new application")
    daemon.conserved()
    for app in apps.values():
        assert "packets" in app.stop()
    wait_for(lambda: not daemon.ctl("ports")["ports"], "all ports to go")
    daemon.conserved()


main()
