# SPDX-License-Identifier: BSD-3-Clause
# rig.py: a berthd on its own generator with applications that read, its rates and its numbers.
import json
import os
import signal
import time

from lib import BUILD, Application, Console, Daemon, wait_for

READER = os.path.join(BUILD, "bench/path/path-reader")
SETTLE_S = 0.1
FIRST_PORT = 9000


class Rig:
    """`ports` ports in as many rings, or all in one, read by one application on the second core.
    The table has room to spare: flows that nobody answers would soon give way in a full one."""

    def __init__(self, cores, flows, ports=1, each=False, rate=0, capacity=0, tcp=False,
                 descriptors=4096, tracking="loose", extra="", identities=None):
        last = FIRST_PORT + ports - 1
        self.cores = cores
        nics = ("  - name: load\n    addresses: [192.0.2.10/24]\n"
                f"    rx-descriptors: {descriptors}\n"
                f"    generator: {{flows: {flows}, ports: {FIRST_PORT}-{last}, "
                f"protocol: {'tcp' if tcp else 'udp'}{f', rate: {rate}' if rate else ''}}}\n")
        more = (f"workers: {{cores: [{cores[0]}], idle: {{mode: poll}}}}\n"
                f"flows: {{capacity: {max(capacity, flows * 5 // 4 + 1024)}, "
                f"tracking: {{mode: {tracking}}}, timeouts: {{udp-new: 1, tcp-opening: 1}}}}\n"
                f"quota: {{bindings: 65536, ring-megabytes: 4096}}\n{extra}")
        self.daemon = Daemon(nics, more, prefix=("setpriv", "--pdeathsig=KILL"))
        self.readers = []
        try:
            self.ask = Console(self.daemon).ask
            identities = identities or [f"udp/*:{FIRST_PORT + i}" for i in range(ports)]
            self.read(identities, each)
            bound = sum(i.startswith("udp/") for i in identities)
            if rate == 0:
                wait_for(lambda: self.ask("workers")["workers"][0]["flows"] >=
                         flows // ports * bound, "all flows of bound ports")
        except BaseException:
            self.stop()
            raise

    def read(self, identities, each=False, ring_bytes=1 << 20):
        self.readers.append(Application(
            self.daemon, READER, "--core", str(self.cores[1]), "--timed", "--ring-bytes",
            str(ring_bytes), *(["--each"] if each else []), identities=identities))
        return self.readers[-1]

    def set(self, rate=None, new_flows=None, syn_flood=None):
        wanted = {"rate": rate, "new_flows": new_flows, "syn_flood": syn_flood}
        answer = self.ask("generate", nic="load",
                          **{k: int(v) for k, v in wanted.items() if v is not None})
        assert answer["ok"], answer

    def sample(self):
        """What was counted until now; the first reader's view with it."""
        reader = self.readers[0]
        reader.process.send_signal(signal.SIGUSR1)
        read = json.loads(reader.line())
        nic, worker = self.ask("nics")["nics"][0], self.ask("workers")["workers"][0]
        return {"at": time.monotonic(), "offered": nic["rx_packets"] + nic["rx_missed"],
                "missed": nic["rx_missed"], "received": worker["packets"],
                "delivered": worker["delivered"], "drops": self.ask("drops")["drops"],
                "read": read["packets"], "read_cycles": read["cycles"],
                "delays": dict(map(tuple, read["delays"])),
                "ports": {p["name"] + str(p["id"]): p for p in self.ask("ports")["ports"]}}

    def trial(self, seconds, **rates):
        """Numbers of `seconds` at these rates, in packets and packets per second."""
        self.set(**rates)
        time.sleep(SETTLE_S)
        before = self.sample()
        time.sleep(seconds)
        after = self.sample()
        elapsed = after["at"] - before["at"]
        drops = {n: c - before["drops"].get(n, 0) for n, c in after["drops"].items()}
        delays = {d: n - before["delays"].get(d, 0) for d, n in after["delays"].items()}
        grown = {n: after[n] - before[n]
                 for n in ("offered", "missed", "received", "delivered", "read", "read_cycles")}
        return {**grown, "seconds": elapsed, "drops": {n: c for n, c in drops.items() if c},
                "lost": grown["missed"] + sum(drops.values()),
                "offered_pps": grown["offered"] / elapsed,
                "delivered_pps": grown["delivered"] / elapsed,
                "delays": {d: n for d, n in delays.items() if n}}

    def conserved(self):
        self.set(rate=1, new_flows=0, syn_flood=0)
        stats = self.ask("stats")
        return stats["conserved"] and stats["in"] == stats["out"]

    def stop(self):
        for reader in self.readers:
            reader.process.send_signal(signal.SIGCONT)
            reader.stop()
        return self.daemon.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status, output = self.stop()
        assert kind is not None or (status == 0 and "not conserved" not in output), output


def percentile(delays, share):
    """The delay, in cycles, that `share` of the packets do not exceed."""
    total, seen = sum(delays.values()), 0
    for delay in sorted(delays):
        seen += delays[delay]
        if seen >= share * total:
            return delay
    return 0
