#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_hostile.py: programs that abuse both sockets, while an application keeps its traffic.
#
#   berth-traffic ──▶ capture ──▶ net_pcap ──▶ berthd ──▶ sink (telemetry)
#                                               ▲  ▲
#                                       app.sock    control.sock
#                                               └──┴── this script, children that are killed
import array
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from lib import TRAFFIC, Application, Daemon, wait_for

CONNECTIONS = 300
REQUEST = struct.Struct("=HHIIII32s44s")  # struct message_request
HELLO, PORT_OPEN, PORT_CLOSE, BIND, UNBIND, CONNECT = range(1, 7)


def request(kind, name=b"", port=0, binding=0, flags=0, ring_bytes=0, version=1, identity=b""):
    return REQUEST.pack(version, kind, port, binding, flags, ring_bytes, name, identity)


def connect(path, kind=socket.SOCK_SEQPACKET):
    """A connection, or None: berthd has more of ours than it allows."""
    s = socket.socket(socket.AF_UNIX, kind)
    try:
        s.connect(path)
    except OSError:
        s.close()
        return None
    return s


def tell(s, *messages):
    """Sends what berthd lets us send."""
    for message in messages:
        try:
            s.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return


def hang_up_after(path, messages, kind=socket.SOCK_SEQPACKET):
    s = connect(path, kind)
    if s is not None:
        tell(s, *messages)
        s.close()


def crowd(daemon):
    """Hundreds at once, on both sockets, with nothing or half a request to say."""
    held = []
    for i in range(CONNECTIONS):
        for path, kind in ((daemon.app_socket, socket.SOCK_SEQPACKET),
                           (daemon.control_socket, socket.SOCK_STREAM)):
            s = connect(path, kind)
            if s is None:
                continue
            if i % 3 == 1:
                tell(s, b'{"command":' if kind == socket.SOCK_STREAM else request(HELLO, b"c"))
            held.append(s)
    for s in held:
        s.close()


def garbage(daemon, chance):
    for _ in range(CONNECTIONS):
        noise = chance.randbytes(chance.choice((1, 2, 95, 96, 97, 252, 4096, 60000)))
        hang_up_after(daemon.app_socket, [noise])
        hang_up_after(daemon.app_socket, [request(HELLO, b"noise"), noise])
        hang_up_after(daemon.control_socket, [noise, b"\n"], socket.SOCK_STREAM)
    # A version that nobody speaks, and fields of all values in requests that are whole.
    hang_up_after(daemon.app_socket, [request(HELLO, b"old", version=0)])
    for _ in range(CONNECTIONS):
        hang_up_after(daemon.app_socket, [request(HELLO, b"fuzz"), request(PORT_OPEN, b"p")] + [
            request(chance.randrange(0, 9), chance.randbytes(32), chance.choice((0, 1, 2**32 - 1)),
                    chance.getrandbits(32), chance.getrandbits(32),
                    chance.choice((0, 1, 2**16, 2**31, 2**32 - 1)), 1, chance.randbytes(44))
            for _ in range(4)])
    for line in (b"[]\n", b"{}\n", b'{"command":7}\n', b"[" * 100000 + b"\n",
                 b'{"command":"flows","limit":-1}\n', b'{"command":"bind","port":{}}\n',
                 b'{"command":"status","command":"status"}\n', b"x" * 2000000, b"\0\n"):
        hang_up_after(daemon.control_socket, [line], socket.SOCK_STREAM)


def foreign_descriptors(daemon):
    """berthd takes no descriptor of an application, and ends who sends one."""
    null = os.open("/dev/null", os.O_RDONLY)
    for count in (1, 3, 200):
        s = connect(daemon.app_socket)
        rights = array.array("i", [null] * count)
        s.sendmsg([request(HELLO, b"gift")],
                  [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        s.settimeout(60)
        try:
            ended = s.recv(4096) == b""
        except ConnectionResetError:
            ended = True
        assert ended, "a descriptor was taken"
        s.close()
    os.close(null)


def killed_in_the_middle(daemon):
    """Children that attach, open ports and end without a word."""
    for _ in range(20):
        child = os.fork()
        if child == 0:
            s = connect(daemon.app_socket)
            if s is not None:
                s.send(request(HELLO, b"victim"))
                s.recv(4096)
                s.send(request(PORT_OPEN, b"port"))
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)


def port(daemon, name):
    return next((p for p in daemon.ctl("ports")["ports"] if p["name"] == name), None)


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def run(daemon, seed):
    chance = random.Random(seed)
    sink = Application(daemon, "sink", "--name", "telemetry", identities=["udp/*:50000"])
    wait_for(lambda: port(daemon, "telemetry")["delivered"] > 1000, "traffic")
    alone = descriptors(daemon)
    for abuse in (crowd, lambda d: garbage(d, chance), foreign_descriptors,
                  killed_in_the_middle):
        before = port(daemon, "telemetry")["delivered"]
        abuse(daemon)
        wait_for(lambda: port(daemon, "telemetry")["delivered"] > before, "traffic to go on")
        daemon.conserved()
    wait_for(lambda: daemon.ctl("status")["applications"] == 1, "the abusers to be forgotten")
    assert [p["name"] for p in daemon.ctl("ports")["ports"]] == ["telemetry"]
    # The one that asks berthctl's question may be among them.
    wait_for(lambda: descriptors(daemon) <= alone, "descriptors to be closed")
    assert sink.process.poll() is None
    assert "packets" in sink.stop()
    daemon.conserved()


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        capture = os.path.join(folder, "1.pcap")
        subprocess.run([TRAFFIC, "--mix", "e2e", "--packets", "3000", "--flows", "300", capture],
                       check=True)
        nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={capture},infinite_rx=1"\n'
                '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
        extra = ("flows: {capacity: 16384}\n"
                 "memory: {mode: ordinary, megabytes: 192, buffers: 24000}\n")
        with Daemon(nics, extra) as daemon:
            run(daemon, seed)


main()
