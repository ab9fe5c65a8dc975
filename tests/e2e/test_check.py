#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_check.py: berthd --check says where a file is wrong, and touches nothing.
import os
import socket
import subprocess
import tempfile

from lib import BERTHD, sound

GOOD = 'nics: [{name: wan, vdev: "net_null0"}]\n'
# What is in the file, and where and of what berthd complains.
MISTAKES = [
    ("", "1:1: ", "nics"),
    ("nics: []\n", "1:7: ", "nic"),
    ("nics: [\n", "2:1: ", ""),
    (GOOD + "colour: blue\n", "2:1: ", "colour"),
    (GOOD + "workers: {cores: many}\n", "2:18: ", "many"),
    (GOOD + "workers: {cores: [9999]}\n", "2:19: ", "9999"),
    (GOOD + "flows:\n  capacity: -5\n", "3:13: ", "-5"),
    (GOOD + "memory:\n  mode: swap\n", "3:9: ", "swap"),
    ('nics: [{name: wan, vdev: "net_null0", pci: "0000:01:00.0"}]\n', "1:", "pci"),
    ("nics:\n  - name: wan\n    interface: nosuch0\n", "3:16: ", "nosuch0"),
    ('nics: [{name: wan, vdev: "net_null0", mtu: 99999}]\n', "1:44: ", "99999"),
    ("nics:\n  - name: wan\n    vdev: net_null0\n    addresses: [192.0.2.300/24]\n",
     "4:17: ", "192.0.2.300"),
]


def check(*arguments):
    r = subprocess.run([BERTHD, *arguments], capture_output=True, text=True, timeout=60)
    sound(r.returncode, r.stderr)
    return r


def main():
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        path = os.path.join(folder, "berth.yaml")

        def write(text):
            with open(path, "w") as f:
                f.write(text)

        for text, place, word in MISTAKES:
            write(text)
            r = check("--check", path)
            lines = r.stderr.splitlines()
            assert r.returncode == 1 and r.stdout == "", (text, r)
            assert lines and all(line.startswith(path + ":") for line in lines), (text, r)
            assert any(line.startswith(f"{path}:{place}") and word in line
                       for line in lines), (text, place, r.stderr)
            # What --check refuses, a start refuses with the same words.
            assert check("--config", path).stderr == r.stderr, text

        # Several mistakes are told at once, in the file's order.
        write("colour: blue\n" + GOOD + "flows: {capacity: -5}\n")
        lines = check("--check", path).stderr.splitlines()
        assert [line.split(":")[1] for line in lines] == ["1", "3"], lines

        # A good file with devices that are not there and sockets that are taken: nothing is opened.
        taken = os.path.join(folder, "app.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(taken)
            s.listen()
            write(f"sockets: {{app: {taken}, control: {folder}/control.sock}}\n"
                  f'nics: [{{name: wan, vdev: "net_pcap0,rx_pcap={folder}/none.pcap"}}]\n')
            before = sorted(os.listdir(folder))
            r = check("--check", path)
            assert (r.returncode, r.stdout, r.stderr) == (0, path + ": ok\n", ""), r
            assert sorted(os.listdir(folder)) == before
            s.setblocking(False)
            try:
                s.accept()
                raise AssertionError("--check connected to the socket")
            except BlockingIOError:
                pass

        r = check("--check", os.path.join(folder, "none.yaml"))
        assert r.returncode == 1 and "none.yaml:1:1: cannot be read" in r.stderr, r
        for wrong in (["--check"], ["--nonsense"], ["extra"]):
            assert check(*wrong).returncode == 2, wrong


main()
