#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# document.py: draws the figures of ./dev bench flow --json and writes its tables into the document.
#
#   document.py DOCUMENT RUN.json...
#
# Several runs, one for each section or size, count as one; of two with the same figure the later
# one does. Drawings go beside the document; between its marks everything is replaced.
import json
import os
import subprocess
import sys

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BERTH, CARRIED, LF, WHOLE = "berth", "berth, carried over", "rte_hash LF", "rte_hash LF, 40 B keys"
LINE = "limit: 1 line"
HITS, UPDATE = "uniform, 100 % hits", "uniform, 100 % hits, update"
WORKS = [HITS, UPDATE, "uniform, 50 % hits", "uniform, 50 % hits, update", "uniform, 0 % hits",
         "Zipf 1.0, 100 % hits", "Zipf 1.0, 100 % hits, update", "Zipf 1.1, 100 % hits",
         "Zipf 1.1, 100 % hits, update"]


def size_text(n):
    for unit, name in ((1000000, "M"), (1000, "k")):
        if n >= unit and n % unit == 0:
            return f"{n // unit}{name}"
    return str(n)


class Figures:
    def __init__(self, paths):
        self.figures, self.wrong, self.conditions = {}, 0, {}
        for path in paths:
            with open(path) as f:
                run = json.load(f)
            self.wrong += run["wrong"]
            huge = min(run["conditions"]["huge_percent"], self.conditions.get("huge_percent", 100))
            rounds = self.conditions.get("rounds", set()) | {run["conditions"]["rounds"]}
            self.conditions = {**run["conditions"], "huge_percent": huge, "rounds": rounds}
            for f in run["figures"]:
                self.figures[f["section"], f["flows"], f["family"], f["work"],
                             f["contender"]] = f

    def get(self, section, flows, work, contender, family=4):
        return self.figures.get((section, flows, family, work, contender))

    def value(self, *key, **family):
        """In ns where it is a time."""
        f = self.get(*key, **family)
        return None if f is None else f.get("ns", f["median"])

    def contenders(self, section):
        return list(dict.fromkeys(k[4] for k in self.figures if k[0] == section))

    def sizes(self, section):
        return sorted({k[1] for k in self.figures if k[0] == section})

    def works(self, section):
        return list(dict.fromkeys(k[3] for k in self.figures if k[0] == section))


# --- drawings ---

def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def draw(path, title, unit, commands):
    script = ["set terminal svg noenhanced size 820,460 font 'sans,12' background 'white'",
              f"set output {quoted(path)}", f"set title {quoted(title)}",
              f"set ylabel {quoted(unit)}", "set grid ytics", "set key outside right top",
              "set yrange [0:*]", *commands]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def draw_lines(path, title, unit, series):
    """series: name -> [(x, median, least, most)]; flows on the x axis."""
    series = {name: points for name, points in series.items() if len(points) > 1}
    if not series:
        return False
    commands = ["set logscale x", "set xlabel 'flows'", "set format x '%.0s%c'"]
    plots = []
    for n, (name, points) in enumerate(series.items()):
        rows = "\n".join(" ".join(map(str, p)) for p in points)
        commands.append(f"$s{n} << EOD\n{rows}\nEOD")
        plots.append(f"$s{n} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 "
                     f"title {quoted(name)}")
    draw(path, title, unit, commands + ["plot " + ", ".join(plots)])
    return True


def draw_bars(path, title, unit, groups, names, values):
    """values(group, name): a number or None."""
    rows = [quoted(g).replace("'", '"') + " " + " ".join(
        str(v) if (v := values(g, n)) is not None else "nan" for n in names) for g in groups]
    if not groups or not names:
        return False
    commands = ["set style data histograms", "set style histogram clustered gap 1",
                "set style fill solid 0.9 border -1", "set xtics rotate by -20",
                "$d << EOD\n" + "\n".join(rows) + "\nEOD"]
    plots = [f"$d using {i + 2}:xtic(1) title {quoted(n)}" for i, n in enumerate(names)]
    draw(path, title, unit, commands + ["plot " + ", ".join(plots)])
    return True


def over_sizes(figures, section, work, family=4):
    def point(flows, f):
        scale = f["ns"] / f["median"] if "ns" in f else 1
        return flows, f["median"] * scale, f["min"] * scale, f["max"] * scale

    return {c: [point(n, f) for n in figures.sizes(section)
                if (f := figures.get(section, n, work, c, family)) is not None]
            for c in figures.contenders(section)}


def drawings(figures, folder):
    """Draws all there are figures for; (file, title) of each."""
    made = []

    def add(name, title, drawn):
        if drawn:
            made.append((name, title))

    def path(name):
        return os.path.join(folder, name)

    for name, work, family, title in (
            ("flow-lookup.svg", HITS, 4, "Lookup, IPv4, uniform, all present"),
            ("flow-update.svg", UPDATE, 4, "Lookup and state update, IPv4, uniform"),
            ("flow-half.svg", "uniform, 50 % hits", 4, "Lookup, IPv4, half of the keys present"),
            ("flow-miss.svg", "uniform, 0 % hits", 4, "Lookup, IPv4, no key present"),
            ("flow-zipf.svg", "Zipf 1.0, 100 % hits, update", 4,
             "Lookup and state update, IPv4, Zipf 1.0"),
            ("flow-zipf11.svg", "Zipf 1.1, 100 % hits, update", 4,
             "Lookup and state update, IPv4, Zipf 1.1"),
            ("flow-ipv6.svg", HITS, 6, "Lookup, IPv6, uniform, all present")):
        add(name, title, draw_lines(path(name), title, "ns per key",
                                    over_sizes(figures, "lookup", work, family)))
    add("flow-churn.svg", "Delete and insert, IPv4",
        draw_lines(path("flow-churn.svg"), "Delete and insert, IPv4", "ns per pair",
                   over_sizes(figures, "churn", "delete and insert")))
    for section, name, title, unit, keep in (
            ("beside", "flow-beside.svg", "One reader beside one writer",
             "million keys per second", lambda w: w.startswith("reader") and "loss" not in w),
            ("scale", "flow-scale.svg", "Lookup and update, one shard per core",
             "million keys per second", lambda w: True),
            ("collide", "flow-collide.svg", "Keys chosen without the secret",
             "ns per key", lambda w: "rate" not in w and "taken" not in w),
            ("worst", "flow-worst.svg", "One insert, from an empty table to a full one", "ns",
             lambda w: True)):
        flows = 1000000 if 1000000 in figures.sizes(section) else max(figures.sizes(section),
                                                                      default=0)
        title = f"{title}, {size_text(flows)} flows"
        works = [w for w in figures.works(section) if keep(w)]
        names = [c for c in figures.contenders(section)
                 if any(figures.get(section, flows, w, c) for w in works)]
        add(name, title, draw_bars(path(name), title, unit, works, names,
                                   lambda w, c: figures.value(section, flows, w, c)))
    for name, work, title, unit in (
            ("flow-memory.svg", "memory per flow", "Memory per flow, state included", "bytes"),
            ("flow-expiry.svg", "walk that looks at each flow, per live flow",
             "A walk for idle flows that looks at each", "ns per live flow")):
        add(name, title, draw_lines(path(name), title, unit, over_sizes(figures, "cost", work)))
    return made


# --- tables ---

def row(cells):
    return "| " + " | ".join(cells) + " |"


def number(v, digits=1):
    return "" if v is None else f"{v:.{digits}f}"


def spread(f):
    if f is None:
        return ""
    scale = f["ns"] / f["median"] if "ns" in f else 1
    digits = 1 if f["median"] * scale < 1000 else 0
    least, most = f["min"] * scale, f["max"] * scale
    return f"{f['median'] * scale:.{digits}f} ({least:.{digits}f}..{most:.{digits}f})"


def table(head, rows):
    return [row(head), row(["---"] * len(head)), *(row(r) for r in rows), ""]


def lookup_tables(figures):
    out = []
    names = figures.contenders("lookup")
    for family in (4, 6):
        for n in figures.sizes("lookup"):
            rows = [[w, *(spread(figures.get("lookup", n, w, c, family)) for c in names)]
                    for w in WORKS if figures.get("lookup", n, w, BERTH, family)]
            if rows:
                out += [f"{size_text(n)} flows, IPv{family}, ns per key:", "",
                        *table(["", *names], rows)]
    return out


def churn_table(figures):
    names = figures.contenders("churn")
    rows = [[size_text(n), *(spread(figures.get("churn", n, "delete and insert", c))
                             for c in names)] for n in figures.sizes("churn")]
    return ["Delete and insert, IPv4, ns per pair:", "", *table(["flows", *names], rows)]


def plain_table(figures, section, title, keep=lambda w: True):
    names = figures.contenders(section)
    rows = []
    for n in figures.sizes(section):
        for family in (4, 6):
            for w in figures.works(section):
                cells = [spread(figures.get(section, n, w, c, family)) for c in names]
                if keep(w) and any(cells):
                    rows.append([f"{size_text(n)}, IPv{family}", w, *cells])
    return [title, "", *table(["flows", "", *names], rows)] if rows else []


# --- targets ---

def ratio(figures, section, flows, work, better, worse, family=4):
    a = figures.value(section, flows, work, worse, family=family)
    b = figures.value(section, flows, work, better, family=family)
    return None if a is None or b is None else a / b


def ratio_rows(figures):
    """Times as fast as rte_hash LF: by its compact keys, and by berth's."""
    wanted = [(f"lookup, {size_text(n)}", "lookup", n, HITS, 4, least) for n, least in
              ((1000, 3.0), (100000, 2.0), (1000000, 2.2), (10000000, 2.0))]
    wanted.append(("lookup, 1M, 50 % hits", "lookup", 1000000, "uniform, 50 % hits", 4, 3.0))
    wanted += [(f"lookup, {size_text(n)}, 0 % hits", "lookup", n, "uniform, 0 % hits", 4, 1.0)
               for n in (1000, 100000, 1000000, 10000000)]
    wanted += [(f"lookup and update, {size_text(n)}", "lookup", n, UPDATE, 4, least)
               for n, least in ((100000, 2.8), (1000000, 3.0), (10000000, 2.5))]
    wanted.append(("lookup, 1M, IPv6", "lookup", 1000000, HITS, 6, 2.2))
    wanted.append(("delete and insert, 1M", "churn", 1000000, "delete and insert", 4, 10.0))
    rows = []
    for name, section, n, work, family, least in wanted:
        ratios = [ratio(figures, section, n, work, mine, theirs, family)
                  for mine in (BERTH, CARRIED) for theirs in (LF, WHOLE)]
        best = [r for r in (ratios[0], ratios[2]) if r is not None]
        if not best:
            continue
        reached = [how for how, r in (("each burst", ratios[0]), ("carried over", ratios[2]))
                   if r is not None and r >= least]
        reached = "yes" if len(reached) == len(best) else "".join(reached) or "no"
        rows.append([name, f"{least:.1f}x", *(f"{r:.2f}x" if r else "" for r in ratios), reached])
    return table(["", "wanted", "each burst", "the same, to 40 B keys", "carried over",
                  "the same, to 40 B keys", "reached"], rows)


def yes(value):
    return "yes" if value else "no"


def other_rows(figures):
    million, rows = 1000000, []

    def add(name, wanted, value, reached):
        if value is not None:
            rows.append([name, wanted, value, reached])

    for c in (BERTH, CARRIED):
        share = ratio(figures, "lookup", million, UPDATE, c, LINE)
        if share:
            add(f"lookup and update, 1M, {c}", "60 % of one line's read-modify-write",
                f"{100 * share:.1f} %", yes(share >= 0.6))
    loss = figures.get("beside", million, "reader's loss, same table", BERTH)
    if loss:
        add("reader beside a writer flat out, 1M", "loses under 10 %", f"{spread(loss)} %",
            yes(loss["median"] < 10))
    add("wrong or missing results, all runs", "0", str(figures.wrong), yes(figures.wrong == 0))
    for w in figures.works("collide"):
        f = figures.get("collide", million, w, BERTH)
        if f and "rate" in w and not w.startswith("random"):
            add(w.replace(", rate of random ones", "") + ", 1M", "90 % of the random keys' rate",
                f"{f['median']:.1f} %", yes(f["median"] >= 90))
    for family in (4, 6):
        f = figures.get("cost", million, "memory per flow, without the second lines", BERTH,
                        family)
        if f:
            add(f"memory per IPv{family} flow, tracking's lines aside", "96 bytes",
                f"{f['median']:.1f}", yes(f["median"] <= 96))
    refusal = figures.value("cost", million, "refusal by a full table", BERTH)
    insert = figures.value("cost", million, "insert into the last places", BERTH)
    if refusal and insert:
        add("refusal by a full table, 1M", "an ordinary insert's time",
            f"{refusal:.0f} ns, insert {insert:.0f} ns", yes(refusal <= insert))
    worst = figures.value("worst", million, "one insert, worst", BERTH)
    if worst:
        add("worst single insert, 1M", "stated", f"{worst:.0f} ns", "yes")
    return table(["", "wanted", "measured", "reached"], rows)


def body(figures, made):
    c = figures.conditions
    out = [f"{c['processor']}, cycle counter {c['cycles_per_ns']:.2f} GHz, core {c['core']}; "
           f"bursts of {c['burst']}; {' or '.join(map(str, sorted(c['rounds'])))} rounds; "
           f"{c['huge_percent']} % or more of tables and keys in 2 MiB pages; "
           f"wrong results: {figures.wrong}.", "",
           "## Targets", "", "Times as fast as `rte_hash` LF, of medians of the same rounds:", "",
           *ratio_rows(figures), *other_rows(figures), "## Drawings", ""]
    for name, title in made:
        out += [f"![{title}]({name})", ""]
    out += ["## Figures", "", "Median (least..most).", "", *lookup_tables(figures),
            *churn_table(figures),
            *plain_table(figures, "beside", "One reader and one writer, million per second, and "
                         "per cent:"),
            *plain_table(figures, "collide", "Keys chosen without the secret, ns per key, per "
                         "cent, and how many a table takes:"),
            *plain_table(figures, "scale", "One shard per core, million keys per second:"),
            *plain_table(figures, "cost", "Memory (bytes per flow), walks and full tables (ns):"),
            *plain_table(figures, "worst", "Single inserts from an empty table to a full one, ns:")]
    return "\n".join(out).rstrip() + "\n"


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: document.py DOCUMENT RUN.json...")
    document, figures = sys.argv[1], Figures(sys.argv[2:])
    with open(document) as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = drawings(figures, os.path.dirname(os.path.abspath(document)))
    with open(document, "w") as f:
        f.write(before + BEGIN + "\n" + body(figures, made) + END + after)


if __name__ == "__main__":
    main()
