"""The ledger of processes: who was started, and their end.

Each process is noted in LAB/pids as `pid start-time node role`. Signals go only to a process whose
start time still fits, through a pid file descriptor, so a pid that was used again is never hit.
"""

import fcntl
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

from .places import Lab, LabError


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    node: str
    role: str


def read_stat(pid: int) -> tuple:
    """State and start, in clock ticks after boot; nothing if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None, None
    return fields[0], int(fields[19])


def start_time(pid: int):
    """None if the process is gone or only waits to be reaped."""
    state, started = read_stat(pid)
    return None if state in (None, "Z", "X") else started


def is_alive(process: Process) -> bool:
    return start_time(process.pid) == process.started


def recorded(lab: Lab) -> list:
    try:
        lines = lab.pids.read_text().splitlines()
    except OSError:
        return []
    parts = [line.split() for line in lines]
    return [Process(int(p[0]), int(p[1]), p[2], p[3]) for p in parts if len(p) == 4]


def running(lab: Lab, node: str = "", role: str = "") -> list:
    return [process for process in recorded(lab)
            if (not node or process.node == node) and (not role or process.role == role)
            and is_alive(process)]


def in_namespace(lab: Lab, node: str, command: list) -> list:
    return ["ip", "netns", "exec", lab.namespace(node), *map(str, command)]


def spawn(lab: Lab, node: str, role: str, command: list, outside=None) -> Process:
    """Starts a daemon of the lab in its node's namespace, or outside of all in the folder given.
    Its words go to LAB/<node>/log/<role>.log."""
    log = lab.log(node, role)
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = list(map(str, command)) if outside else in_namespace(lab, node, command)
    with open(lab.pids, "a", encoding="ascii") as ledger, open(log, "ab") as output:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        child = subprocess.Popen(argv, cwd=outside, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        started = start_time(child.pid)
        ledger.write(f"{child.pid} {started or 0} {node} {role}\n")
    _children.append(child)
    return Process(child.pid, started or 0, node, role)


_children = []  # kept so that Popen does not warn about, or lose, a child that still runs


def send_signal(process: Process, number: int) -> bool:
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def wait_gone(processes: list, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            handle = os.pidfd_open(process.pid)
        except OSError:
            continue
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            left = deadline - time.monotonic()
            # Its first thread may have ended already while others still hold its files and ports.
            same = read_stat(process.pid)[1] == process.started
            if same and not poll.poll(max(0, left * 1000)):
                return False
        finally:
            os.close(handle)
    for child in _children:
        child.poll()
    return True


def stop(processes: list, seconds: float = 10.0) -> None:
    """SIGTERM, and SIGKILL for whoever is still there after the time given."""
    for process in processes:
        send_signal(process, signal.SIGTERM)
    if not wait_gone(processes, seconds):
        kill(processes)


def kill(processes: list) -> None:
    for process in processes:
        send_signal(process, signal.SIGKILL)
    if not wait_gone(processes, 10.0):
        names = ", ".join(f"{p.node}/{p.role} ({p.pid})" for p in processes if is_alive(p))
        raise LabError(f"still running 10 s after SIGKILL: {names}")


def strangers(lab: Lab, node: str) -> list:
    """Processes inside a namespace of the lab, noted or not: a shell, or what a crash left over."""
    name = lab.namespace(node)
    if not os.path.exists(f"/run/netns/{name}"):
        return []
    listing = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    found = [(int(pid), start_time(int(pid))) for pid in listing.stdout.split()]
    return [Process(pid, started, node, "?") for pid, started in found if started is not None]


def wait_until(condition, seconds: float, what: str, pause: float = 0.02):
    """The condition's first true value; a LabError that says what did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
