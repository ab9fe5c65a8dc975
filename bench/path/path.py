#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# path.py: cycles per packet from rx to a reading application, stage by stage.
#
#   generator of N flows ──▶ berthd (core A) ══ ring ══▶ path-reader (core B)
#
# For each N two daemons run the same traffic: one with a mark after each stage, and the ordinary
# one, which says what the marks cost. All start at once and are halted but for the one measured,
# so that rounds of all can be interleaved. --against adds the daemons of another build.
import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/e2e"))

from lib import BUILD, TRAFFIC, Application, Console, Daemon, skip, wait_for  # noqa: E402

READER = os.path.join(BUILD, "bench/path/path-reader")
PROBE = os.path.join(BUILD, "bench/path/path-probe")
SPARE_BUFFERS = 8192   # beyond a capture's own: the queue's, the caches', the burst's
CAPACITY_MIN = 1024    # flows.capacity takes no less
SETTLE_S = 0.2         # after a halt: caches and the expiry of the pause
COVERAGE = 0.02        # stages may add up to this much less or more than the time that passed
# A virtual core moves between real ones and shares them with strangers. What one core reads of
# another's then costs several times as much, or all work half as much again. Rounds in which the
# probes before or after differ by more than this from those of most rounds do not compare.
STEADY = {"one_way_cycles": 1.4, "work_cycles": 1.15}
ATTEMPTS = 2           # as many passes over all rounds before it ends with fewer


def probe(cores):
    out = subprocess.run([PROBE, *map(str, cores)], capture_output=True, text=True, check=True,
                         timeout=60)
    return json.loads(out.stdout)


def source(kind, flows, folder):
    """How a nic is configured whose packets are those of `flows` flows, and the buffers it keeps.
    A capture is shuffled; the generator takes its flows in a scattered order too."""
    if kind == "pcap":
        capture = os.path.join(folder, f"{flows}.pcap")
        if not os.path.exists(capture):
            subprocess.run([TRAFFIC, "--mix", "bench", "--flows", str(flows), "--packets",
                            str(flows), capture], check=True)
        return f'vdev: "net_pcap0,rx_pcap={capture},infinite_rx=1"', flows
    checksums, headers = kind.split("-")[1:]
    return (f"generator: {{flows: {flows}, checksums: {checksums}, headers: {headers}}}", 0)


class Station:
    """A daemon on the packets of `flows` flows, and its reader; halted unless woken."""

    def __init__(self, kind, folder, flows, build, profiled, cores, ring_bytes):
        self.flows, self.reader, self.of = flows, None, (flows, build, profiled)
        program = "bench/path/berthd-profiled" if profiled else "control/berthd"
        device, buffers = source(kind, flows, folder)
        nics = f"  - name: wire\n    addresses: [192.0.2.10/24]\n    {device}\n"
        extra = (f"workers: {{cores: [{cores[0]}], idle: {{mode: poll}}}}\n"
                 f"flows: {{capacity: {flows * 5 // 4 + CAPACITY_MIN}}}\n"
                 f"memory: {{buffers: {buffers + SPARE_BUFFERS}}}\n")
        self.daemon = Daemon(nics, extra, program=os.path.join(build, program),
                             prefix=("setpriv", "--pdeathsig=KILL"))
        try:
            self.reader = Application(self.daemon, READER, "--core", str(cores[1]), "--ring-bytes",
                                      str(ring_bytes), identities=["udp/*:9000"])
            self.ask = Console(self.daemon).ask
            self.memory = self.ask("status")["memory"]
            wait_for(lambda: self.ask("workers")["workers"][0]["flows"] == flows, "all flows")
            self.halt()
        except BaseException:
            self.stop()
            raise

    def signal(self, number):
        self.daemon.process.send_signal(number)
        if self.reader is not None:
            self.reader.process.send_signal(number)

    def halt(self):
        self.signal(signal.SIGSTOP)

    def wake(self):
        self.signal(signal.SIGCONT)

    def sample(self):
        self.reader.process.send_signal(signal.SIGUSR1)
        reader = json.loads(self.reader.line())
        worker = self.ask("workers")["workers"][0]
        at = time.monotonic()
        drops = self.ask("drops")["drops"]
        return {"at": at, "worker": worker, "drops": drops, "reader": reader}

    def round(self, seconds, hz):
        self.wake()
        time.sleep(SETTLE_S)
        before = self.sample()
        time.sleep(seconds)
        after = self.sample()
        stats = self.ask("stats")
        self.halt()
        return difference(before, after, hz, stats)

    def stop(self):
        self.wake()
        if self.reader is not None:
            self.reader.stop()
        return self.daemon.stop()


def difference(before, after, hz, stats):
    """What happened between two samples, per packet."""
    def grown(part, name):
        return after[part][name] - before[part].get(name, 0)

    packets, elapsed = grown("worker", "packets"), after["at"] - before["at"]
    stages = {name: (n - before["worker"]["stage_cycles"][name]) / packets
              for name, n in after["worker"].get("stage_cycles", {}).items()}
    read = max(grown("reader", "packets"), 1)
    delivered = grown("worker", "delivered")
    return {
        "packets": packets, "stages": stages, "cycles": elapsed * hz / packets,
        "burst": packets / max(grown("worker", "busy_polls"), 1),
        "received_mpps": packets / elapsed / 1e6, "delivered_mpps": delivered / elapsed / 1e6,
        "drops": {n: grown("drops", n) for n in after["drops"] if grown("drops", n)},
        "reader_cycles": grown("reader", "cycles") / read,
        "reader_burst": read / max(grown("reader", "bursts"), 1),
        "reader_busy": grown("reader", "cycles") / (elapsed * hz),
        "flows": after["worker"]["flows"],
        "conserved": stats["conserved"] and stats["in"] == stats["out"],
    }


def alike(probe, other):
    return all(max(probe[k], other[k]) <= most * min(probe[k], other[k])
               for k, most in STEADY.items())


def comparable(rounds):
    """How the machine was in most rounds, and those in which it was so from start to end."""
    steady = [r for r in rounds if alike(*r["probes"])] or rounds
    usual = {k: statistics.median_low(r["probes"][0][k] for r in steady) for k in STEADY}
    return usual, [r for r in steady if all(alike(p, usual) for p in r["probes"])]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def result(flows, build, rounds, kept, mark_cycles):
    """Figures of one number of flows; each stage without the mark that ends it."""
    marked, unmarked = (flows, build, True), (flows, build, False)
    everything = [r for r in rounds if r["of"] in (marked, unmarked)]
    steady = {r["of"] for r in kept} >= {marked, unmarked}
    chosen = kept if steady else rounds
    profiled = [r for r in chosen if r["of"] == marked]
    plain = [r for r in chosen if r["of"] == unmarked]
    mark = mark_cycles / statistics.median(r["burst"] for r in profiled)
    stages = {name: spread([r["stages"][name] - mark for r in profiled])
              for name in profiled[0]["stages"]}
    drops = {}
    for r in everything:
        for name, n in r["drops"].items():
            drops[name] = drops.get(name, 0) + n
    return {
        "flows": flows, "build": os.path.basename(os.path.realpath(build)),
        "steady": steady, "rounds": [len(profiled), len(plain)], "stages": stages,
        "sum": spread([sum(r["stages"].values()) - mark * len(r["stages"]) for r in profiled]),
        "worker": spread([sum(r["stages"].values()) - mark * len(r["stages"]) -
                          (r["stages"]["RX"] - mark) for r in profiled]),
        "marked": spread([r["cycles"] for r in profiled]),
        "total": spread([r["cycles"] for r in plain]),
        "marks": mark * len(stages),
        "received_mpps": spread([r["received_mpps"] for r in plain]),
        "delivered_mpps": spread([r["delivered_mpps"] for r in plain]),
        "reader_cycles": spread([r["reader_cycles"] for r in plain]),
        "reader_burst": statistics.median(r["reader_burst"] for r in plain),
        "reader_busy": statistics.median(r["reader_busy"] for r in plain),
        "burst": statistics.median(r["burst"] for r in plain),
        "packets": sum(r["packets"] for r in everything), "drops": drops,
        "conserved": all(r["conserved"] for r in everything),
        # The marks miss nothing: what they book is the time that passed.
        "covered": all(abs(sum(r["stages"].values()) / r["cycles"] - 1) < COVERAGE
                       for r in everything if r["of"] == marked),
        "kept_flows": all(r["flows"] == flows for r in everything),
    }


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f
                     if line.startswith("model name")), "unknown")


def enough(rounds, stations, wanted):
    """Whether each station has its rounds, or as many were tried as may be."""
    if not rounds or len(rounds) >= ATTEMPTS * wanted * len(stations):
        return bool(rounds)
    kept = [r["of"] for r in comparable(rounds)[1]]
    return all(kept.count(s.of) >= wanted for s in stations)


def measure(arguments, cores, say):
    probes = [probe(cores)]
    hz, stations, rounds = probes[0]["hz"], [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for flows in arguments.flows:
                for build in arguments.builds:
                    say(f"start with {flows:,} flows")
                    for profiled in (True, False):
                        stations.append(Station(arguments.source, folder, flows, build,
                                                profiled, cores, arguments.ring_bytes))
            while not enough(rounds, stations, arguments.rounds):
                say(f"round {len(rounds) // len(stations) + 1}")
                # In another order each time, or a rhythm of the machine would favour some.
                random.shuffle(stations)
                for s in stations:
                    r = s.round(arguments.seconds, hz)
                    probes.append(probe(cores))
                    r["of"] = s.of
                    r["probes"] = probes[-2:]
                    rounds.append(r)
            memory = {s.memory for s in stations}
        finally:
            endings = [s.stop() for s in stations]
    clean = all(status == 0 and "not conserved" not in output for status, output in endings)
    mark = statistics.median(p["mark_cycles"] for p in probes)
    usual, kept = comparable(rounds)
    return {
        "conditions": {
            "processor": processor(), "hz": hz, "worker_core": cores[0],
            "reader_core": cores[1], "ring_bytes": arguments.ring_bytes,
            "memory": sorted(memory), "frame_bytes": 60, "source": arguments.source,
            "seconds": arguments.seconds, "mark_cycles": mark,
            "probes": probes, "usual": usual,
            "rounds": len(rounds), "rounds_left_out": len(rounds) - len(kept),
        },
        "results": [result(f, b, rounds, kept, mark)
                    for f in arguments.flows for b in arguments.builds],
        "clean": clean,
    }


def good(report):
    return report["clean"] and all(r["conserved"] and r["kept_flows"] for r in report["results"])


def tell(report):
    c, results = report["conditions"], report["results"]
    one_way = [p["one_way_cycles"] for p in c["probes"]]
    work = [p["work_cycles"] for p in c["probes"]]
    print(f"{c['processor']}, cycle counter {c['hz'] / 1e9:.3f} GHz; worker on core "
          f"{c['worker_core']}, application on core {c['reader_core']}; memory: "
          f"{', '.join(c['memory'])}")
    print(f"{SOURCES[c['source']]}, {c['frame_bytes']}-byte UDP frames, one per flow in turn; "
          f"a ring of {c['ring_bytes'] >> 10} KiB; rounds of {c['seconds']:g} s")
    print(f"one way between the cores: {one_way[0]:.0f} cycles before, {one_way[-1]:.0f} after, "
          f"{min(one_way):.0f} to {max(one_way):.0f} on the way; fixed work {min(work):.2f} to "
          f"{max(work):.2f}")
    print(f"kept: rounds near {c['usual']['one_way_cycles']:.0f} and "
          f"{c['usual']['work_cycles']:.2f}; {c['rounds_left_out']} of {c['rounds']} left out")
    print("\ncycles per packet: median (least..most)")

    def row(name, values, note=""):
        print(f"{name:<12}" + "".join(f"{v:>24}" for v in values) + note)

    def cells(name):
        return [cell(r[name]) for r in results]

    def cell(s):
        return f"{s['median']:.1f} ({s['min']:.1f}..{s['max']:.1f})"

    row("flows", [f"{r['flows']:,}" for r in results])
    if len({r["build"] for r in results}) > 1:
        row("build", [r["build"] for r in results])
    row("rounds", ["{} + {}".format(*r["rounds"]) for r in results],
        "   with marks + without")
    for stage in results[0]["stages"]:
        row(stage, [cell(r["stages"][stage]) for r in results])
    row("worker", cells("worker"), "   all of these but RX")
    row("sum", cells("sum"), f"   marks taken off: {c['mark_cycles']:.0f} cycles each, "
        f"{results[0]['marks']:.1f} a packet")
    row("marked", cells("marked"), "   the profiled berthd, by the clock")
    row("total", cells("total"), "   the ordinary berthd, by the clock")
    row("application", cells("reader_cycles"), "   rx_burst, first payload word, release")
    print("\nof the ordinary berthd")
    row("Mpps in", [f"{r['received_mpps']['median']:.2f}" for r in results])
    row("Mpps out", cells("delivered_mpps"))
    row("burst", [f"{r['burst']:.1f}, read {r['reader_burst']:.1f}" for r in results])
    row("app busy", [f"{100 * r['reader_busy']:.0f} %" for r in results])
    row("drops", [", ".join(f"{n} {100 * d / r['packets']:.2f} %" for n, d in r["drops"].items())
                  or "none" for r in results])
    row("conserved", ["yes" if r["conserved"] else "NO" for r in results])
    for r in results:
        if not r["covered"]:
            print(f"{r['flows']:,} flows: the stages do not add up to the time that passed")
        if not r["steady"]:
            print(f"{r['flows']:,} flows: the cores moved in every round; run it again")
        if not r["kept_flows"]:
            print(f"{r['flows']:,} flows: the table did not hold all of them")
    if not report["clean"]:
        print("a berthd did not end cleanly")


SOURCES = {
    "generator-device-warm": "berthd's generator, checksums verified by the device",
    "generator-software-warm": "berthd's generator, checksums verified by the worker",
    "generator-device-cold": "berthd's generator, checksums verified by the device, headers cold",
    "generator-software-cold": "berthd's generator, checksums verified by the worker, headers cold",
    "pcap": "net_pcap infinite_rx, checksums verified by the worker",
}


def flow_counts(text):
    counts = [int(word) for word in text.split(",")]
    if not counts or min(counts) < 1:
        raise ValueError
    return counts


def main():
    parser = argparse.ArgumentParser(prog="./dev bench path", description="cycles per packet "
                                     "from rx to a reading application, by stage")
    parser.add_argument("--flows", type=flow_counts, default=[1000, 100000, 1000000],
                        metavar="N,...", help="numbers of flows (1000,100000,1000000)")
    parser.add_argument("--rounds", type=int, default=None, help="of each kind (9; quick: 3)")
    parser.add_argument("--seconds", type=float, default=None,
                        help="of each round (0.4; quick: 0.2)")
    parser.add_argument("--ring-bytes", type=int, default=1 << 20, metavar="N",
                        help="of the application's ring, a power of two (1048576)")
    parser.add_argument("--source", choices=SOURCES, default="generator-device-warm",
                        help="where packets come from, who verifies their checksums, and whether "
                        "headers are in a cache (generator-device-warm)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--against", metavar="FOLDER", help="measure another build as well, in the "
                        "same rounds: a build-bench in which this bench ran")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 9)
    arguments.seconds = arguments.seconds or (0.2 if arguments.quick else 0.4)
    arguments.builds = [BUILD] + ([arguments.against] if arguments.against else [])
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        skip("two cores are needed, one for berthd and one for the application")
    # An ended measurement ends its busy loops.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report = measure(arguments, [cores[-1], cores[0]],
                     lambda text: print(text, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        tell(report)
    sys.exit(0 if good(report) else 1)


if __name__ == "__main__":
    main()
