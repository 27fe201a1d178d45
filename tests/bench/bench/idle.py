"""What an agent costs while nothing happens: processor time and memory, on each kind of node.

Profile `fast` with a MySQL group, three servers that replicate, no load. CPU is the
time of all threads over WINDOW_S, in percent of one core; memory is the resident set at its end.
"""

import os
import time
from pathlib import Path

from lab import cli, places, processes, stage

from . import rows
from .tasuki import timing

SUBJECTS = {"tasuki": None}
COLUMNS = {"case": "case", "subject": "subject", "median": "median", "max": "max", "unit": "unit",
           "runs": "runs"}
KINDS = {"active": "db1", "standby": "db2", "witness": "wit"}
SETTLE_S = 3
WINDOW_S = 10


def cpu_seconds(pid: int) -> float:
    """Of all threads, in nanoseconds as the scheduler counts them: ticks are too coarse for this."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/statm", encoding="ascii") as memory:
        return int(memory.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(lab) -> dict:
    pids = {kind: processes.running(lab, node, "agent")[0].pid for kind, node in KINDS.items()}
    before = {kind: cpu_seconds(pid) for kind, pid in pids.items()}
    began = time.monotonic()
    time.sleep(WINDOW_S)
    took = time.monotonic() - began
    found = {f"cpu-{kind}": 100 * (cpu_seconds(pid) - before[kind]) / took
             for kind, pid in pids.items()}
    return {**found, **{f"memory-{kind}": resident_mb(pid) for kind, pid in pids.items()}}


def run(options) -> list:
    lab = places.open_lab("b-idle")
    stage.clean(lab)
    found = {}
    try:
        stage.up(lab, cli.up_options(*timing(options)), say=lambda line: None)
        time.sleep(SETTLE_S)
        for number in range(options.runs):
            one = measure(lab)
            print(f"run {number + 1}: " + ", ".join(f"{case} {value:.2f}"
                                                    for case, value in one.items()), flush=True)
            for case, value in one.items():
                found.setdefault(case, []).append(value)
    finally:
        stage.clean(lab)
    return [rows.row("idle", case, "tasuki", options.interval_ms, values,
                     unit="% of a core" if case.startswith("cpu") else "MB")
            for case, values in found.items()]
