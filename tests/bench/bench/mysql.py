"""How long no write is acknowledged, and whether an acknowledged one is lost, at 500 a second.

kill-mysqld: SIGKILL of the master's server. lose-node: its links down and everything killed.
switchover: asked for. lose-standby: the first standby is lost, the master stays.
The application writes through the virtual address from outside; after the run every acknowledged
row is looked for on the master. Each measurement has a lab of its own.
"""

import time

from lab import agents, cli, mariadb, places, processes, stage
from lab.measure import Load, Observer, stopped_at_end

from . import rows
from .tasuki import timing

RATE = 500
COLUMNS = {"case": "case", "subject": "subject", "median": "gap median ms", "max": "gap max ms",
           "lost": "lost", "acked": "acknowledged", "unknown": "unknown", "failed": "refused",
           "dual_max": "two answer max ms", "dual_acked_max": "two acknowledge max ms",
           "runs": "runs"}
BEFORE_S = 1.5
AFTER_S = 1.5
SUBJECTS = {"tasuki": None}


def kill_mysqld(lab):
    stage.kill_process(lab, "db1", "mysqld")
    return "db2"


def lose_node(lab):
    stage.kill_node(lab, "db1")
    return "db2"


def switchover(lab):
    agents.switchover(lab, "db1", "db2")
    return "db2"


def lose_standby(lab):
    stage.kill_node(lab, "db2")
    return "db1"


CASES = {"kill-mysqld": kill_mysqld, "lose-node": lose_node, "switchover": switchover,
         "lose-standby": lose_standby}


def rows_written_by(lab, node) -> int:
    found = mariadb.sql(lab, node, "SELECT COUNT(*) FROM app.writes "
                                   f"WHERE node={places.NUMBER[node]}", check=False)
    return int(found[0][0]) if found else 0


def measure(case, options) -> dict:
    lab = places.open_lab("b-mysql")
    stage.clean(lab)
    try:
        stage.up(lab, cli.up_options(*timing(options)), say=lambda line: None)
        with stopped_at_end(Observer(lab)) as observer, \
                stopped_at_end(Load(lab, "--rate", RATE)) as load:
            time.sleep(BEFORE_S)
            master = CASES[case](lab)
            before = rows_written_by(lab, master)
            processes.wait_until(lambda: rows_written_by(lab, master) > before + 50, 30,
                                 f"{master} takes writes after {case}")
            time.sleep(AFTER_S)
        return {**load.summary, **load.verify(master),
                "dual_ms": observer.summary["dual_active_ms"]}
    finally:
        stage.clean(lab)


def run(options) -> list:
    found = {}
    for number in range(options.runs):
        for case in CASES:
            one = measure(case, options)
            found.setdefault(case, []).append(one)
            print(f"run {number + 1}: {case}: gap {one['longest_gap_ms']:.1f} ms, "
                  f"lost {one['lost']} of {one['acked']}, unknown {one['unknown']}, "
                  f"refused {one['failed']}", flush=True)
    return [result(case, runs, options) for case, runs in found.items()]


def result(case, runs, options) -> dict:
    return rows.row("mysql", case, "tasuki", options.interval_ms,
                    [one["longest_gap_ms"] for one in runs],
                    lost=sum(one["lost"] for one in runs), acked=sum(one["acked"] for one in runs),
                    unknown=sum(one["unknown"] for one in runs),
                    failed=sum(one["failed"] for one in runs),
                    dual_max=max(one["dual_ms"] for one in runs),
                    dual_acked_max=max(one["dual_acked_ms"] for one in runs))
