#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# ring.py: cycles per packet of delivery into another process, on both sides.
#
#   frames ──▶ deliver_burst() of a worker (core A) ══ rings ══▶ berth_rx_burst() (core B)
#
# Each round stands between two measurements of what a cache line costs from core to core. Rounds
# in which it moved do not count, and those that do are told apart by it: virtual cores share a
# cache in one second and none in the next.
import argparse
import json
import os
import statistics
import subprocess
import sys

FOLDER = os.environ["BERTH_BUILD"]
MOVED = 1.4      # one-way costs before and after a round that differ by more than this
FAR_CYCLES = 250  # one way: above, the cores share no cache


def run(build, cores, applications, stalled, frame_bytes, arguments):
    program = os.path.join(build, "bench/ring/ring-bench")
    out = subprocess.run(
        [program, "--cores", f"{cores[0]},{cores[1]}", "--applications", str(applications),
         "--stalled", str(stalled), "--frame-bytes", str(frame_bytes), "--ring-bytes",
         str(arguments.ring_bytes), "--rounds", str(arguments.rounds), "--seconds",
         str(arguments.seconds)], capture_output=True, text=True, timeout=120, check=True)
    return json.loads(out.stdout)


def steady(r):
    before, after = r["one_way_cycles"]
    return max(before, after) <= MOVED * min(before, after)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def result(applications, stalled, frame_bytes, passes):
    """Of all rounds of one kind: those in which the cores stayed where they were, by distance."""
    rounds = [r for p in passes for r in p["rounds"]]
    kept = [r for r in rounds if steady(r)]
    distances = {}
    for name, far in (("near", False), ("far", True)):
        chosen = [r for r in kept if (r["one_way_cycles"][0] > FAR_CYCLES) == far]
        if len(chosen) >= 3:
            distances[name] = {
                "rounds": len(chosen),
                "one_way_cycles": spread([r["one_way_cycles"][0] for r in chosen]),
                "daemon_cycles": spread([r["daemon_cycles"] for r in chosen]),
                "application_cycles": spread([r["application_cycles"] for r in chosen]),
                "application_burst": statistics.median(r["application_burst"] for r in chosen),
            }
    return {"applications": applications, "stalled": stalled, "frame_bytes": frame_bytes,
            "record_bytes": passes[0]["record_bytes"], "rounds": len(rounds),
            "left_out": len(rounds) - len(kept), "dropped": sum(p["dropped"] for p in passes),
            "distances": distances}


def cell(s):
    return f"{s['median']:.1f} ({s['min']:.1f}..{s['max']:.1f})"


def tell(report):
    c = report["conditions"]
    print(f"{c['processor']}, cycle counter {c['hz'] / 1e9:.3f} GHz; worker on core "
          f"{c['cores'][0]}, applications on core {c['cores'][1]}; rings of "
          f"{c['ring_bytes'] >> 10} KiB; rounds of {1000 * c['seconds']:g} ms")
    print("cycles per packet: median (least..most)\n")
    print(f"{'frame':>6} {'appl.':>6}  {'one way':>22} {'daemon':>24} {'application':>24} "
          f"{'burst':>6} {'rounds':>7} {'moved':>6}")
    for r in report["results"]:
        name = f"{r['applications']}" + (f"-{r['stalled']}" if r["stalled"] else "")
        if not r["distances"]:
            print(f"{r['frame_bytes']:>6} {name:>6}  the cores moved in every round; run it again")
        for d in r["distances"].values():
            print(f"{r['frame_bytes']:>6} {name:>6}  {cell(d['one_way_cycles']):>22} "
                  f"{cell(d['daemon_cycles']):>24} {cell(d['application_cycles']):>24} "
                  f"{d['application_burst']:>6.1f} {d['rounds']:>7} {r['left_out']:>6}")
        if r["dropped"] and not r["stalled"]:
            print(f"{'':>14} {r['dropped']} packets found their ring full")


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f
                     if line.startswith("model name")), "unknown")


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench ring")
    parser.add_argument("--applications", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument("--frame-bytes", type=numbers, default=[64, 512, 1500],
                        help="of Ethernet frames, checksum included")
    parser.add_argument("--ring-bytes", type=int, default=1 << 20)
    parser.add_argument("--rounds", type=int, default=25, help="of each kind, per pass")
    parser.add_argument("--passes", type=int, default=2, help="over all kinds, interleaved")
    parser.add_argument("--seconds", type=float, default=0.005, help="of each round")
    parser.add_argument("--cores", type=numbers, help="the worker's and the applications'")
    parser.add_argument("--stalled", action="store_true",
                        help="two applications instead, of which one never reads, beside one alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cores = arguments.cores or sorted(os.sched_getaffinity(0))[:2]
    if len(cores) != 2:
        print("bench ring: needs two cores", file=sys.stderr)
        return 77
    kinds = ([(a, 0, f) for f in arguments.frame_bytes for a in arguments.applications]
             if not arguments.stalled else
             [(a, s, f) for f in arguments.frame_bytes for a, s in ((1, 0), (2, 0), (2, 1))])
    passes = {k: [] for k in kinds}
    for _ in range(arguments.passes):
        for kind in kinds:
            passes[kind].append(run(FOLDER, cores, *kind, arguments))
    report = {
        "conditions": {"processor": processor(), "hz": passes[kinds[0]][0]["hz"], "cores": cores,
                       "ring_bytes": arguments.ring_bytes, "seconds": arguments.seconds},
        "results": [result(*k, passes[k]) for k in kinds],
    }
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        tell(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
