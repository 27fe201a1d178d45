"""The command line of scripts/bench."""

import argparse
import os
import sys

from lab.places import LabError

from . import hang, idle, lb, lb_scale, mysql, rows, sim, vip

BENCHES = {"vip": vip, "hang": hang, "mysql": mysql, "idle": idle, "sim": sim,
           "lb": lb, "lb-scale": lb_scale}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="scripts/bench", description="Measures fail-over, side by "
                                  "side with others, and what waiting for it costs; each in a lab "
                                  "of its own.")
    top.add_argument("bench", choices=list(BENCHES))
    top.add_argument("--runs", type=int, default=5, metavar="N")
    top.add_argument("--json", metavar="FILE", help="append one object a line")
    top.add_argument("--interval-ms", type=int, default=100, help="of tasuki and of its peers")
    top.add_argument("--lease-ms", type=int, help="of tasuki (vip: 300; else that of `fast`, 800)")
    top.add_argument("--step-down-ms", type=int, help="of tasuki (vip: 50; else of `fast`, 100)")
    top.add_argument("--addresses", type=int, default=1, metavar="N",
                     help="vip: so many move together; the first, a middle and the last are watched")
    top.add_argument("--only", dest="subjects", action="append", metavar="SUBJECT",
                     help="leave the other subjects out (may be repeated)")
    return top


def main() -> int:
    options = parser().parse_args()
    bench = BENCHES[options.bench]
    for key, value in getattr(bench, "TIMING", {}).items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    unknown = set(options.subjects or ()) - set(bench.SUBJECTS)
    if unknown or options.runs < 1:
        print(f"scripts/bench: {options.bench} has the subjects {', '.join(bench.SUBJECTS)}; "
              "--runs is 1 or more", file=sys.stderr)
        return 2
    if getattr(bench, "NEEDS_ROOT", True) and os.geteuid() != 0:
        print("scripts/bench: network namespaces need root: run it with sudo", file=sys.stderr)
        return 1
    try:
        found = bench.run(options)
    except LabError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{options.bench}, {options.runs} runs\n{rows.table(found, bench.COLUMNS)}")
    if options.json:
        rows.write_json(options.json, found)
    return 0
