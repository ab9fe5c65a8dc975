#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# live.py: lets real ping, dig, nc and curl talk through berthd, and shows what each of them says.
import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))

from clients import FAMILIES, RECORDS, configuration, megabyte, network, url  # noqa: E402
from lib import BERTHCTL, DEADLINE_S, Application, Daemon, wait_for  # noqa: E402
from net import enter  # noqa: E402

PICTURE = """
  namespace "client"                       this namespace

  ping, dig, nc, curl                      berthd ── echo, dns, http
         │                                    │
      vclient ═══════════ veth ═══════════ vberth (af_packet)
      198.51.100.1                            198.51.100.2
      2001:db8:5::1                           2001:db8:5::2
"""


def refuse(reason):
    print("demo:", reason, file=sys.stderr)
    sys.exit(1)


class Show:
    """Runs clients before the reader's eyes and keeps what succeeded."""

    def __init__(self, daemon, client, quiet):
        self.daemon = daemon
        self.client = client
        self.quiet = quiet
        self.results = []

    def tell(self, text):
        if not self.quiet:
            print(text, flush=True)

    def judge(self, what, good):
        self.results.append((what, bool(good)))
        self.tell(f"--> {what}: {'ok' if good else 'FAILED'}\n")

    def run(self, *words, **more):
        """A client from its start to its end, with its own output."""
        self.tell("client$ " + shlex.join(words))
        try:
            r = self.client.run(*words, check=False, **more)
        except subprocess.TimeoutExpired as e:
            self.tell(f"no end: {e}")
            return ""
        self.tell((r.stdout + r.stderr).rstrip())
        return r.stdout if r.returncode == 0 else ""

    def ctl(self, *words):
        """What berthctl shows."""
        self.tell("berth$ berthctl " + " ".join(words))
        self.tell(subprocess.run([BERTHCTL, "--socket", self.daemon.control_socket, *words],
                                 capture_output=True, text=True, timeout=DEADLINE_S).stdout)


def ping(show):
    for address, _ in FAMILIES:
        said = show.run("ping", "-c", "10", "-i", "0.1", address)
        show.judge(f"ping {address}: 10 of 10 answered", " 10 received" in said)


def dig(show):
    for address, _ in FAMILIES:
        for kind, record in RECORDS:
            said = show.run("dig", f"@{address}", "+norecurse", "+nocmd", "www.example.test", kind)
            answers = [line.split()[-1] for line in said.splitlines() if
                       line.startswith("www.example.test.")]
            show.judge(f"dig {kind} at {address}: {record}", answers == [record])


def echo(show):
    for address, _ in FAMILIES:
        show.tell("client$ echo 'hello, berth' |")
        said = show.run("nc", "-u", "-w", "1", address, "7", input="hello, berth\n")
        show.judge(f"nc -u {address} 7: the same back", said == "hello, berth\n")


def web_flow(daemon, address):
    """The flow of a curl that receives."""
    flows = daemon.ctl("flows", "--proto", "tcp", "--port", "80")["flows"]
    return any(f["reply"]["address"] == address and f["state"] == "established" and
               f["reply"]["packets"] > 20 for f in flows)


def curl(show, folder):
    """Two curls, slowed down so that their flows can be looked at while they run."""
    expected = hashlib.sha256(megabyte()).hexdigest()
    running = []
    for address, _ in FAMILIES:
        words = ("curl", "-sS", "-g", "--limit-rate", "600k", "-o",
                 os.path.join(folder, f"body{len(running)}"), "-w",
                 r"%{http_code} %{size_download} bytes in %{time_total} s\n", url(address, "/1m"))
        show.tell("client$ " + shlex.join(words) + " &")
        running.append((address, words, show.client.start(*words)))
    try:
        for address, _ in FAMILIES:
            wait_for(lambda: web_flow(show.daemon, address), f"the flow of curl to {address}")
        seen = True
    except AssertionError as e:
        show.tell(str(e))
        seen = False
    show.ctl("flows")
    show.judge("berthctl flows: both curls, while they run", seen)
    for address, words, process in running:
        said, errors = process.communicate(timeout=DEADLINE_S)
        show.tell(f"curl {url(address, '/1m')}: {(said + errors).rstrip()}")
        digest = ""
        if process.returncode == 0:
            with open(words[words.index("-o") + 1], "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()
        show.tell(f"SHA-256 received {digest or 'nothing'}\nSHA-256 expected {expected}")
        show.judge(f"curl {url(address, '/1m')}: a megabyte, byte for byte", digest == expected)


def summary(show, stats, as_json):
    good = stats["conserved"] and all(ok for _, ok in show.results)
    if as_json:
        keep = ("received", "delivered", "answered", "transmitted", "handed_over")
        print(json.dumps({
            **{k: stats["counters"][k] for k in keep},
            "drops": {k: n for k, n in stats["drops"].items() if n > 0},
            "clients": [{"what": what, "ok": ok} for what, ok in show.results],
            "in": stats["in"], "out": stats["out"], "held": stats["held"],
            "conserved": stats["conserved"],
        }, indent=1))
        return good
    for what, ok in show.results:
        print(f"{'ok     ' if ok else 'FAILED '}{what}")
    print(f"conservation: {stats['in']:,} in, {stats['out']:,} out, {stats['held']} held: "
          f"{'every packet is accounted for' if stats['conserved'] else 'NOT CONSERVED'}")
    return good


def main():
    parser = argparse.ArgumentParser(prog="./dev demo --live",
                                     description="lets real clients talk through berthd")
    parser.add_argument("--json", action="store_true", help="print only a summary, as JSON")
    arguments = parser.parse_args()
    enter("ping", "dig", "nc", "curl", refuse=refuse)
    client = network()
    with Daemon(*configuration("unmatched: reject\n")) as daemon:
        apps = [Application(daemon, "echo", identities=["udp/*:echo"]),
                Application(daemon, "dns", identities=["udp/*:domain"]),
                Application(daemon, "http", identities=["tcp/*:http"])]
        show = Show(daemon, client, arguments.json)
        show.tell(PICTURE)
        show.ctl("bindings")
        ping(show)
        dig(show)
        echo(show)
        curl(show, daemon.folder)
        show.ctl("ports")
        for app in apps:
            app.stop()
        good = summary(show, daemon.ctl("stats"), arguments.json)
    sys.exit(0 if good else 1)


main()
