#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_berthctl.py: every berthctl command against a berthd at work: keys and types of its JSON, a
# table, exit statuses.
#
#   berth-traffic ──▶ capture ──▶ net_pcap ──▶ berthd ──▶ sink
#                                                │
#                                             berthctl
import json
import os
import shutil
import subprocess
import tempfile

from lib import BERTHCTL, TRAFFIC, Application, Daemon, sound, wait_for

OK, REFUSED, USAGE, UNREACHABLE, DENIED = range(5)
COUNT = int
DIRECTION = {"address": str, "port": COUNT, "packets": COUNT, "bytes": COUNT, "tcp_flags": str}
BINDING = {"binding": COUNT, "identity": str, "port": str}
# Shape of each answer: a type, [shape of every element], or {key: shape}; {str: shape}: any keys.
SHAPES = {
    "status": {
        "version": str, "pid": COUNT, "uptime_ms": COUNT, "workers": COUNT,
        "applications": COUNT, "ports": COUNT, "bindings": COUNT, "flows": COUNT, "memory": str,
        "conserved": bool, "listeners": COUNT, "received": COUNT, "delivered": COUNT,
        "transmitted": COUNT, "dropped": COUNT, "refusals": COUNT,
        "neighbours": {"known": COUNT, "asked": COUNT, "failed": COUNT},
        "connections": {"open": COUNT, "quarantine": COUNT, "capacity": COUNT},
    },
    "nics": {"nics": [{
        "name": str, "device": str, "driver": str, "mac": str, "up": bool, "speed_mbps": COUNT,
        "mtu": COUNT, "rx_queues": COUNT, "tx_queues": COUNT, "rx_packets": COUNT,
        "rx_bytes": COUNT, "rx_missed": COUNT, "rx_errors": COUNT, "rx_no_buffer": COUNT,
        "tx_packets": COUNT, "tx_bytes": COUNT, "tx_errors": COUNT,
    }]},
    "workers": {"workers": [{
        "worker": COUNT, "core": COUNT, "queues": COUNT, "polls": COUNT, "busy_polls": COUNT,
        "sleeps": COUNT, "packets": COUNT, "delivered": COUNT, "transmitted": COUNT,
        "handed_over": COUNT, "dropped": COUNT, "flows": COUNT, "flows_capacity": COUNT,
        "limbo_stalls": COUNT,
    }]},
    "ports": {"ports": [{
        "id": COUNT, "name": str, "app": str, "pid": COUNT, "uid": COUNT, "identities": [str],
        "service": str, "class": str, "delivered": COUNT, "delivered_bytes": COUNT,
        "dropped": COUNT, "flows": COUNT, "sent": COUNT, "sent_bytes": COUNT,
    }]},
    "bindings": {"bindings": [{
        "id": COUNT, "identity": str, "port": str, "port_id": COUNT, "app": str, "pid": COUNT,
        "uid": COUNT, "shared": bool, "reuse": bool, "weight": COUNT, "draining": bool,
        "service": str, "class": str,
    }]},
    "refusals": {"count": COUNT, "refusals": [{
        "time": str, "uid": COUNT, "pid": COUNT, "app": str, "what": str, "error": str,
        "why": str,
    }]},
    "flows": {"more": bool, "flows": [{
        "worker": COUNT, "proto": str, "zone": COUNT, "orig": DIRECTION, "reply": DIRECTION,
        "state": str, "history": str, "port": str, "age_ms": COUNT, "idle_ms": COUNT,
        "timeout_ms": COUNT,
        "outgoing": bool, "first": str, "last": str,
    }]},
    "stats": {"counters": {str: COUNT}, "drops": {str: COUNT}, "held": COUNT, "in": COUNT,
              "out": COUNT, "conserved": bool},
    "drops": {"drops": {str: COUNT}, "closed_ports": [{
        "proto": str, "port": COUNT, "service": str, "class": str, "packets": COUNT,
    }]},
}


def fits(value, shape, where):
    """Fails unless the value has this shape: no key more, none less, no number below zero."""
    if isinstance(shape, list):
        assert isinstance(value, list), (where, value)
        for element in value:
            fits(element, shape[0], where + "[]")
    elif isinstance(shape, dict):
        assert isinstance(value, dict), (where, value)
        keys = shape.keys() if str not in shape else value.keys()
        assert value.keys() == keys, (where, value.keys() ^ keys)
        for key in keys:
            fits(value[key], shape.get(key, shape.get(str)), f"{where}.{key}")
    else:
        assert type(value) is shape, (where, value)
        assert shape is not COUNT or value >= 0, (where, value)


class Ctl:
    def __init__(self, daemon):
        self.socket = daemon.control_socket

    def run(self, *words, want=OK, program=BERTHCTL, **more):
        r = subprocess.run([program, "--socket", self.socket, *words], capture_output=True,
                           text=True, timeout=60, **more)
        sound(r.returncode, r.stderr)
        assert r.returncode == want, (words, r)
        assert (r.stderr == "") == (want == OK), (words, r)
        assert want == OK or r.stdout == "", (words, r)
        return r.stdout

    def json(self, *words):
        answer = json.loads(self.run("--json", *words))
        assert answer.pop("ok") is True, answer
        return answer


def check_shapes(ctl):
    for command, shape in SHAPES.items():
        answer = ctl.json(command)
        fits(answer, shape, command)
        for key, value in shape.items():
            assert not isinstance(value, list) or answer[key], f"{command}: {key} is empty"
        table = ctl.run(command)
        assert len(table.splitlines()) > 1 or command == "status", (command, table)
    assert "https" in ctl.run("ports") and "tcp/*:443" in ctl.run("bindings")
    assert "every packet is accounted for" in ctl.run("stats")
    flows = ctl.json("flows", "--proto", "tcp", "--port", "443", "--limit", "3")
    assert len(flows["flows"]) == 3 and flows["more"], flows
    assert all(f["proto"] == "tcp" and 443 in (f["orig"]["port"], f["reply"]["port"])
               for f in flows["flows"]), flows
    assert len(ctl.json("drops", "--limit", "2")["closed_ports"]) == 2


def check_bindings(ctl):
    bound = ctl.json("bind", "web", "udp/192.0.2.10:5000-5009")
    fits(bound, BINDING, "bind")
    assert bound["identity"] == "udp/192.0.2.10:5000-5009" and bound["port"] == "web", bound
    ctl.run("bind", "web", "udp/192.0.2.10:5000-5009", want=REFUSED)
    gone = ctl.json("unbind", str(bound["binding"]))
    fits(gone, BINDING, "unbind")
    assert gone == bound, (gone, bound)
    ctl.run("unbind", str(bound["binding"]), want=REFUSED)
    assert ctl.run("bind", "web", "udp/192.0.2.10:domain")
    assert ctl.run("unbind", "udp/192.0.2.10:53")
    identities = [b["identity"] for b in ctl.json("bindings")["bindings"]]
    assert identities == ["tcp/*:443"], identities


def check_refusals(ctl, daemon):
    for words in (["bind", "nobody", "udp/*:53"], ["unbind", "4000000"],
                  ["unbind", "udp/*:9"]):
        ctl.run(*words, want=REFUSED)
    for words in ([], ["reboot"], ["bind", "web"], ["bind", "web", "udp/somewhere"],
                  ["flows", "--proto", "smoke"], ["flows", "--port", "70000"],
                  ["flows", "--address", "x"], ["drops", "--limit", "10001"]):
        ctl.run(*words, want=USAGE)
    if os.geteuid() == 0:
        # A copy of the program that any user may run, wherever the build folder is.
        nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/",
                  "program": shutil.copy(BERTHCTL, daemon.folder)}
        os.chmod(daemon.folder, 0o711)
        ctl.run("status", want=DENIED, **nobody)
        # Whoever may open the socket may look, and no more.
        os.chmod(daemon.control_socket, 0o666)
        ctl.run("status", **nobody)
        ctl.run("bind", "web", "udp/*:5000", want=DENIED, **nobody)
        ctl.run("unbind", "tcp/*:443", want=DENIED, **nobody)


def main():
    with tempfile.TemporaryDirectory() as folder:
        capture = os.path.join(folder, "1.pcap")
        subprocess.run([TRAFFIC, "--mix", "e2e", "--packets", "3000", "--flows", "300", capture],
                       check=True)
        nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={capture},infinite_rx=1"\n'
                '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
        extra = ("flows: {capacity: 16384}\n"
                 "memory: {mode: ordinary, megabytes: 192, buffers: 24000}\n")
        with Daemon(nics, extra) as daemon:
            ctl = Ctl(daemon)
            sink = Application(daemon, "sink", "--name", "web", identities=["tcp/*:443"])
            wait_for(lambda: ctl.json("status")["delivered"] > 1000, "packets")
            ctl.run("bind", "web", "tcp/192.0.2.10:443", want=REFUSED)
            check_shapes(ctl)
            check_bindings(ctl)
            check_refusals(ctl, daemon)
            daemon.conserved()
            sink.stop()
    ctl.run("status", want=UNREACHABLE)


main()
