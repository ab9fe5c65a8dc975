#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# demo.py: berthd on generated traffic with three applications, and a live table of their ports.
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))

from lib import TRAFFIC, Application, Daemon  # noqa: E402

SERVICES = (("dns", "udp/*:domain"), ("web", "tcp/*:https"), ("telemetry", "udp/*:50000"))
COLUMNS = "{:<11} {:<24} {:<9} {:<11} {:>11} {:>13} {:>8} {:>10}"


def configuration(folder, cores):
    captures = []
    for seed in range(1, len(cores) + 1):
        path = os.path.join(folder, f"{seed}.pcap")
        subprocess.run([TRAFFIC, "--mix", "demo", "--packets", "6000", "--seed", str(seed), path],
                       check=True)
        captures.append(f"rx_pcap={path}")
    nics = (f'  - name: wire\n    vdev: "net_pcap0,{",".join(captures)},infinite_rx=1"\n'
            f"    queues: {len(cores)}\n"
            '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
    extra = (f"workers: {{cores: {cores}}}\nflows: {{capacity: 65536}}\n"
             "memory: {mode: ordinary, megabytes: 224, buffers: 32000}\n"
             # Low ports need a permission (rule T7), also of whoever runs the demo.
             f'grants:\n  - {{user: "{os.getuid()}", ports: "1-1023"}}\n')
    return nics, extra


def draw(ports, before, seconds, out):
    lines = [COLUMNS.format("port", "identity", "service", "class", "packets/s", "bytes/s", "flows",
                            "drops")]
    for p in ports:
        old = before.get(p["id"], {"delivered": 0, "delivered_bytes": 0})
        lines.append(COLUMNS.format(
            p["name"], " ".join(p["identities"]), p["service"], p["class"],
            f"{(p['delivered'] - old['delivered']) / seconds:,.0f}",
            f"{(p['delivered_bytes'] - old['delivered_bytes']) / seconds:,.0f}",
            p["flows"], p["dropped"]))
    if out.isatty():
        out.write("\x1b[H\x1b[J")
    out.write("\n".join(lines) + "\n\n")
    out.flush()


def watch(daemon, seconds, out):
    """Shows the table once a second; returns the last reading."""
    before, end, last = {}, time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < end:
        time.sleep(min(1, max(0, end - time.monotonic())))
        ports = daemon.ctl("ports")["ports"]
        now = time.monotonic()
        if out is not None:
            draw(ports, before, now - last, out)
        before, last = {p["id"]: p for p in ports}, now


def summary(daemon):
    stats, drops = daemon.ctl("stats"), daemon.ctl("drops")
    counters = stats["counters"]
    keep = ("name", "identities", "service", "class", "delivered", "dropped", "flows")
    return {
        "received": counters["received"], "delivered": counters["delivered"],
        "handed_over": counters["handed_over"], "drops": drops["drops"],
        "closed_ports": drops["closed_ports"],
        "ports": [{k: p[k] for k in keep} for p in daemon.ctl("ports")["ports"]],
        "in": stats["in"], "out": stats["out"], "held": stats["held"],
        "conserved": stats["conserved"],
    }


def tell(s):
    print(f"received {s['received']:,}, delivered {s['delivered']:,}, "
          f"handed over between workers {s['handed_over']:,}")
    for name, n in sorted(s["drops"].items(), key=lambda d: -d[1]):
        print(f"dropped  {n:>12,}  {name}")
    bound = {identity for p in s["ports"] for identity in p["identities"]}
    for c in s["closed_ports"][:8]:
        until = " (until it was bound)" if f"{c['proto']}/*:{c['port']}" in bound else ""
        print(f"knocked  {c['packets']:>12,}  {c['proto']}/{c['port']} {c['service']} {c['class']}"
              f"{until}")
    print(f"conservation: {s['in']:,} in, {s['out']:,} out: "
          f"{'every packet is accounted for' if s['conserved'] else 'NOT CONSERVED'}")


def main():
    parser = argparse.ArgumentParser(
        prog="./dev demo", description="shows berth at work, on generated traffic",
        epilog="Real clients talk through berthd with: ./dev demo --live")
    parser.add_argument("--seconds", type=float, default=10, help="how long (10)")
    parser.add_argument("--json", action="store_true", help="print only a summary, as JSON")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        with Daemon(*configuration(folder, cores)) as daemon:
            apps = [Application(daemon, "sink", "--name", name, identities=[identity])
                    for name, identity in SERVICES]
            watch(daemon, arguments.seconds, None if arguments.json else sys.stdout)
            result = summary(daemon)
            for app in apps:
                app.stop()
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        tell(result)
    sys.exit(0 if result["conserved"] and all(p["delivered"] for p in result["ports"]) else 1)


main()
