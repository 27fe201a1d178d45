"""How long nobody, and how long two, answer for the address: tasuki and keepalived in turn.

node-loss: the holder's links go down and all its processes are killed, so it can tell nobody.
planned: the holder is asked to hand over (keepalived: a clean stop; tasuki: switchover).
hang: the holder's daemon is stopped (SIGSTOP; of keepalived both its processes).
The observers ask every millisecond; each measurement has a network of its own. Before the fault the
processor time of the holder's daemons is measured (tasuki: agent and guardian).
"""

import random
import signal
import statistics
import time
from contextlib import ExitStack

from lab import network, places, processes, stage
from lab.measure import Observer, stopped_at_end
from lab.places import LabError

from . import keepalived, rows, tasuki
from .idle import cpu_seconds

SUBJECTS = {"keepalived": keepalived, "tasuki": tasuki}
COLUMNS = {"case": "case", "subject": "subject", "median": "gap median ms", "max": "gap max ms",
           "dual_median": "two answer median ms", "dual_max": "max ms", "cpu": "CPU %",
           "again": "begun anew", "runs": "runs"}
TIMING = {"lease_ms": 300, "step_down_ms": 50}  # about what keepalived waits for: 3 adverts
SETTLE_S = 0.5
CPU_S = 1.5
TRIES = 5
AFTER_S = 1.5


def lose_node(subject, lab, node):
    stage.kill_node(lab, node)


def plan(subject, lab, node):
    subject.hand_over(lab, node)


def hang(subject, lab, node):
    hung = stage.all_of(lab, node) if subject is keepalived else processes.running(lab, node,
                                                                                   "agent")
    for process in hung:
        processes.send_signal(process, signal.SIGSTOP)


CASES = {"node-loss": lose_node, "planned": plan, "hang": hang}


def watched(count: int) -> list:
    """The first, a middle and the last address: whatever the order, one of them is late."""
    vips = places.vips(count)
    return sorted({vips[0], vips[count // 2], vips[-1]})


def processor_share(lab, node) -> float:
    """Of all daemons on the node, in percent of a core."""
    pids = [process.pid for process in stage.all_of(lab, node)]
    before = sum(map(cpu_seconds, pids))
    began = time.monotonic()
    time.sleep(CPU_S)
    return 100 * (sum(map(cpu_seconds, pids)) - before) / (time.monotonic() - began)


def silence(summary, former) -> float:
    """From the last answer of the former holder, before another's first, to that first one. The
    longest gap of all would also count the pauses of a busy machine."""
    spans = {source["source"]: source["spans"] for source in summary["sources"]}
    if places.mac(former) not in spans or len(spans) < 2:
        raise LabError(f"the observer did not see the address move from {former}")
    before = spans.pop(places.mac(former))
    first = min(first for others in spans.values() for first, _, _ in others)
    return max(0.0, first - max(min(last, first) for start, last, _ in before if start < first))


class NotReady(Exception):
    """Something happened before the fault, which is no measurement of it."""


def measure(subject, case, options) -> dict:
    """With a lease of a few milliseconds a start may fail, or the address move by itself, on a
    machine that others use too: then it is begun anew, and how often is told. What happens after
    the fault is never forgiven."""
    for again in range(TRIES):
        try:
            return {**attempt(subject, case, options), "again": again}
        except NotReady as error:
            print(f"{subject.name}: once more: {str(error).splitlines()[0]}", flush=True)
    raise LabError(f"{subject.name} was not ready in {TRIES} tries")


def begin(subject, lab, options) -> tuple:
    """The node that holds the address, and the state that has to last until the fault."""
    try:
        subject.set_up(lab, options)
        processes.wait_until(lambda: len(network.holders(lab)) == 1, 10,
                             f"{subject.name}: one node holds the address")
    except LabError as error:
        raise NotReady(error) from error
    begun = network.holders(lab), len(processes.running(lab))
    time.sleep(SETTLE_S)
    require_as(begun, lab)
    return begun[0][0], begun


def require_as(begun, lab) -> None:
    if (network.holders(lab), len(processes.running(lab))) != begun:
        raise NotReady("the address moved, or a program ended, before the fault")


def attempt(subject, case, options) -> dict:
    lab = places.open_lab(f"b-{subject.name}")
    stage.clean(lab)
    try:
        holder, begun = begin(subject, lab, options)
        cpu = processor_share(lab, holder)
        with ExitStack() as stack:
            observers = [stack.enter_context(stopped_at_end(Observer(lab, "--address", address)))
                         for address in watched(options.addresses)]
            # At any phase of the interval, so that the median is one over all phases.
            time.sleep(random.uniform(0, 2 * options.interval_ms / 1000))
            require_as(begun, lab)
            CASES[case](subject, lab, holder)
            processes.wait_until(
                lambda: [node for node in network.holders(lab) if node != holder], 20,
                f"somebody takes the address after {case}")
            time.sleep(AFTER_S)
        worst = {key: max(observer.summary[key] for observer in observers)
                 for key in ("dual_active_ms", "own_pause_ms")}
        return {**worst, "cpu": cpu,
                "gap_ms": max(silence(observer.summary, holder) for observer in observers)}
    finally:
        stage.clean(lab)


def run(options) -> list:
    found = {}
    for number in range(options.runs):
        for case in CASES:
            for name in options.subjects or SUBJECTS:
                summary = measure(SUBJECTS[name], case, options)
                found.setdefault((case, name), []).append(summary)
                print(f"run {number + 1}: {case} {name}: gap {summary['gap_ms']:.1f} ms, "
                      f"two answered {summary['dual_active_ms']:.1f} ms, CPU {summary['cpu']:.2f} %",
                      flush=True)
    return [result(case, name, summaries, options) for (case, name), summaries in found.items()]


def result(case, name, summaries, options) -> dict:
    gaps = [one["gap_ms"] for one in summaries]
    dual = sorted(one["dual_active_ms"] for one in summaries)
    return rows.row("vip", case, name, options.interval_ms, gaps, addresses=options.addresses,
                    again=sum(one["again"] for one in summaries),
                    cpu=round(statistics.median(one["cpu"] for one in summaries), 2),
                    dual_median=dual[len(dual) // 2], dual_max=dual[-1],
                    observer_pause_max=max(one["own_pause_ms"] for one in summaries))
