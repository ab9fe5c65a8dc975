#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# load.py: what berthd delivers without loss, how fast, and what disturbs it.
#
#   berthd's generator ──▶ worker (core A) ══ rings ══▶ path-reader (core B)
import argparse
import json
import os
import signal
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../tests/e2e"), os.path.join(HERE, "../path")]

from lib import skip  # noqa: E402
from path import SOURCES, probe, processor  # noqa: E402
from rig import FIRST_PORT, Rig, percentile  # noqa: E402

FLOWS = 100000
# Loss that a rate may have to count: none (RFC 2544 26.1), and CSIT's partial drop rate.
ALLOWED = {"no loss": 0.0, "0.5 % loss": 0.005}
STEP = 0.02  # the search ends when it knows the rate to this part
PERCENTILES = (0.5, 0.9, 0.99, 0.999)


def flat_out(rig, seconds, **rates):
    """The rate that is delivered when as much is offered as is taken: the median of three."""
    return statistics.median(rig.trial(seconds, rate=0, **rates)["delivered_pps"]
                             for _ in range(3))


def search(rig, seconds, most, allowed):
    """The highest rate, to STEP, at which no larger share than `allowed` of the offered is lost."""
    low, high, trials = 0.0, most, []
    while high - low > STEP * most:
        rate = (low + high) / 2
        t = rig.trial(seconds, rate=rate)
        trials.append({"rate": rate, "lost": t["lost"], "offered": t["offered"]})
        if t["lost"] <= allowed * t["offered"]:
            low = rate
        else:
            high = rate
    return {"rate": low, "trials": trials}


def section_rate(o, say):
    """Highest rates by loss, and the delays at shares of the lossless one."""
    with Rig(o.cores, FLOWS) as rig:
        most = flat_out(rig, o.seconds)
        found = {name: search(rig, o.seconds, most, allowed)
                 for name, allowed in ALLOWED.items()}
        base = found["0.5 % loss"]["rate"]
        delays = {}
        for share in (0.1, 0.5, 0.9, 0.99):
            say(f"delays at {share:.0%}")
            t = rig.trial(o.seconds, rate=base * share)
            delays[share] = {p: percentile(t["delays"], p) / o.hz * 1e6 for p in PERCENTILES}
            delays[share]["max"] = max(t["delays"], default=0) / o.hz * 1e6
        assert rig.conserved()
    return {"flat_out_pps": most, "found": found, "delay_us": delays}


def section_recovery(o, say):
    """How long packets are still lost after twice the rate that can be taken (RFC 2544 26.5)."""
    results = []
    with Rig(o.cores, FLOWS) as rig:
        most = flat_out(rig, o.seconds)
        for _ in range(5):
            rig.trial(o.seconds, rate=2 * most)
            rig.set(rate=most / 2)
            start = before = rig.sample()
            last = start["at"]
            for _ in range(20):
                after = rig.sample()
                if after["missed"] + sum(after["drops"].values()) > \
                        before["missed"] + sum(before["drops"].values()):
                    last = after["at"]
                before = after
            results.append((last - start["at"]) * 1e3)
        assert rig.conserved()
    return {"milliseconds": results}


def section_churn(o, say):
    """New flows beside established ones: flat out, and at half of that."""
    rows = []
    with Rig(o.cores, FLOWS, capacity=4 << 20) as rig:
        alone = flat_out(rig, o.seconds)
        for new in (0, 100000, 500000, 1000000):
            say(f"{new:,} new flows a second")
            beside = [rig.trial(o.seconds, rate=0, new_flows=new) for _ in range(3)]
            calm = rig.trial(o.seconds, rate=alone / 2, new_flows=new)
            rows.append({"new_flows": new,
                         "lasting_pps": statistics.median(t["delivered_pps"] - new for t in beside),
                         "flat_out_drops": beside[-1]["drops"],
                         "half": {"offered": calm["offered"], "missed": calm["missed"],
                                  "drops": calm["drops"]}})
        assert rig.conserved()
    return {"alone_pps": alone, "rows": rows}


def section_flood(o, say):
    """SYNs for a closed port and for a bound one, beside datagrams of established flows."""
    rows = []
    for bound in (False, True):
        identities = [f"udp/*:{FIRST_PORT}"] + ([f"tcp/*:{FIRST_PORT}"] if bound else [])
        with Rig(o.cores, FLOWS, capacity=1 << 20, identities=identities) as rig:
            alone = flat_out(rig, o.seconds)
            for syns in (500000, 2000000):
                say(f"{syns:,} SYNs a second, port {'bound' if bound else 'closed'}")
                calm = rig.trial(o.seconds, rate=alone / 3, syn_flood=syns)
                rows.append({"bound": bound, "syns": syns, "offered": calm["offered"],
                             "missed": calm["missed"], "drops": calm["drops"]})
            rig.set(syn_flood=0)
            assert rig.conserved()
    return {"rows": rows}


def section_slow(o, say):
    """An application that does not read, beside one that does; each has half of the flows."""
    alone, beside = [], []
    with Rig(o.cores, FLOWS, ports=2, identities=[f"udp/*:{FIRST_PORT}"]) as rig:
        slow = rig.read([f"udp/*:{FIRST_PORT + 1}"])
        for _ in range(5):
            for halted, list_ in ((False, alone), (True, beside)):
                slow.process.send_signal(signal.SIGSTOP if halted else signal.SIGCONT)
                t = rig.trial(o.seconds, rate=o.calm)
                list_.append({"read": t["read"] / t["seconds"], "drops": t["drops"],
                              "missed": t["missed"]})
        slow.process.send_signal(signal.SIGCONT)
        assert rig.conserved()
    return {"reads_too": alone, "does_not_read": beside}


def section_ports(o, say):
    """One ring for 1 to 1,024 transport ports, and a ring for each of 1 to 1,024."""
    rows = []
    for each in (False, True):
        for ports in (1, 4, 16, 64, 256, 1024):
            say(f"{ports} ports, {'a ring each' if each else 'one ring'}")
            with Rig(o.cores, FLOWS, ports=ports, each=each) as rig:
                trials = [rig.trial(o.seconds, rate=0) for _ in range(3)]
                rows.append({"ports": ports, "rings": ports if each else 1,
                             "cycles": statistics.median(o.hz / t["received"] * t["seconds"]
                                                         for t in trials),
                             "drops": trials[-1]["drops"]})
                assert rig.conserved()
    return {"rows": rows}


SECTIONS = {"rate": section_rate, "recovery": section_recovery, "churn": section_churn,
            "flood": section_flood, "slow": section_slow, "ports": section_ports}


def lost(row):
    return ", ".join([f"missed {row['missed']}"] * (row["missed"] > 0) +
                     [f"{n} {c}" for n, c in row["drops"].items()]) or "nothing"


def tell_rate(r):
    print(f"flat out                {r['flat_out_pps'] / 1e6:8.2f} Mpps delivered")
    for name, found in r["found"].items():
        print(f"highest rate, {name:<10}{found['rate'] / 1e6:8.2f} Mpps")
    for share, row in r["delay_us"].items():
        print(f"delay at {float(share):4.0%} of it, µs: " +
              ", ".join(f"{p if p == 'max' else f'{float(p):.1%}'} {d:.1f}"
                        for p, d in row.items()))


def tell_recovery(r):
    print("still losing after the overload ended, ms: " +
          ", ".join(f"{m:.1f}" for m in r["milliseconds"]))


def tell_churn(r):
    print(f"lasting flows alone, flat out: {r['alone_pps'] / 1e6:.2f} Mpps")
    for row in r["rows"]:
        half = row["half"]
        print(f"{row['new_flows']:>9,} new flows/s: {row['lasting_pps'] / 1e6:.2f} Mpps of the "
              f"lasting ones flat out ({row['lasting_pps'] / r['alone_pps']:.0%}); at half the "
              f"rate lost of {half['offered']:,}: {lost(half)}")


def tell_flood(r):
    for row in r["rows"]:
        print(f"{row['syns']:>9,} SYNs/s, port {'bound' if row['bound'] else 'closed'}: lost of "
              f"{row['offered']:,}: {lost(row)}")


def tell_slow(r):
    def rate(rows):
        return statistics.median(t["read"] for t in rows)

    print(f"read by the first application: {rate(r['reads_too']) / 1e6:.3f} Mpps while the second "
          f"reads, {rate(r['does_not_read']) / 1e6:.3f} while it does not "
          f"({rate(r['does_not_read']) / rate(r['reads_too']):.1%})")


def tell_ports(r):
    for row in r["rows"]:
        print(f"{row['ports']:>5} ports, {row['rings']:>4} rings: {row['cycles']:6.1f} cycles per "
              f"packet, rx included")


TELL = {"rate": tell_rate, "recovery": tell_recovery, "churn": tell_churn, "flood": tell_flood,
        "slow": tell_slow, "ports": tell_ports}


def chosen(text):
    names = text.split(",")
    if not set(names) <= set(SECTIONS):
        raise ValueError
    return names


def main():
    parser = argparse.ArgumentParser(prog="./dev bench load", description="rates without loss, "
                                     "delays, and what disturbs them")
    parser.add_argument("--only", type=chosen, default=list(SECTIONS), metavar="SECTION,...",
                        help="of " + ", ".join(SECTIONS))
    parser.add_argument("--seconds", type=float, default=1.0, help="of each trial (1)")
    parser.add_argument("--calm", type=float, default=1e6, metavar="PPS",
                        help="rate of the section slow (1000000)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    o = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        skip("two cores are needed, one for berthd and one for the application")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    o.cores = [cores[-1], cores[0]]
    before = probe(o.cores)
    o.hz = before["hz"]

    def say(text):
        print(text, file=sys.stderr, flush=True)

    report = {"conditions": {"processor": processor(), "hz": o.hz, "seconds": o.seconds,
                             "flows": FLOWS, "source": SOURCES["generator-device-warm"]},
              "sections": {}}
    for name in o.only:
        say(f"section {name}")
        report["sections"][name] = SECTIONS[name](o, say)
    report["conditions"]["probes"] = [before, probe(o.cores)]
    if o.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{processor()}, cycle counter {o.hz / 1e9:.3f} GHz; worker on core {o.cores[0]}, "
          f"application on core {o.cores[1]}; {report['conditions']['source']}; {FLOWS:,} flows, "
          f"trials of {o.seconds:g} s")
    print("one way between the cores: {:.0f} cycles before, {:.0f} after".format(
        *(p["one_way_cycles"] for p in report["conditions"]["probes"])))
    for name, section in report["sections"].items():
        print(f"\n{name}")
        TELL[name](section)


if __name__ == "__main__":
    main()
