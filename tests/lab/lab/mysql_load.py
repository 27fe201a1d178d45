"""MySQL clients that keep their connections: small transactions, again and again.

  mysql_load.py ADDRESS PORT SESSIONS FILE   until its input ends; then one JSON line, and FILE has
                                             `client seq` of each commit that was acknowledged
  mysql_load.py ADDRESS PORT SESSIONS        the same, but only reads

Every third session validates its connection before a transaction (COM_PING) as a pool does, and
opens another one where it finds that dead; the others find out with their first statement. A
connection that is lost is counted by where: at a validation, at the first statement of a
transaction (`outside`), or later (`inside`: work was lost).
"""

import json
import random
import sys
import threading
import time
from collections import Counter

import pymysql

LOST = (pymysql.err.OperationalError, pymysql.err.InterfaceError)
OVER = threading.Event()
TALLY = Counter()
COMMITTED = []
LOCK = threading.Lock()
REOPEN_S = 10


def count(name: str, by: int = 1) -> None:
    with LOCK:
        TALLY[name] += by


def connect(address: str, port: int):
    end = time.monotonic() + REOPEN_S
    while True:
        try:
            return pymysql.connect(host=address, port=port, user="app", password="app-lab",
                                   database="app", autocommit=True, connect_timeout=5,
                                   read_timeout=10)
        except LOST:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def transact(link, client: int, seq: int, writes: bool) -> None:
    """Where it fails is told by the name of the exception that it raises."""
    with link.cursor() as cursor:
        try:
            cursor.execute("BEGIN")
        except LOST as error:
            raise Outside from error
        try:
            if writes:
                cursor.execute("INSERT INTO writes (client, seq) VALUES (%s, %s)", (client, seq))
            else:
                cursor.execute("SELECT MAX(seq) FROM writes WHERE client = %s", (client,))
            time.sleep(random.uniform(0, 0.01))
            cursor.execute("SELECT COUNT(*) FROM writes WHERE client = %s", (client,))
            cursor.execute("COMMIT")
        except LOST as error:
            raise Inside from error


class Outside(Exception):
    pass


class Inside(Exception):
    pass


def session(address: str, port: int, client: int, writes: bool) -> None:
    link = connect(address, port)
    seq = 0
    while not OVER.is_set():
        if client % 3 == 0:
            try:
                link.ping(reconnect=False)
            except LOST:
                count("validation")
                link = connect(address, port)
        try:
            transact(link, client, seq, writes)
            with LOCK:
                COMMITTED.append((client, seq))
            count("statements", 4)
        except Outside:
            count("outside")
            link = connect(address, port)
            continue
        except Inside as error:
            count("inside")
            print(f"client {client}: {error.__cause__}", file=sys.stderr, flush=True)
            link = connect(address, port)
        seq += 1
        time.sleep(random.uniform(0, 0.02))
    link.close()


def main(address: str, port: int, sessions: int, file: str = "") -> None:
    threads = [threading.Thread(target=session, args=(address, port, each, bool(file)),
                                daemon=True)
               for each in range(sessions)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    OVER.set()
    for thread in threads:
        thread.join(30)
    if file:
        with open(file, "w", encoding="ascii") as out:
            out.writelines(f"{client} {seq}\n" for client, seq in COMMITTED)
    print(json.dumps({name: TALLY[name] for name in ("statements", "validation", "outside",
                                                     "inside")}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
