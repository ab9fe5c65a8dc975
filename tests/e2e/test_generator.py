#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_generator.py: a nic that makes its own packets, in both families, for ports of two
# applications; then new flows and a flood of SYNs beside them, set while it runs.
#
#   generator x2 ──▶ berthd ──▶ sink low | sink high
import os

from lib import Application, Daemon, wait_for

FLOWS = 3000
NIC = f"""  - name: load
    queues: 2
    addresses: [192.0.2.10/24, "2001:db8::10/64"]
    generator: {{flows: {FLOWS}, ipv6-percent: 40, ports: 9000-9003, rate: 20000, bytes: imix}}
"""


def main():
    cores = sorted(os.sched_getaffinity(0))[:2]
    nic = NIC if len(cores) == 2 else NIC.replace("queues: 2", "queues: 1")
    extra = (f"workers: {{cores: {cores}}}\nflows: {{capacity: 200000}}\n"
             "memory: {mode: ordinary}\n")
    with Daemon(nic, extra) as daemon:
        run(daemon)


def flows(daemon):
    return sum(w["flows"] for w in daemon.ctl("workers")["workers"])


def run(daemon):
    def drops():
        return daemon.ctl("drops")["drops"]

    apps = [Application(daemon, "sink", "--name", name, identities=[f"udp/*:{ports}"])
            for name, ports in (("low", "9000-9001"), ("high", "9002-9003"))]
    wait_for(lambda: flows(daemon) == FLOWS, "all flows")
    assert flows(daemon) == FLOWS
    for port in daemon.ctl("ports")["ports"]:
        assert port["delivered"] > 0, port
    counters = daemon.conserved()["counters"]
    nic = daemon.ctl("nics")["nics"][0]
    assert nic["rx_packets"] >= counters["received"], (nic, counters)
    closed = drops().get("port_closed", 0)  # of the time before both had bound
    assert drops().get("port_closed", 0) == closed, drops()

    daemon.ctl("generate", "load", "--rate", "1000", "--new-flows", "5000", "--syn-flood", "3000")
    wait_for(lambda: flows(daemon) > FLOWS + 2000, "new flows")
    wait_for(lambda: drops().get("port_closed", 0) > closed + 500, "SYNs for closed ports")
    daemon.ctl("generate", "load", "--rate", "1", "--new-flows", "0", "--syn-flood", "0")
    stats = daemon.conserved()
    assert stats["counters"]["delivered"] > 0, stats
    for app in apps:
        app.stop()
    daemon.conserved()


main()
