# SPDX-License-Identifier: BSD-3-Clause
# net.py: network namespaces and veth pairs for what real clients are shown or tested with.
#
# All of it lives in namespaces of the script's own, made without root where the kernel permits it.
# Every process here dies with the one that started it, so nothing is left even after kill -9.
import ctypes
import os
import shutil
import socket
import subprocess
import sys

from lib import DEADLINE_S, die_with_parent, skip

INSIDE = "BERTH_INSIDE"
CLONE_NEWNET = 0x40000000
# A veth hands over what a nic would have segmented and summed: berthd must see what a wire carries.
OFFLOADS = "rx off tx off tso off gso off gro off".split()


def sh(*words, check=True, text=True, timeout=DEADLINE_S, **more):
    """Runs a command to its end; fails with its output."""
    r = subprocess.run(words, capture_output=True, text=text, timeout=timeout,
                       preexec_fn=die_with_parent, **more)
    if check and r.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def enter(*tools, refuse=skip):
    """Runs this script anew in namespaces of its own, as their root; returns inside of them."""
    if os.environ.pop(INSIDE, None):
        die_with_parent()
        sh("ip", "link", "set", "lo", "up")
        return
    for tool in ("unshare", "nsenter", "ip", "ethtool", *tools):
        if shutil.which(tool) is None:
            refuse(f"{tool} is not installed")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words = ["unshare", *user, "--net", "--mount", "--fork", "--kill-child"]
    for command, why in ((["true"], "network namespaces are not permitted here"),
                         (["ip", "link", "add", "vtest", "type", "veth"],
                          "the kernel has no veth")):
        r = subprocess.run([*words, *command], capture_output=True, text=True)
        if r.returncode != 0:
            refuse(f"{why}: {r.stderr.strip()}")
    os.environ[INSIDE] = "1"
    sys.stdout.flush()
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


class Namespace:
    """A network namespace beside this one, held open by a process that ends with this one."""

    def __init__(self):
        ours = os.readlink("/proc/self/ns/net")
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                                       preexec_fn=die_with_parent)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        while os.readlink(self.path) == ours:
            os.sched_yield()
        self.pid = str(self.holder.pid)
        self.prefix = ["nsenter", f"--net={self.path}"]
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words, **more):
        return sh(*self.prefix, *words, **more)

    def start(self, *words, **more):
        """A command that goes on; its output comes in pipes."""
        return subprocess.Popen([*self.prefix, *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent,
                                **more)

    def socket(self, family, kind):
        """A socket of this process that lives there; it gives up after the deadline."""
        libc = ctypes.CDLL(None, use_errno=True)
        back = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            s = socket.socket(family, kind)
            if libc.setns(back, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(back)
            os.close(there)
        s.settimeout(DEADLINE_S)
        return s

    def address(self, device, *addresses):
        """Gives a device addresses that work at once, and sets it up."""
        for a in addresses:
            self.run("ip", "addr", "add", a, "dev", device, *(["nodad"] if ":" in a else []))
        self.run("ip", "link", "set", device, "up")


def wire(ours, theirs, namespace, mtu=1500):
    """Two ends of a wire: `ours` here, without addresses, for berthd; `theirs` over there."""
    sh("ip", "link", "add", ours, "mtu", str(mtu), "type", "veth", "peer", "name", theirs, "mtu",
       str(mtu), "netns", namespace.pid)
    sh("ethtool", "-K", ours, *OFFLOADS)
    namespace.run("ethtool", "-K", theirs, *OFFLOADS)
    # The kernel here keeps silent on berthd's end.
    sh("ip", "link", "set", ours, "addrgenmode", "none", "up")
