#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# includes.py: checks that includes point down only: control -> dataplane -> common <- client.
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
PURE_STAGES = ("parse", "fragment", "flow", "track", "bind", "connect", "policy", "respond",
               "port")
STAGES = PURE_STAGES + ("rx", "steer", "tx")
# The types that stages hand to one another: key, parsed packet, flow entry; and what the flow table
# has that other tables need: its keyed hash and its memory.
STAGE_TYPES = ("dataplane/flow/flow_key.h", "dataplane/parse/parse.h", "dataplane/flow/flow.h",
               "dataplane/flow/flow_record.h", "dataplane/flow/siphash.h",
               "dataplane/flow/flow_memory.h", "dataplane/port/port_ring.h")
# No DPDK here: these run in unit tests, fuzzers, tools and applications as they are.
WITHOUT_DPDK = ("common", "config", "client") + tuple(
    f"dataplane/{folder}" for folder in PURE_STAGES + ("export", "replay"))


def allowed(path):
    """Prefixes of the headers that a file may include; None: any. "berth/" is the public API."""
    parts = path.parts
    if parts[0] in ("tests", "bench"):
        return None
    if parts[:2] == ("common", "base"):
        return ("common/base/",)
    if parts[0] == "common":
        return ("common/",)
    if parts[0] == "config":
        return ("config/", "common/base/")
    if parts[:2] == ("client", "include"):
        return ("berth/",)
    if parts[:2] == ("client", "examples"):
        return ("berth/", "client/examples/")
    if parts[0] == "client":
        return ("berth/", "client/", "common/")
    if parts[:2] == ("control", "ctl"):
        return ("berth/", "control/ctl/", "common/base/")
    if parts[0] == "control":
        return ("control/", "config/", "dataplane/dataplane.h", "dataplane/link.h",
                "dataplane/bind/bind.h", "dataplane/connect/connect.h", "dataplane/export/",
                "common/")
    if parts[:2] == ("dataplane", "export"):
        return ("dataplane/export/", "dataplane/flow/flow_record.h", "common/")
    if parts[0] == "dataplane" and len(parts) > 2 and parts[1] in STAGES:
        return (f"dataplane/{parts[1]}/", "common/") + STAGE_TYPES + shared_headers(parts[1])
    if parts[0] == "dataplane":  # worker/ and replay/ compose the stages
        return ("dataplane/", "common/")
    return ()


def shared_headers(stage):
    """Headers directly in dataplane/, without control's; those with DPDK for stages with DPDK."""
    return tuple(str(path) for path in tree.files(".h")
                 if path.parent.as_posix() == "dataplane" and path.name != "dataplane.h"
                 and (stage not in PURE_STAGES or "<rte_" not in tree.text(path)))


def reaches_dpdk(name):
    return name.startswith("rte_") or name.startswith("dpdk/")


def check(path):
    """What is wrong with the includes of one file."""
    problems = []
    folders = allowed(path)
    for match in INCLUDE.finditer(tree.text(path)):
        own, system = match.groups()
        if system and reaches_dpdk(system) and str(path).startswith(
                tuple(f"{folder}/" for folder in WITHOUT_DPDK)):
            problems.append(f"{path}: <{system}>: no DPDK in this folder")
        if system and not system.startswith("berth/"):
            continue
        name = own or system
        if own and not (tree.ROOT / own).is_file() and not own.startswith("berth/"):
            problems.append(f'{path}: "{own}": write it from the repository\'s root')
        elif folders is not None and not name.startswith(folders):
            problems.append(f"{path}: {name}: includes point down only; from here: "
                            f"{', '.join(folders) or 'none of ours'}")
    return problems


def main():
    return tree.finish([p for path in tree.files(".c", ".h") for p in check(path)])


if __name__ == "__main__":
    sys.exit(main())
