# SPDX-License-Identifier: BSD-3-Clause
# lib.py: starts berthd and applications for the end-to-end tests and the demo, and checks C1.
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BERTH_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
BERTHD = os.path.join(BUILD, "control/berthd")
BERTHCTL = os.path.join(BUILD, "control/ctl/berthctl")
TRAFFIC = os.path.join(BUILD, "bench/traffic/berth-traffic")
EXAMPLES = os.path.join(BUILD, "client/examples")
DEADLINE_S = 60
REPORTS = ("Sanitizer", "runtime error:", "broken invariant")
REPORTED = 66  # exit status of a program in which a sanitizer found something
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """Ties this process to its parent; for Popen's preexec_fn."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def skip(reason):
    """Ends the test as skipped (meson's convention)."""
    print("skipped:", reason)
    sys.exit(77)


def wait_for(condition, what):
    """Polls until condition() is true; its value. Fails after a generous deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timed out waiting for " + what)


def sound(status, output):
    """Fails when a program of ours reported a mistake in itself."""
    assert status != REPORTED and not any(r in output for r in REPORTS), output


class Daemon:
    """berthd with a configuration of its own, in a folder that goes when it ends."""

    def __init__(self, nics, extra="", prefix=(), program=BERTHD):
        self.folder = tempfile.mkdtemp(prefix="berth-")
        self.app_socket = os.path.join(self.folder, "app.sock")
        self.control_socket = os.path.join(self.folder, "control.sock")
        self.config = os.path.join(self.folder, "berth.yaml")
        self.log_path = os.path.join(self.folder, "log")
        with open(self.config, "w") as f:
            f.write(f"sockets: {{app: {self.app_socket}, control: {self.control_socket}}}\n"
                    f"nics:\n{nics}\n{extra}\n")
        self.log = open(self.log_path, "w+")
        self.process = subprocess.Popen([*prefix, program, "--config", self.config],
                                        stdout=self.log, stderr=self.log,
                                        preexec_fn=die_with_parent)
        try:
            wait_for(self.ready, "berthd")
        except AssertionError:
            self.stop()
            raise

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError("berthd ended:\n" + self.output())
        return self.ctl("status", check=False) is not None

    def output(self):
        with open(self.log_path) as f:
            return f.read()

    def ctl(self, *words, check=True):
        """The JSON that berthctl prints; None when it fails and that is allowed."""
        r = subprocess.run([BERTHCTL, "--socket", self.control_socket, *words, "--json"],
                           capture_output=True, text=True, timeout=DEADLINE_S)
        sound(r.returncode, r.stderr)
        if r.returncode != 0:
            if check:
                raise AssertionError(f"berthctl {words}: {r.returncode}: {r.stderr}")
            return None
        return json.loads(r.stdout)

    def conserved(self):
        """The counters; fails unless C1 holds in them."""
        stats = self.ctl("stats")
        assert stats["conserved"] and stats["in"] == stats["out"], stats
        return stats

    def stop(self):
        """Ends berthd and the folder; fails on an unclean end or a sanitizer's report."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        output = self.output()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode, output

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status, output = self.stop()
        if kind is not None:
            print(output, file=sys.stderr)
            return
        sound(status, output)
        assert status == 0, (status, output)
        assert "not conserved" not in output and "conserved" in output, output


class Console:
    """One lasting connection to control.sock: a berthctl per question disturbs what is timed."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(daemon.control_socket)
        self.answers = self.socket.makefile("r")

    def ask(self, command, **members):
        self.socket.sendall(json.dumps({"command": command, **members}).encode() + b"\n")
        return json.loads(self.answers.readline())


class Application:
    """An example application, ready when its bindings work."""

    def __init__(self, daemon, program, *arguments, identities):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, program), "--socket", daemon.app_socket, *arguments,
             *identities], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        for _ in identities:
            line = self.line()
            if not line.startswith("ready "):
                raise AssertionError(f"{program}: {line!r}: {self.process.stderr.read()}")

    def line(self):
        # Byte by byte: a buffered reader would take further lines out of select()'s sight.
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], DEADLINE_S)[0]:
                raise AssertionError(f"an application says nothing after {line!r}")
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks it to end; the rest of its output."""
        if self.process.poll() is None:
            self.process.terminate()
        output, errors = self.process.communicate(timeout=DEADLINE_S)
        sound(self.process.returncode, errors)
        return output
