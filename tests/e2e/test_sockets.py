#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_sockets.py: one application with 100,000 connected sockets at once, each answered right, and
# its death, which frees all of them.
#
#   namespace "client"                       this namespace
#
#   UDP echo on eight addresses              berthd ── many-sockets
#          │                                    │
#       vclient ═══════════ veth ═══════════ vberth (af_packet)
#       198.51.100.1, .10 to .17                198.51.100.2
import os
import select
import subprocess

from clients import configuration, network
from lib import BUILD, Daemon, die_with_parent, wait_for
from net import enter

COUNT = int(os.environ.get("BERTH_SOCKETS", "100000"))
REMOTES = [f"198.51.100.{n}" for n in range(10, 18)]
PORT = 7
PROGRAM = os.path.join(BUILD, "tests/e2e/many-sockets")
ANSWER_S = 240

# The remote side: sends back what it gets, from the address that it came to.
ECHO = f"""
import selectors, socket
s = selectors.DefaultSelector()
for address in {REMOTES!r}:
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    u.bind((address, {PORT}))
    u.setblocking(False)
    s.register(u, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in s.select():
        try:
            while True:
                data, peer = key.fileobj.recvfrom(64)
                key.fileobj.sendto(data, peer)
        except BlockingIOError:
            pass
"""


class Many:
    """The application, with its words."""

    def __init__(self, daemon, count):
        remotes = [f"udp/{r}:{PORT}" for r in REMOTES]
        self.process = subprocess.Popen([PROGRAM, daemon.app_socket, str(count), *remotes],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)

    def says(self, line):
        assert select.select([self.process.stdout], [], [], ANSWER_S)[0], f"never said {line!r}"
        got = self.process.stdout.readline()
        assert got == line + "\n", (got, line, "" if got else self.process.stderr.read())

    def kill(self):
        self.process.kill()
        self.process.wait()


def sockets(daemon):
    status = daemon.ctl("status")
    return status["connections"]["open"], status["connections"]["quarantine"]


def check(daemon):
    many = Many(daemon, COUNT)
    many.says(f"open {COUNT}")
    assert sockets(daemon) == (COUNT, 0)
    assert daemon.ctl("status")["bindings"] == 0
    many.says(f"answered {COUNT}")
    stats = daemon.conserved()
    assert stats["drops"].get("port_closed", 0) == 0, stats["drops"]
    assert stats["drops"].get("tx_not_owner", 0) == 0, stats["drops"]
    many.kill()
    wait_for(lambda: sockets(daemon) == (0, 0), "the sockets of a dead application to go")
    # By idling they would take two minutes.
    wait_for(lambda: daemon.ctl("status")["flows"] == 0, "the flows of its sockets to go")
    again = Many(daemon, COUNT // 10)
    again.says(f"open {COUNT // 10}")
    again.says(f"answered {COUNT // 10}")
    daemon.conserved()
    again.kill()
    wait_for(lambda: sockets(daemon) == (0, 0), "the sockets of a dead application to go")


def main():
    enter()
    client = network()
    for address in REMOTES:
        client.run("ip", "addr", "add", f"{address}/24", "dev", "vclient")
    nics, extra = configuration()
    extra = extra.replace("flows: {capacity: 16384}", "flows: {capacity: 131072}")
    extra += ("connections: {capacity: 131072}\nquota: {connections: 131072}\n")
    echo = client.start("/usr/bin/python3", "-c", ECHO)
    assert echo.stdout.readline() == "ready\n", echo.stderr.read()
    with Daemon(nics, extra) as daemon:
        check(daemon)
    echo.kill()
    echo.wait()
    print(f"{COUNT} sockets to {len(REMOTES)} remotes, all answered right, all freed")


if __name__ == "__main__":
    main()
