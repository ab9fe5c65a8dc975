#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_permission.py: users that are not root bind what they may, and each refusal is kept, counted
# and logged with who asked for what.
#
#   member of user 1001, of user 1002 ── app.sock ── berthd ── berthctl refusals
#
# Only root can be other users; anybody else skips.
import os
import shutil
import signal
import subprocess

from lib import BUILD, Daemon, die_with_parent, skip, wait_for

ONE, TWO = 1001, 1002
NIC = '  - name: wire\n    vdev: "net_null0,size=60,no-rx=1"\n    addresses: [192.0.2.10/24]\n'
EXTRA = """memory: {mode: ordinary}
flows: {capacity: 1024}
privileged: [tcp/8443, 5432]
grants:
  - {user: 1001, ports: tcp/80}
  - {group: 1002, ports: tcp/8443}
quota: {bindings: 3, ring-megabytes: 12}
"""


def attach(daemon, uid, *identities):
    """A member of that user: the process when it is bound, else its last words."""
    process = subprocess.Popen(
        [daemon.member, daemon.app_socket, "0", *identities], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd="/", user=uid, group=uid, extra_groups=[],
        preexec_fn=die_with_parent)
    if process.stdout.readline() == "ready\n":
        return process
    return process.communicate()[1]


def end(daemon, process):
    process.send_signal(signal.SIGTERM)
    process.communicate()
    wait_for(lambda: daemon.ctl("status")["applications"] == 0, "the application to go")


def check_ports(daemon):
    allowed = ((ONE, "tcp/*:80"), (ONE, "udp/*:8443"), (TWO, "tcp/*:8443"), (TWO, "tcp/*:1024"),
               (0, "tcp/*:5432"), (0, "udp/*:1"))
    denied = ((ONE, "udp/*:80"), (ONE, "tcp/*:8443"), (TWO, "tcp/*:80"), (TWO, "tcp/*:5000-6000"),
              (ONE, "udp/*:5432"), (TWO, "udp/*:1-1023"))
    for uid, identity in allowed:
        process = attach(daemon, uid, identity)
        assert not isinstance(process, str), (uid, identity, process)
        end(daemon, process)
    for uid, identity in denied:
        words = attach(daemon, uid, identity)
        assert isinstance(words, str) and "needs a grant" in words, (uid, identity, words)
        last = daemon.ctl("refusals")["refusals"][0]
        assert (last["uid"], last["error"]) == (uid, "EACCES"), last
        assert last["what"] == f"bind {identity}", last
    refusals = daemon.ctl("refusals")
    assert refusals["count"] == daemon.ctl("status")["refusals"] == len(denied), refusals


def check_others(daemon):
    """Nobody takes another's, root neither; the refusal names who has it."""
    owner = attach(daemon, ONE, "tcp/*:9000")
    for uid in (ONE, TWO, 0):
        words = attach(daemon, uid, "tcp/192.0.2.10:9000")
        assert f"is bound by member (pid {owner.pid})" in words, words
        last = daemon.ctl("refusals")["refusals"][0]
        assert (last["uid"], last["app"], last["error"]) == (uid, "member", "EADDRINUSE"), last
        assert last["why"] in words, (last, words)
    end(daemon, owner)


def check_quotas(daemon):
    words = attach(daemon, ONE, *(f"udp/*:{9000 + i}" for i in range(4)))
    assert "quota of 3 bindings" in words, words
    two = [attach(daemon, TWO, f"udp/*:{9000 + i}") for i in range(2)]  # 5 MiB each
    words = attach(daemon, TWO, "udp/*:9002")
    assert "would pass the quota" in words, words
    assert daemon.ctl("refusals")["refusals"][0]["error"] == "EDQUOT"
    for member in two:
        member.kill()
        member.communicate()


def main():
    if os.geteuid() != 0:
        skip("only root can be other users")
    with Daemon(NIC, EXTRA) as daemon:
        # A copy of the program that any user may run, wherever the build folder is.
        daemon.member = shutil.copy(os.path.join(BUILD, "tests/e2e/handover-member"), daemon.folder)
        os.chmod(daemon.folder, 0o711)
        os.chmod(daemon.app_socket, 0o666)
        check_ports(daemon)
        check_others(daemon)
        check_quotas(daemon)
        log = daemon.output()
        assert "refused to user 1001, pid" in log and "bind udp/*:80" in log, log


main()
