"""MySQL clients with PyMySQL that keep their sessions, until the input ends: each does by turns a
transaction (BEGIN, INSERT, UPDATE, COMMIT) and a single INSERT, paced.

  kept_load.py KIND ADDRESS PORT SESSIONS RATE FIRST FILE

KIND plain: a connection for each client; what is lost with one is not done again.
KIND pool:  the clients share a pool, which asks each connection whether it lives (COM_PING) before
            it lends it, and opens another one in place of a dead one: DBCP's testOnBorrow, HikariCP
            with aliveBypassWindowMs=0.

RATE is that of the statements of all clients together, FIRST the number of the first one. At the
end FILE has a line `acked|refused CLIENT SEQ` for each row, and a JSON line says what was counted.
"""

import json
import queue
import random
import sys
import threading
import time
from collections import Counter

import pymysql

VERBS = ("begin", "insert", "update", "commit")
TALLIES = ("lost", "inside", "validation", "errors")
LOST = {0, 1053, 2006, 2013}  # 0: PyMySQL has found the connection dead before, and has closed it
THOUGHT_S = 0.04  # at most, between two statements of a transaction
CATCH_UP_S = 0.2
TURN = 5  # statements: a transaction's and a single one
REOPEN_S = 10
OVER = threading.Event()


class Failed(Exception):
    def __init__(self, error, inside: bool):
        super().__init__(str(error))
        self.code = error.args[0] if error.args else 0
        self.inside = inside


class Client:
    def __init__(self, number: int):
        self.number = number
        self.answered = Counter()
        self.tally = Counter()
        self.codes = Counter()
        self.rows = []

    def connect(self):
        end = time.monotonic() + REOPEN_S
        while True:
            try:
                return pymysql.connect(host=ADDRESS, port=PORT, user="app", password="app-lab",
                                       database="app", autocommit=True, connect_timeout=5,
                                       read_timeout=10)
            except pymysql.err.Error as error:
                self.tally["errors"] += 1
                self.codes[error.args[0]] += 1
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def work(self, link, seq: int) -> None:
        insert = ("insert", f"INSERT INTO writes (client, seq) VALUES ({self.number}, {seq})")
        change = ("update", "UPDATE writes SET node = @@server_id "
                            f"WHERE client = {self.number} AND seq = {seq}")
        steps = [insert] if seq % 2 else [("begin", "BEGIN"), insert, change, ("commit", "COMMIT")]
        for at, (verb, text) in enumerate(steps):
            if at:
                time.sleep(random.uniform(0, THOUGHT_S))
            try:
                link.query(text)
            except pymysql.err.Error as error:
                raise Failed(error, inside=at > 0) from error
            self.answered[verb] += 1

    def failed(self, failure: Failed) -> None:
        self.tally["errors"] += 1
        self.codes[failure.code] += 1
        if failure.code in LOST:
            self.tally["lost"] += 1
            self.tally["inside"] += failure.inside
        print(f"client {self.number}: {failure}", file=sys.stderr, flush=True)

    def run(self, source, period: float) -> None:
        # Over a whole turn: not all are in transactions at one time.
        due = time.monotonic() + random.uniform(0, 2 * period)
        seq = 0
        source.begin(self)
        while not OVER.wait(max(0, due - time.monotonic())):
            link = source.borrow(self)
            try:
                self.work(link, seq)
                self.rows.append(("acked", seq))
            except Failed as failure:
                self.failed(failure)
                self.rows.append(("refused", seq))
                link.close()
                link = self.connect()
            source.give_back(self, link)
            seq += 1
            due = max(due + period, time.monotonic() - CATCH_UP_S)


class Plain:
    """Each client has its own connection."""

    def __init__(self):
        self.links = {}

    def begin(self, client: Client) -> None:
        self.links[client.number] = client.connect()

    def borrow(self, client: Client):
        return self.links[client.number]

    def give_back(self, client: Client, link) -> None:
        self.links[client.number] = link


class Pool:
    """As many connections as clients, lent by turns."""

    def __init__(self):
        self.links = queue.Queue()

    def begin(self, client: Client) -> None:
        self.links.put(client.connect())

    def borrow(self, client: Client):
        link = self.links.get()
        try:
            link.ping(reconnect=False)
            return link
        except pymysql.err.Error:
            client.tally["validation"] += 1
            link.close()
            return client.connect()

    def give_back(self, _, link) -> None:
        self.links.put(link)


def summary(clients: list) -> dict:
    answered, tally, codes = Counter(), Counter(), Counter()
    for client in clients:
        answered += client.answered
        tally += client.tally
        codes += client.codes
    return {"answered": {verb: answered[verb] for verb in VERBS},
            **{name: tally[name] for name in TALLIES},
            "most_lost": max(client.tally["lost"] for client in clients), "codes": codes}


def main(kind: str, sessions: int, rate: float, first: int, file: str) -> None:
    source = {"plain": Plain, "pool": Pool}[kind]()
    clients = [Client(first + each) for each in range(sessions)]
    period = sessions / rate * TURN / 2
    threads = [threading.Thread(target=client.run, args=(source, period), daemon=True)
               for client in clients]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    OVER.set()
    for thread in threads:
        thread.join(30)
    with open(file, "w", encoding="ascii") as out:
        for client in clients:
            out.writelines(f"{became} {client.number} {seq}\n" for became, seq in client.rows)
    print(json.dumps(summary(clients)))


if __name__ == "__main__":
    ADDRESS, PORT = sys.argv[2], int(sys.argv[3])
    main(sys.argv[1], int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]), sys.argv[7])
