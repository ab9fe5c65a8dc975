#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# api.py: libberth's face: header, symbols, manual pages and pkg-config file say the same.
#
# usage: api.py SOURCE_ROOT BUILD_ROOT
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE, BUILD = (pathlib.Path(p) for p in sys.argv[1:3])
HEADER = SOURCE / "client/include/berth/berth.h"
MAP = SOURCE / "client/libberth.map"
LIBRARY = BUILD / "client/libberth.so"
PAGES = sorted((SOURCE / "docs/man").glob("berth_*.3.scd"))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
C = ["gcc", "-std=c17", "-D_GNU_SOURCE", "-Wstrict-prototypes", "-Wmissing-prototypes"]
CXX = ["g++", "-std=c++17"]

problems = []


def same(what, found, expected):
    for name in sorted(expected - found):
        problems.append(f"{name} is missing in {what}")
    for name in sorted(found - expected):
        problems.append(f"{name} is in {what}, but not in the header")


def run(words, **more):
    r = subprocess.run([str(w) for w in words], capture_output=True, text=True, **more)
    if r.returncode != 0:
        problems.append(f"{' '.join(str(w) for w in words)}:\n{r.stdout}{r.stderr}")
    return r.stdout


def functions_of_header():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    return set(re.findall(r"BERTH_EXPORT\s[^;]*?\b(berth_\w+)\(", text))


def functions_of_map():
    return set(re.findall(r"^\s*(berth_\w+);", MAP.read_text(), re.MULTILINE))


def functions_of_library():
    """All that the dynamic linker finds in it, but the name of the version itself."""
    symbols = [line.split()[-1] for line in
               run(["nm", "-D", "--defined-only", LIBRARY]).splitlines()]
    return {s.split("@")[0] for s in symbols if not s.startswith("LIBBERTH_")}


def section(page, name):
    found = re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", page, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def code_of(text):
    """What stands between fences; scdoc wants backslashes doubled there."""
    return [code.replace("\\\\", "\\") for code in
            re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def functions_of_pages():
    names = []
    for path in PAGES:
        named = re.findall(r"berth_\w+", section(path.read_text(), "NAME").split(" - ")[0])
        if f"{named[0]}.3.scd" != path.name:
            problems.append(f"{path.name}: its first function is {named[0]}")
        names += named
        for part in ("SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "EXAMPLES", "SEE ALSO"):
            if not section(path.read_text(), part).strip():
                problems.append(f"{path.name}: no {part}")
        missing = [n for n in named if f"{n}(" not in section(path.read_text(), "SYNOPSIS")]
        problems.extend(f"{path.name}: {n} is not in its synopsis" for n in missing)
    problems.extend(f"{n} has two pages" for n in {n for n in names if names.count(n) > 1})
    return set(names)


def flags():
    """What the pkg-config file that is installed says, for the build folder."""
    text = (BUILD / "meson-private/berth.pc").read_text()
    if "-lberth" not in text or "${includedir}" not in text or "Requires" in text:
        problems.append("berth.pc does not say -lberth and the include folder alone:\n" + text)
    return [f"-I{HEADER.parent.parent}"], [f"-L{LIBRARY.parent}", "-lberth",
                                          f"-Wl,-rpath,{LIBRARY.parent}"]


def compile_examples(folder, cflags, libs):
    """Each piece of code of the pages compiles; what is a program links with the library alone. A
    synopsis declares again what the header declares, so they must agree."""
    count = 0
    for path in [*PAGES, SOURCE / "docs/man/berth.7.scd"]:
        for code in code_of(path.read_text()):
            source = pathlib.Path(folder) / f"{path.name}.{count}.c"
            source.write_text(code)
            count += 1
            if "main(void)" in code:
                run([*C, *WARNINGS, *cflags, source, "-o", source.with_suffix(""), *libs])
            else:
                run([*C, *WARNINGS, *cflags, "-fsyntax-only", source])
    return count


def main():
    expected = functions_of_header()
    assert len(expected) > 20, expected
    same("libberth.map", functions_of_map(), expected)
    same("libberth.so", functions_of_library(), expected)
    same("the manual pages", functions_of_pages(), expected)
    cflags, libs = flags()
    with tempfile.TemporaryDirectory() as folder:
        count = compile_examples(folder, cflags, libs)
        source = os.path.join(folder, "face.cc")
        with open(source, "w") as f:
            f.write("#include <berth/berth.h>\nint main() { berth_close(nullptr); return 0; }\n")
        run([*CXX, *WARNINGS, *cflags, source, "-o", os.path.join(folder, "face"), *libs])
        run([os.path.join(folder, "face")])
    print("\n".join(problems) or f"{len(expected)} functions, {count} pieces of code: all agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
