#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# headers.py: checks that each header compiles alone, and the public ones as C++ too.
import concurrent.futures
import os
import subprocess
import sys

import tree

LIBRARIES = ("libdpdk", "libfyaml", "libevent", "jansson", "smartcols", "lwip", "numa")
PUBLIC = "client/include"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Wshadow", "-Werror", "-fsyntax-only")


def library_flags():
    """Flags of those libraries that are there; their headers are not ours to warn about."""
    flags = []
    for library in LIBRARIES:
        found = subprocess.run(["pkg-config", "--cflags", library], capture_output=True, text=True,
                               check=False)
        if found.returncode == 0:
            flags += found.stdout.split()
    return [f"-isystem{flag[2:]}" if flag.startswith("-I") else flag for flag in flags]


def compile_alone(header, compiler):
    """Compiles a file that includes `header` twice; the compiler's words when it refuses."""
    source = f'#include "{header}"\n#include "{header}"\nint compiled_alone;\n'
    result = subprocess.run(compiler + ["-"], input=source, capture_output=True, text=True,
                            cwd=tree.ROOT, check=False)
    return [] if result.returncode == 0 else [f"{header} alone with {compiler[0]}:", result.stderr]


def main():
    own = [*WARNINGS, "-D_GNU_SOURCE", "-I.", f"-I{PUBLIC}"]
    c = ["gcc", "-std=c17", "-xc", *own, "-Wstrict-prototypes", *library_flags()]
    cxx = ["g++", "-std=c++17", "-xc++", *own]
    headers = [str(path) for path in tree.files(".h")]
    jobs = [(header, c) for header in headers]
    jobs += [(header, cxx) for header in headers if header.startswith(PUBLIC + "/")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_alone(*job), jobs)
        return tree.finish([line for problem in results for line in problem])


if __name__ == "__main__":
    sys.exit(main())
