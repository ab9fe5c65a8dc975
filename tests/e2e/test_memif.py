#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_memif.py: another DPDK program behind a port whose end is a memif.
#
#   namespace "client"            this namespace
#
#   UDP sockets                   berthd ── port echo ═ memif ═ testpmd, which swaps addresses
#        │                          │                           and ports of what it gets
#     vclient ═══ veth ═══ vberth ──┘
#     198.51.100.1                 (af_packet)
#     2001:db8:5::1                198.51.100.2, 2001:db8:5::2
import glob
import os
import select
import socket
import subprocess
import tempfile

from clients import FAMILIES, configuration, network
from lib import DEADLINE_S, Daemon, die_with_parent, skip, wait_for
from net import enter

DATAGRAMS = 1000


class Testpmd:
    """Debian's testpmd as the client of a memif; it goes on until its standard input ends."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            ["dpdk-testpmd", "--lcores=0,1", "--no-huge", "-m", "128", "--no-pci", "--no-shconf",
             "--no-telemetry", "--file-prefix=testpmd",
             f"--vdev=net_memif0,role=client,id=0,socket={path},socket-abstract=no", "--",
             "--forward-mode=5tswap", "--port-topology=loop", "--total-num-mbufs=4096",
             "--no-lsc-interrupt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent)

    def stop(self):
        output, _ = self.process.communicate("\\n", timeout=DEADLINE_S)
        return output


def answers(client):
    """Whether testpmd sends back already: both sides say that the link is up before it does."""
    address, family = FAMILIES[0]
    with client.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, 5000))
        s.send(b"ready?")
        return bool(select.select([s], [], [], 0.1)[0])


def echo(client, address, family):
    """Each datagram comes back once, to the socket that sent it, as it was."""
    with client.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, 5000))
        for i in range(DATAGRAMS):
            message = i.to_bytes(4, "big") + os.urandom(i)
            s.send(message)
            assert s.recv(2000) == message, i
        s.setblocking(False)
        try:
            raise AssertionError(s.recv(2000))
        except BlockingIOError:
            pass


def main():
    enter("dpdk-testpmd")
    if not glob.glob("/usr/lib/*/dpdk/pmds-*/librte_net_memif.so*"):
        skip("DPDK's driver net_memif is not installed")
    client = network()
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        path = os.path.join(folder, "memif.sock")
        ports = (f'ports:\n  - name: echo\n    bindings: ["udp/*:5000"]\n    vdev: '
                 f'"net_memif0,role=server,id=0,socket={path},socket-abstract=no"\n')
        with Daemon(*configuration(ports)) as daemon:
            testpmd = Testpmd(path)
            try:
                wait_for(lambda: answers(client), "testpmd")
                for address, family in FAMILIES:
                    echo(client, address, family)
                port = daemon.ctl("ports")["ports"][0]
                # What came before testpmd was there is lost.
                assert port["delivered"] >= port["sent"] > 2 * DATAGRAMS, port
            finally:
                output = testpmd.stop()
            assert "Bye" in output, output
            daemon.conserved()


main()
