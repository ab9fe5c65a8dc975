#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_tap.py: unmodified programs behind ports whose end is a tap, driven by their own clients.
#
#   namespace "client"            this namespace              namespaces "web" and "speed"
#
#   curl, iperf3 -c               berthd ── port web ═══ tap web0 ── nginx
#        │                          │ └──── port speed ═ tap speed0 ── iperf3 -s
#     vclient ═══ veth ═══ vberth ──┘
#     198.51.100.1                 (af_packet)             198.51.100.2 in both
#     2001:db8:5::1                                        2001:db8:5::2
import hashlib
import os
import socket

from clients import FAMILIES, IPV4, IPV6, MEGABYTE, configuration, iperf3, megabyte, network, url
from lib import Daemon, skip, wait_for
from net import Namespace, enter, sh

PORTS = """ports:
  - {name: web, tap: web0, bindings: ["tcp/*:80"]}
  - {name: speed, tap: speed0, bindings: ["tcp/*:5201", "udp/*:5201"]}
"""
NGINX = """daemon off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/a;
    proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d;
    scgi_temp_path {folder}/e;
    server {{
        listen 80;
        listen [::]:80;
        root {folder}/www;
    }}
}}
"""


def attach(namespace, tap):
    """What a user does: the tap goes to the program's namespace and gets the nic's addresses."""
    sh("ip", "link", "set", tap, "netns", namespace.pid)
    namespace.address(tap, f"{IPV4}/24", f"{IPV6}/64")


def listens(namespace, port):
    return f":{port} " in namespace.run("ss", "-Hltn").stdout


def start_nginx(web, folder):
    os.mkdir(os.path.join(folder, "www"))
    with open(os.path.join(folder, "www/1m"), "wb") as f:
        f.write(megabyte())
    for path in (folder, os.path.join(folder, "www")):
        os.chmod(path, 0o755)
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        f.write(NGINX.format(folder=folder))
    nginx = web.start("nginx", "-e", "stderr", "-c", path, "-p", folder)
    wait_for(lambda: listens(web, 80), "nginx")
    return nginx


def check_nginx(client):
    digest = hashlib.sha256(megabyte()).hexdigest()
    for address, _ in FAMILIES:
        for _ in range(3):
            body = client.run("curl", "-sS", "-g", "-m", "30", "-o", "-", url(address, "/1m"),
                              text=False).stdout
            assert len(body) == MEGABYTE and hashlib.sha256(body).hexdigest() == digest, len(body)
        status = client.run("curl", "-sS", "-g", "-m", "30", "-o", "/dev/null", "-w",
                            "%{http_code}", url(address, "/missing"))
        assert status.stdout == "404", status.stdout


def check_iperf3(client, speed):
    server = speed.start("iperf3", "-s")
    wait_for(lambda: listens(speed, 5201), "iperf3")
    for address, _ in FAMILIES:
        for words in (["-n", "16M"], ["-n", "16M", "-R"], ["-u", "-b", "40M", "-n", "2M"]):
            end = iperf3(client, address, *words)
            if "-u" in words:
                total = end["sum"]
                assert total["packets"] > 1000 and total["lost_percent"] < 50, end
            else:
                # What is still under way when the last byte was given to TCP is not counted.
                assert end["sum_sent"]["bytes"] >= 16 << 20, end
                assert end["sum_received"]["bytes"] >= 4 << 20, end
    server.terminate()
    server.wait()


def check_refused(daemon, client, web):
    """The program may send what its port owns, and nothing else."""
    def drops():
        return daemon.ctl("stats")["drops"].get("tx_not_owner", 0)

    for (address, family), peer in zip(FAMILIES, ("198.51.100.1", "2001:db8:5::1")):
        with client.socket(family, socket.SOCK_DGRAM) as receiver:
            receiver.bind((peer, 9000))
            before = drops()
            # 5201 belongs to the other port, 9999 to nobody.
            for port in (5201, 9999):
                with web.socket(family, socket.SOCK_DGRAM) as s:
                    s.bind((address, port))
                    s.sendto(b"not mine", (peer, 9000))
            wait_for(lambda: drops() >= before + 2, "two refusals")
            receiver.setblocking(False)
            try:
                raise AssertionError(receiver.recv(100))
            except BlockingIOError:
                pass


def check_ports(daemon):
    ports = {p["name"]: p for p in daemon.ctl("ports")["ports"]}
    for name in ("web", "speed"):
        assert ports[name]["app"] == name and ports[name]["uid"] == 0, ports
        assert ports[name]["delivered"] > 100 and ports[name]["sent"] > 100, ports
    delivered = sum(p["delivered"] for p in ports.values())
    assert delivered == daemon.ctl("stats")["counters"]["delivered"], ports
    names = [n["name"] for n in daemon.ctl("nics")["nics"]]
    assert names == ["wire", "web", "speed"], names


def main():
    enter("curl", "nginx", "iperf3", "ss")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("/dev/net/tun is not there, or not ours to open")
    client, web, speed = network(), Namespace(), Namespace()
    with Daemon(*configuration(PORTS)) as daemon:
        attach(web, "web0")
        attach(speed, "speed0")
        nginx = start_nginx(web, daemon.folder)
        check_nginx(client)
        check_iperf3(client, speed)
        check_refused(daemon, client, web)
        check_ports(daemon)
        nginx.terminate()
        nginx.wait()
        daemon.conserved()


main()
