"""A switchover of the databases under transactions whose sessions the balancer holds and moves."""

import os
import time

from lab import agents, balancers, mariadb, measure, places, processes
from lab.places import Lab

from .drain import BALANCER
from .stories import StoryFailed, active
from .timeline import Teller

# 200 at 1,000 a second are carried, too; beside the other stories few of them are easier to read.
SESSIONS = int(os.environ.get("TASUKI_SESSIONS", "50"))
RATE = int(os.environ.get("TASUKI_RATE", "100"))  # transactions a second, of three statements each
BUSY_MAX = SESSIONS // 10  # errors on a machine that is too busy for that
BEFORE_S = AFTER_S = 1.5
BOUND_S = 60
FIELDS = ("story", "errors", "longest_ms", "statements")


def make_room(lab: Lab, master: str) -> None:
    """For more sessions than the lab's servers take otherwise."""
    mariadb.sql(lab, master, "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 0")
    for node in places.DATABASES:
        mariadb.sql(lab, node, f"SET GLOBAL max_connections={SESSIONS + 100}")


def load(lab: Lab) -> measure.Load:
    return measure.Load(lab, "--host", places.address(BALANCER), "--port", agents.PORTS["held"],
                        "--connections", SESSIONS, "--rate", RATE, "--transactions", "--limit-ms",
                        10000)


def sessions(lab: Lab) -> int:
    shown = balancers.backends(lab, BALANCER, "held")
    return sum(one["sessions"] for one in shown.values())


def switch(lab: Lab, old: str, new: str) -> tuple:
    """What the application has counted, and how long the command took, in ms."""
    make_room(lab, old)
    with measure.stopped_at_end(load(lab)) as application:
        processes.wait_until(lambda: sessions(lab) >= SESSIONS, BOUND_S, "all sessions")
        time.sleep(BEFORE_S)
        began = time.monotonic()
        agents.switchover(lab, old, new)
        took = 1000 * (time.monotonic() - began)
        processes.wait_until(lambda: active(lab) == new, BOUND_S, f"{new} is active")
        time.sleep(AFTER_S)
    return application, took


def run(lab: Lab, teller: Teller, title: str) -> dict:
    teller.title(title)
    old = active(lab)
    new = {"db1": "db2", "db2": "db1"}[old]
    teller.say(f"   {SESSIONS} sessions do {RATE:,} transactions a second through the balancer on "
               f"{BALANCER}")
    application, took = switch(lab, old, new)
    teller.event(0.0, "lab", f"tasuki switchover db --to {new} --yes")
    teller.event(took, "lab", f"{new} is master")
    counted = application.summary
    lost = application.verify(new)["lost"]
    errors = sum(counted["errors"].values()) + counted["connects_failed"] + lost  # commits, too
    again = counted["connects"] - SESSIONS
    longest = counted["longest_statement_ms"]
    colour = "1;31" if errors or again else "1;32"
    teller.say(f"   {counted['statements']:,} statements, {errors} errors, {again} connections "
               "opened again", colour)
    teller.say(f"   the longest statement took {longest:.0f} ms, the switchover {took:.0f} ms", colour)
    if lost or max(errors, again) > BUSY_MAX:
        raise StoryFailed(f"{lost} commits lost, {errors} errors ({counted['errors']}), {again} connections opened again")
    return dict(zip(FIELDS, ("switchover-held", errors, round(longest), counted["statements"])))
