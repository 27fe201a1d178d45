"""Sessions of three kinds that stay, with transactions, on two servers of which one then leaves:
the clients, and what both sides have counted.

retry: MariaDB Connector/C; does once more what was lost outside a transaction (tools/retry).
plain: PyMySQL; does nothing again.           pool: PyMySQL; validates on borrow (kept_load.py).

Clients count each statement that was answered, by its verb, and name each row that was acknowledged
or refused; the servers count each statement they have begun to carry out (Com_*) and hold the rows.
"""

import json
import os
import subprocess
import time
from collections import Counter

from . import mariadb, places, processes
from .places import Lab, LabError

SESSIONS = int(os.environ.get("TASUKI_SESSIONS", "200"))
RATE = int(os.environ.get("TASUKI_RATE", "2000"))  # statements a second
KINDS = ("retry", "plain", "pool")
VERBS = ("begin", "insert", "update", "commit")
BOUND_S = 30
FIRST_TURN_S = 5 * SESSIONS / RATE  # of five statements: by then all have begun
ROOM = SESSIONS + 100


def make_room(lab: Lab, node: str) -> None:
    """For more sessions than the lab's servers take otherwise."""
    mariadb.sql(lab, node, "SET GLOBAL read_only=0; "
                           "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 0; "
                           f"SET GLOBAL max_connections={ROOM}, table_open_cache={ROOM * 2}")


def sessions(lab: Lab, node: str) -> int:
    """In the server's own words; a balancer's check opens no database."""
    ((count,),) = mariadb.sql(lab, node, "SELECT COUNT(*) FROM information_schema.processlist "
                                         "WHERE user = 'app' AND db = 'app'")
    return int(count)


def executed(lab: Lab, nodes: tuple) -> Counter:
    """By verb, of all the nodes together."""
    names = ", ".join(f"'Com_{verb}'" for verb in VERBS)
    out = Counter()
    for node in nodes:
        for name, value in mariadb.sql(
                lab, node, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"):
            out[name.removeprefix("Com_")] += int(value)
    return out


class Kept:
    def __init__(self, lab: Lab, address: str, port: int, nodes: tuple):
        self.lab, self.nodes = lab, nodes
        self.before = executed(lab, nodes)
        self.children = {}
        for at, kind in enumerate(KINDS):
            first, after = (SESSIONS * part // len(KINDS) for part in (at, at + 1))
            command = self.command(kind, address, port, first, after - first)
            self.children[kind] = subprocess.Popen(
                processes.in_namespace(lab, "client", command), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def command(self, kind: str, address: str, port: int, first: int, count: int) -> list:
        rate, file = RATE * count / SESSIONS, self.file(kind)
        if kind == "retry":
            return [places.program("tasuki_retry"), "--host", address, "--port", port, "--sessions",
                    count, "--rate", rate, "--first", first, "--file", file]
        script = places.SOURCE / "tests" / "lab" / "lab" / "kept_load.py"
        return [places.SYSTEM_PYTHON, "-B", script, kind, address, port, count, rate, first, file]

    def file(self, kind: str):
        return self.lab.folder / f"kept-{kind}"

    def wait_for_all(self, node: str) -> None:
        """From here on the rate is measured."""
        processes.wait_until(lambda: sessions(self.lab, node) >= SESSIONS, BOUND_S,
                             f"{SESSIONS} sessions on {node}", 0.1)
        time.sleep(FIRST_TURN_S)
        self.began, self.at_begin = time.monotonic(), executed(self.lab, self.nodes)

    def kill(self) -> None:
        for child in self.children.values():
            child.kill()
            child.wait()
            for pipe in filter(None, (child.stdin, child.stdout, child.stderr)):
                pipe.close()

    def end(self) -> dict:
        """What the clients have counted, by kind, and what the tables and counters say of it."""
        took = time.monotonic() - self.began
        done = (executed(self.lab, self.nodes) - self.at_begin).total()
        for child in self.children.values():
            child.stdin.close()
            child.stdin = None
        told = {kind: self.summary(kind, child) for kind, child in self.children.items()}
        return {"sessions": SESSIONS, "rate": round(done / took), **self.compare(told),
                **{kind: {"statements": sum(one["answered"].values()),
                          **{name: value for name, value in one.items() if name != "answered"}}
                   for kind, one in told.items()}}

    def summary(self, kind: str, child) -> dict:
        said, words = child.communicate(timeout=60)
        (self.lab.folder / f"kept-{kind}.log").write_text(words)
        if child.returncode != 0:
            raise LabError(f"load {kind}: exit {child.returncode}: {words[-1000:]}")
        return json.loads(said)

    def compare(self, told: dict) -> dict:
        became = {"acked": set(), "refused": set()}
        for kind in KINDS:
            for line in self.file(kind).read_text().splitlines():
                word, client, seq = line.split()
                became[word].add((int(client), int(seq)))
        rows = [tuple(map(int, row)) for node in self.nodes
                for row in mariadb.sql(self.lab, node, "SELECT client, seq, node FROM app.writes")]
        stored = {row[:2] for row in rows}
        answered = Counter()
        for one in told.values():
            answered.update(one["answered"])
        on_servers = executed(self.lab, self.nodes) - self.before
        return {"acked": len(became["acked"]), "stored": len(rows),
                "missing": len(became["acked"] - stored), "twice": len(rows) - len(stored),
                # Of a row that a transaction has written its second statement has set the node.
                "half": sum((seq % 2 == 0) != (node != 0) for _, seq, node in rows),
                "refused_but_stored": len(became["refused"] & stored),
                "unasked": len(stored - became["acked"] - became["refused"]),
                "answered": answered.total(), "executed": on_servers.total(),
                "unanswered_but_executed": {verb: on_servers[verb] - answered[verb]
                                            for verb in VERBS
                                            if on_servers[verb] != answered[verb]}}
