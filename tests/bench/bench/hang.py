"""What a node that hangs does to its address: keepalived and tasuki, with either gate, in turn.

Each kind of hang befalls the holder's programs while its network goes on. An observer on the wire
asks every millisecond: how long did two answer (dual), how long nobody (gap). So does a client on
the holder itself: how long did its own node answer it while the observer saw another one serve
(dual-local). A program that can go on serving is right to do so: then nobody takes the address, and
there is none of them.
"""

import os
import random
import signal
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from lab import network, places, processes, stage
from lab.inside import Inside, dual_ms
from lab.measure import Observer, stopped_at_end

from . import keepalived, rows, tasuki

# Without eBPF.
NFTABLES = SimpleNamespace(name="tasuki-nft",
                           set_up=partial(tasuki.set_up, enforcement="nftables"))
OURS = (tasuki, NFTABLES)
SUBJECTS = {each.name: each for each in (keepalived, *OURS)}
COLUMNS = {"case": "case", "subject": "subject", "median": "median ms", "max": "max ms",
           "taken": "taken over", "runs": "runs"}
FIGURES = {"dual": "dual_active_ms", "dual-local": "dual_local_ms", "gap": "longest_gap_ms"}
TIMING = {"lease_ms": 300, "step_down_ms": 50}
SETTLE_S = 0.5
WATCH_S = 4.0  # a peer that waits for ever is not waited for
BUSY_THREADS = 50
FREEZER = Path("/sys/fs/cgroup/freezer")


def programs(subject, lab, node, roles=None) -> list:
    """All of them, their children included, or those with a role."""
    if roles:
        return [each for role in roles for each in processes.running(lab, node, role)]
    return stage.all_of(lab, node)


@contextmanager
def signalled(subject, lab, node, number, roles):
    # keepalived has one part that serves and one that watches it: a hang is one of both.
    hit = programs(subject, lab, node, roles if subject in OURS else None)
    if subject not in OURS:  # or the second may end in good order when it sees the first one die
        for process in hit:
            processes.send_signal(process, signal.SIGSTOP)
    for process in hit:
        processes.send_signal(process, number)
    yield
    for process in hit:
        processes.send_signal(process, signal.SIGCONT)


@contextmanager
def frozen(subject, lab, node):
    """By the freezer of cgroup version 1, as a container's pause does it."""
    group = FREEZER / f"tasuki-bench-{os.getpid()}"
    group.mkdir()
    try:
        for process in programs(subject, lab, node):
            (group / "cgroup.procs").write_text(str(process.pid))
        (group / "freezer.state").write_text("FROZEN")
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        processes.wait_until(lambda: is_removed(group), 5, f"{group} is empty")


def is_removed(group) -> bool:
    try:
        for pid in (group / "cgroup.procs").read_text().split():
            (FREEZER / "cgroup.procs").write_text(pid)
        group.rmdir()
        return True
    except OSError:  # who was killed meanwhile has not left yet
        return False


@contextmanager
def starved(subject, lab, node):
    """Its programs share one processor with many that want all of it; the others have the rest."""
    busy_on = os.cpu_count() - 1
    hit = programs(subject, lab, node)
    everywhere = os.sched_getaffinity(0)
    for process in hit:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {busy_on})
    os.sched_setaffinity(0, everywhere - {busy_on} or everywhere)
    busy = [subprocess.Popen(["taskset", "-c", str(busy_on), "sh", "-c", "while :; do :; done"])
            for _ in range(BUSY_THREADS)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
        for each in busy:
            each.wait()
        os.sched_setaffinity(0, everywhere)


@contextmanager
def disk_blocked(subject, lab, node):
    """Whatever writes to the folder of its state waits (fsfreeze)."""
    folder = lab.of(node) / "state"
    subprocess.run(["fsfreeze", "--freeze", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", folder], check=True)


@contextmanager
def log_blocked(subject, lab, node):
    """Nobody reads its log any more, and the pipe is full."""
    reader = os.open(lab.log(node, role_of(subject)), os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(reader, b"." * 4096)
    except BlockingIOError:
        pass
    try:
        yield
    finally:
        os.close(reader)


def role_of(subject) -> str:
    return "agent" if subject in OURS else "keepalived"


def by_signal(number, *roles):
    return lambda subject, lab, node: signalled(subject, lab, node, number, roles)


KINDS = {
    "kill-agent": by_signal(signal.SIGKILL, "agent"),
    "stop-agent": by_signal(signal.SIGSTOP, "agent"),
    "stop-both": by_signal(signal.SIGSTOP, "agent", "guard"),
    "kill-both": by_signal(signal.SIGKILL, "agent", "guard"),
    "freeze-both": frozen,
    "starve": starved,
    "disk": disk_blocked,
    "log-pipe": log_blocked,
}


@contextmanager
def prepared(kind, subject, lab):
    """What has to be there before the programs start: a disk of their own, a log that is a pipe."""
    mounted, readers = [], []

    def before(node):
        folder = lab.of(node) / "state"
        if kind == "disk":
            image = lab.of(node) / "state.img"
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["truncate", "-s", "16M", image], check=True)
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, folder], check=True)
            mounted.append(folder)
        if kind == "log-pipe":
            path = lab.log(node, role_of(subject))
            path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(path)
            readers.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))

    try:
        yield before
    finally:
        processes.kill([each for node in lab.nodes for each in stage.all_of(lab, node)])
        for folder in mounted:
            subprocess.run(["umount", folder], check=True)
        for reader in readers:
            os.close(reader)


def measure(subject, kind, options) -> dict:
    lab = places.open_lab(f"b-{subject.name}")
    stage.clean(lab)
    try:
        with prepared(kind, subject, lab) as before:
            subject.set_up(lab, options, before)
            holder = processes.wait_until(lambda: network.holders(lab), 10,
                                          f"{subject.name}: one node holds the address")[0]
            return watch(subject, kind, lab, holder, options)
    finally:
        stage.clean(lab)


def watch(subject, kind, lab, holder, options) -> dict:
    with stopped_at_end(Observer(lab)) as observer, stopped_at_end(Inside(lab, holder)) as inside:
        time.sleep(SETTLE_S + random.uniform(0, 2 * options.interval_ms / 1000))
        with KINDS[kind](subject, lab, holder):
            time.sleep(WATCH_S)
            taken = any(node != holder for node in network.holders(lab))
            inside.stop()
            observer.stop()
    return {**observer.summary, "taken": taken,
            "dual_local_ms": dual_ms(observer, inside, places.mac(holder))}


def run(options) -> list:
    found = {}
    for number in range(options.runs):
        for kind in KINDS:
            for name in options.subjects or SUBJECTS:
                one = measure(SUBJECTS[name], kind, options)
                found.setdefault((kind, name), []).append(one)
                print(f"run {number + 1}: {kind} {name}: two answered {one['dual_active_ms']:.1f} "
                      f"ms, {one['dual_local_ms']:.1f} ms to a client on the node, nobody for "
                      f"{one['longest_gap_ms']:.1f} ms{'' if one['taken'] else ', not taken over'}",
                      flush=True)
    return [row for (kind, name), seen in found.items()
            for row in results(kind, name, seen, options)]


def results(kind, name, seen, options) -> list:
    taken = sum(one["taken"] for one in seen)
    return [rows.row("hang", f"{what}-{kind}", name, options.interval_ms,
                     [one[key] for one in seen], taken=f"{taken} of {len(seen)}",
                     observer_pause_max=max(one["own_pause_ms"] for one in seen))
            for what, key in FIGURES.items()]
