"""A web server and a replica are taken out of service while their clients stay connected."""

import json
import subprocess
import time
from contextlib import contextmanager

from lab import agents, balancers, places, processes
from lab.places import Lab

from .stories import StoryFailed, active
from .timeline import Teller, Timeline

BALANCER = "wit"
CLIENTS = {"web": 40, "read": 40}  # below what a server grants one account
REST_MS = 200  # longer than the silence after which the pool closes a session that leaves
BOUND_S = 60
DEADLINE = "8s"  # readers that never rest are closed between two statements after half of it
FIELDS = ("story", "sessions", "drained_ms", "errors", "requests")


def run(lab: Lab, teller: Teller, title: str) -> dict:
    teller.title(title)
    replica = {"db1": "db2", "db2": "db1"}[active(lab)]
    victims = {"web": "db3", "read": replica}
    teller.say(f"   {CLIENTS['web']} web clients and {CLIENTS['read']} readers keep their "
               f"connections through the balancer on {BALANCER}")
    with load(lab, "web", "web_load.py", REST_MS) as web, \
            load(lab, "read", "mysql_load.py") as readers:
        for pool, count in CLIENTS.items():
            wait(lambda: sum(one["sessions"] for one in shown(lab, pool).values()) >= count,
                 f"all clients of {pool} are connected")
        time.sleep(1)
        sessions, took = drain(lab, teller, victims)
        time.sleep(0.5)
    for pool, backend in victims.items():
        balancers.tasuki(lab, BALANCER, "ready", pool, backend)
    errors = web["errors"] + readers["inside"]
    requests = web["requests"] + readers["statements"]
    colour = "1;31" if errors else "1;32"
    teller.say(f"   {sessions} sessions have left after {took:.0f} ms; {requests:,} requests and "
               f"statements, {errors} lost", colour)
    if errors or sessions == 0:
        raise StoryFailed(f"{errors} of {requests} requests were lost, {sessions} were to leave")
    return dict(zip(FIELDS, ("drain", sessions, round(took), errors, requests)))


def drain(lab: Lab, teller: Teller, victims: dict) -> tuple:
    """How many sessions were to leave, and until when the last one had, in ms."""
    timeline = Timeline(teller)
    sessions = sum(shown(lab, pool)[backend]["sessions"] for pool, backend in victims.items())
    timeline.begin(" and ".join(f"tasuki lb drain {pool} {backend} --deadline {DEADLINE} --wait"
                                for pool, backend in victims.items()))
    began = time.monotonic()
    commands = {pool: subprocess.Popen(
        list(map(str, [places.program("tasuki"), "lb", "drain", pool, backend, "--wait",
                       "--deadline", DEADLINE, "--socket", balancers.socket(lab, BALANCER)])),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for pool, backend in victims.items()}
    last = 0.0
    for pool, command in commands.items():
        said, _ = command.communicate(timeout=BOUND_S)
        last = max(last, 1000 * (time.monotonic() - began))
        if command.returncode != 0:
            raise StoryFailed(f"tasuki lb drain {pool}: exit {command.returncode}: {said.strip()}")
        teller.event(1000 * (time.monotonic() - began), "lab", said.strip().splitlines()[-1])
    return sessions, last


@contextmanager
def load(lab: Lab, pool: str, script: str, *words):
    """Clients of a pool while the block runs; what they have counted is there afterwards."""
    path = places.SOURCE / "tests" / "lab" / "lab" / script
    process = subprocess.Popen(
        processes.in_namespace(lab, "client", [
            places.SYSTEM_PYTHON, "-B", path, places.address(BALANCER), agents.PORTS[pool],
            CLIENTS[pool], *words]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    counted = {}
    try:
        yield counted
        said, _ = process.communicate(timeout=BOUND_S)
        counted.update(json.loads(said))
    finally:
        process.kill()
        process.wait()


def shown(lab: Lab, pool: str) -> dict:
    return balancers.backends(lab, BALANCER, pool)


def wait(fits, what: str) -> None:
    processes.wait_until(fits, BOUND_S, what, 0.1)
