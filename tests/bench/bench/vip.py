"""How long nobody, and how long two, answer for the address: tasuki and keepalived in turn.

node-loss: the holder's links go down and all its processes are killed, so it can tell nobody.
planned: the holder is asked to hand over (keepalived: a clean stop; tasuki: switchover).
The observer asks every millisecond; each measurement has a network of its own.
"""

import random
import time

from lab import network, places, processes, stage
from lab.measure import Observer, stopped_at_end

from . import keepalived, rows, tasuki

SUBJECTS = {"keepalived": keepalived, "tasuki": tasuki}
COLUMNS = {"case": "case", "subject": "subject", "median": "gap median ms", "max": "gap max ms",
           "dual_median": "two answer median ms", "dual_max": "max ms", "runs": "runs"}
TIMING = {"lease_ms": 300, "step_down_ms": 50}  # about what keepalived waits for: 3 adverts
SETTLE_S = 0.5
AFTER_S = 1.5


def lose_node(subject, lab, node):
    stage.kill_node(lab, node)


def plan(subject, lab, node):
    subject.hand_over(lab, node)


CASES = {"node-loss": lose_node, "planned": plan}


def measure(subject, case, options) -> dict:
    lab = places.open_lab(f"b-{subject.name}")
    stage.clean(lab)
    try:
        subject.set_up(lab, options)
        processes.wait_until(lambda: len(network.holders(lab)) == 1, 10,
                             f"{subject.name}: one node holds the address")
        holder = network.holders(lab)[0]
        with stopped_at_end(Observer(lab)) as observer:
            # At any phase of the interval, so that the median is one over all phases.
            time.sleep(SETTLE_S + random.uniform(0, 2 * options.interval_ms / 1000))
            CASES[case](subject, lab, holder)
            processes.wait_until(
                lambda: [node for node in network.holders(lab) if node != holder], 20,
                f"{subject.name}: somebody takes the address after {case}")
            time.sleep(AFTER_S)
        return observer.summary
    finally:
        stage.clean(lab)


def run(options) -> list:
    found = {}
    for number in range(options.runs):
        for case in CASES:
            for name in options.subjects or SUBJECTS:
                summary = measure(SUBJECTS[name], case, options)
                found.setdefault((case, name), []).append(summary)
                print(f"run {number + 1}: {case} {name}: gap {summary['longest_gap_ms']:.1f} ms, "
                      f"two answered {summary['dual_active_ms']:.1f} ms", flush=True)
    return [result(case, name, summaries, options) for (case, name), summaries in found.items()]


def result(case, name, summaries, options) -> dict:
    gaps = [one["longest_gap_ms"] for one in summaries]
    dual = sorted(one["dual_active_ms"] for one in summaries)
    return rows.row("vip", case, name, options.interval_ms, gaps,
                    dual_median=dual[len(dual) // 2], dual_max=dual[-1],
                    observer_pause_max=max(one["own_pause_ms"] for one in summaries))
