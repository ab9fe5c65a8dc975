#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_timers_linux.py: the profile `linux` of common/base/timers.h has the times that this
# machine's nf_conntrack gives a namespace that was just made.
import pathlib
import re

from lib import skip
from net import enter

TIMERS = pathlib.Path(__file__).resolve().parents[2] / "common/base/timers.h"
SYSCTLS = pathlib.Path("/proc/sys/net/netfilter")
TIMER = re.compile(r'X\(\w+, "([a-z-]+)", \w+, (\d+), (\d+),')
# Our timer and the kernel's for the same states; several where the kernel tells more apart.
KERNEL = {
    "tcp-opening": ["tcp_timeout_syn_sent"],
    "tcp-syn-received": ["tcp_timeout_syn_recv"],
    "tcp-established": ["tcp_timeout_established"],
    "tcp-closing": ["tcp_timeout_fin_wait"],
    "tcp-close-wait": ["tcp_timeout_close_wait"],
    "tcp-last-ack": ["tcp_timeout_last_ack"],
    "tcp-time-wait": ["tcp_timeout_time_wait"],
    "tcp-closed": ["tcp_timeout_close"],
    "udp-new": ["udp_timeout"],
    "udp-replied": ["udp_timeout"],
    "udp-stream": ["udp_timeout_stream"],
    "icmp": ["icmp_timeout", "icmpv6_timeout"],
    "sctp-opening": ["sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed"],
    "sctp-established": ["sctp_timeout_established"],
    "sctp-closing": ["sctp_timeout_shutdown_sent", "sctp_timeout_shutdown_recd",
                     "sctp_timeout_shutdown_ack_sent"],
    "sctp-closed": ["sctp_timeout_closed"],
    "sctp-heartbeat": ["sctp_timeout_heartbeat_sent"],
    "other": ["generic_timeout"],
}


def profile():
    """The seconds of each timer in the profile."""
    return {key: int(linux) for key, _, linux in TIMER.findall(TIMERS.read_text())}


def main():
    ours = profile()
    assert set(ours) == set(KERNEL), set(ours) ^ set(KERNEL)
    enter()
    if not (SYSCTLS / "nf_conntrack_tcp_timeout_established").is_file():
        skip(f"no conntrack in {SYSCTLS}")
    wrong, compared = [], 0
    for key, names in KERNEL.items():
        for name in names:
            path = SYSCTLS / f"nf_conntrack_{name}"
            if not path.is_file():  # a kernel without that protocol
                continue
            compared += 1
            if int(path.read_text()) != ours[key]:
                wrong.append(f"{key}: {ours[key]}, {name}: {path.read_text().strip()}")
    print(f"{compared} timers compared, {len(wrong)} differ")
    assert not wrong, wrong


main()
