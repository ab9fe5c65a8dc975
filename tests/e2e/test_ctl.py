#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_ctl.py: berthctl's arguments, tables and exit statuses, against a daemon that is played."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

CTL = os.path.join(os.environ["BERTH_BUILD"], "control", "ctl", "berthctl")

PORT = {
    "id": 0, "name": "web", "app": "http", "pid": 7, "uid": 0,
    "identities": ["tcp/192.0.2.10:443", "tcp/[2001:db8::10]:443"], "service": "https",
    "class": "well-known", "delivered": 5, "delivered_bytes": 500, "dropped": 1, "flows": 2,
    "sent": 3, "sent_bytes": 300,
}
FLOW = {
    "worker": 0, "proto": "tcp", "zone": 0,
    "orig": {"address": "198.51.100.7", "port": 40000, "packets": 3, "bytes": 180},
    "reply": {"address": "192.0.2.10", "port": 443, "packets": 2, "bytes": 120},
    "state": "established", "port": "web", "age_ms": 9, "idle_ms": 1, "timeout_ms": 1000,
    "outgoing": False,
}
EVENT = {"event": "destroy", "end": "fin", **{k: v for k, v in FLOW.items() if "_ms" not in k}}
LOST = {"event": "lost", "events": 17}
ANSWERS = {
    "status": {"version": "1", "pid": 1, "conserved": True},
    "nics": {"nics": [{"name": "wan", "device": "net_null0", "up": True}]},
    "workers": {"workers": [{"worker": 0, "core": 1}]},
    "ports": {"ports": [PORT]},
    "bindings": {"bindings": [{"id": 1, "identity": "tcp/192.0.2.10:443", "port": "web"}]},
    "flows": {"flows": [FLOW], "more": True},
    "stats": {"counters": {"received": 9}, "drops": {"port_closed": 4, "land": 0}, "held": 0,
              "in": 9, "out": 9, "conserved": True},
    "drops": {"drops": {"port_closed": 4},
              "closed_ports": [{"proto": "tcp", "port": 23, "service": "telnet",
                                "class": "well-known", "packets": 4}]},
    "bind": {"binding": 3, "identity": "tcp/192.0.2.10:443", "port": "web"},
    "unbind": {"binding": 3, "identity": "tcp/192.0.2.10:443", "port": "web"},
    "generate": {"nic": "load", "rate": 1000, "new_flows": 0, "syn_flood": 0},
}


class Daemon(threading.Thread):
    """Answers each connection's one request as `answer` says, and remembers the request."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as stream:
                request = json.loads(stream.readline())
                self.requests.append(request)
                text = self.answer(request)
                if text is not None:
                    # In two pieces: a reader may not take the first for the whole.
                    stream.write(text[:10])
                    stream.flush()
                    stream.write(text[10:])

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join()


def good(request):
    return json.dumps({"ok": True, **ANSWERS[request["command"]]}).encode() + b"\n"


def refusal(code):
    text = json.dumps({"ok": False, "error": "because I say so", "code": code}).encode() + b"\n"
    return lambda request: text


class Ctl(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "control.sock")
        self.daemon = None

    def tearDown(self):
        if self.daemon is not None:
            self.daemon.stop()
        self.folder.cleanup()

    def play(self, answer):
        self.daemon = Daemon(self.path, answer)

    def ctl(self, *arguments, timeout=20):
        env = dict(os.environ, BERTH_CONTROL_SOCKET=self.path)
        return subprocess.run([CTL, *arguments], env=env, capture_output=True, text=True,
                              timeout=timeout, check=False)

    def test_every_command_prints_a_table_and_json(self):
        self.play(good)
        for command, answer in ANSWERS.items():
            arguments = {"bind": ["web", "tcp/192.0.2.10:443"], "unbind": ["3"],
                         "generate": ["load"]}.get(command, [])
            table = self.ctl(command, *arguments)
            self.assertEqual((table.returncode, table.stderr), (0, ""), command)
            self.assertTrue(table.stdout.strip(), command)
            text = self.ctl("--json", command, *arguments)
            self.assertEqual(text.returncode, 0, command)
            self.assertEqual(json.loads(text.stdout), {"ok": True, **answer}, command)

    def test_tables_show_what_matters(self):
        self.play(good)
        ports = self.ctl("ports").stdout
        for text in ("web", "https", "well-known", "tcp/[2001:db8::10]:443"):
            self.assertIn(text, ports)
        flows = self.ctl("flows").stdout
        for text in ("198.51.100.7", "40000", "established", "more flows"):
            self.assertIn(text, flows)
        stats = self.ctl("stats").stdout
        self.assertIn("every packet is accounted for", stats)
        self.assertNotIn("land", stats)
        self.assertIn("telnet", self.ctl("drops").stdout)

    def test_arguments_reach_the_daemon(self):
        self.play(good)
        self.ctl("flows", "--proto", "tcp", "--port", "443", "--address", "192.0.2.10",
                 "--limit", "0")
        self.ctl("bind", "--shared", "web", "udp/*:53", "--json")
        self.ctl("--socket", self.path, "unbind", "udp/*:53")
        self.assertEqual(self.daemon.requests, [
            {"command": "flows", "proto": "tcp", "port": 443, "address": "192.0.2.10",
             "limit": 0},
            {"command": "bind", "shared": True, "port": "web", "identity": "udp/*:53"},
            {"command": "unbind", "binding": "udp/*:53"},
        ])

    def test_refusals_become_exit_statuses(self):
        for code, status in (("refused", 1), ("usage", 2), ("denied", 4)):
            self.play(refusal(code))
            result = self.ctl("status")
            self.assertEqual(result.returncode, status)
            self.assertIn("because I say so", result.stderr)
            self.daemon.stop()
            self.daemon = None
            os.unlink(self.path)

    def test_a_daemon_that_does_not_answer_is_unreachable(self):
        self.assertEqual(self.ctl("status").returncode, 3)
        self.assertEqual(self.ctl("--socket", "/" + "x" * 200, "status").returncode, 3)
        for text in (None, b"", b"{\"ok\":true", b"nonsense\n", b"[]\n", b"{}\n"):
            self.play(lambda request, text=text: text)
            self.assertEqual(self.ctl("status").returncode, 3, text)
            self.daemon.stop()
            self.daemon = None
            os.unlink(self.path)

    def test_wrong_usage(self):
        for arguments in ([], ["reboot"], ["--port"], ["flows", "--port"],
                          ["flows", "--port", "x"], ["flows", "--port", "-1"],
                          ["flows", "--shared"], ["ports", "extra"], ["bind"], ["bind", "web"],
                          ["bind", "a", "b", "c"], ["unbind"], ["nics", "--watch", "1"],
                          ["ports", "--watch", "0"], ["ports", "--watch", "x"],
                          ["--socket"], ["--version", "ports"]):
            result = self.ctl(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("berthctl --help", result.stderr, arguments)

    def follow(self, *arguments, lines, more=""):
        """berthctl events against a daemon that says `lines` and `more`, then hangs up."""
        text = "".join(json.dumps(line) + "\n" for line in lines) + more
        self.play(lambda request: text.encode())
        return self.ctl("events", *arguments)

    def test_events_are_lines(self):
        table = self.follow(lines=({"ok": True}, EVENT, LOST, EVENT))
        self.assertEqual(table.returncode, 3, "the daemon hung up")
        self.assertIn("ended the connection", table.stderr)
        lines = table.stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines],
                         ["EVENT", "destroy", "lost", "destroy"])
        for text in ("198.51.100.7", "40000", "established", "fin", "web", " 5 ", " 300 "):
            self.assertIn(text, lines[1])
        self.assertEqual(lines[2].split()[1], "17")

    def test_events_as_json(self):
        result = self.follow("--json", "--type", "destroy", "--port", "443",
                             lines=({"ok": True}, EVENT, LOST))
        self.assertEqual([json.loads(line) for line in result.stdout.splitlines()], [EVENT, LOST])
        self.assertEqual(self.daemon.requests,
                         [{"command": "events", "type": "destroy", "port": 443}])

    def test_events_that_are_none(self):
        for lines, more, status in (([], "", 3), ([], "nonsense\n", 3),
                                    ([{"ok": True}, [1]], "", 3), ([{"ok": True}], "{", 3),
                                    ([{"ok": False, "error": "too many", "code": "refused"}], "",
                                     1)):
            result = self.follow(lines=lines, more=more)
            self.assertEqual((result.returncode, result.stdout), (status, ""), (lines, more))
            self.daemon.stop()
            self.daemon = None
            os.unlink(self.path)

    def test_an_interrupt_ends_events(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        for number in (signal.SIGINT, signal.SIGTERM):
            reader = subprocess.Popen([CTL, "--socket", self.path, "events"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall((json.dumps({"ok": True}) + "\n" + json.dumps(EVENT) +
                              "\n").encode())
                # Each line is out at once: two of them while the daemon stays.
                self.assertIn("SERVED-BY", reader.stdout.readline())
                self.assertIn("destroy", reader.stdout.readline())
                reader.send_signal(number)
                output, errors = reader.communicate(timeout=20)
            self.assertEqual((reader.returncode, output, errors), (0, "", ""))
        listener.close()

    def test_help_and_version(self):
        text = self.ctl("--help")
        self.assertEqual(text.returncode, 0)
        for command in [*ANSWERS, "events"]:
            self.assertIn("  " + command, text.stdout)
            own = self.ctl(command, "--help")
            self.assertEqual(own.returncode, 0)
            self.assertIn("usage: berthctl", own.stdout)
        self.assertIn("--shared", self.ctl("bind", "--help").stdout)
        self.assertEqual(self.ctl("--version").returncode, 0)

    def test_watch_shows_rates(self):
        def growing(request):
            port = dict(PORT, delivered=100 * len(self.daemon.requests))
            return json.dumps({"ok": True, "ports": [port]}).encode() + b"\n"

        self.play(growing)
        with self.assertRaises(subprocess.TimeoutExpired) as ended:
            self.ctl("ports", "--watch", "1", timeout=2.5)
        self.assertIn(b"PACKETS/S", ended.exception.stdout)
        self.assertRegex(ended.exception.stdout.decode(), r"well-known +100 ")


if __name__ == "__main__":
    unittest.main()
