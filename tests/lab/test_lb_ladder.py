"""What a drain costs sessions that stay: clients of three kinds, all counted on both sides, and the
server under all of them is drained. The same with HAProxy, whose operator shuts its sessions, for
comparison."""

import json
import time
import unittest

import rig
from lab import balancers, haproxy, kept, mariadb, places, processes, stage

PORT = 3307
SERVERS = ("db1", "db2")
BOUND_S = 20
DEADLINE_S = 8
BEFORE_S = 1.5
AFTER_S = 1 + kept.FIRST_TURN_S  # until each client has noticed
EXACT = ("missing", "twice", "half", "refused_but_stored", "unasked")

POOL = """
[[pool]]
name = "write"
nodes = ["lb1"]
listen = "10.77.0.61:3307"
protocol = "mysql"
check = {{ interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }}
backend = [ {backends} ]
"""

COLUMNS = {"": lambda it: it["peer"],
           "gone, ms": lambda it: it["gone_ms"],
           "statements/s": lambda it: it["rate"],
           "errors: retry once": lambda it: it["retry"]["errors"],
           "pool": lambda it: it["pool"]["errors"],
           "plain": lambda it: it["plain"]["errors"],
           "in transactions": lambda it: sum(it[kind]["inside"] for kind in kept.KINDS),
           "executed, yet an error": lambda it: it["executed"] - it["answered"]}


def table(rows: list) -> str:
    cells = [list(COLUMNS), *([str(show(row)) for show in COLUMNS.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths))
                     for line in cells)


class LadderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lbl", (*SERVERS, "lb1", "client"))
        cls.found = []
        stage.build_servers(cls.lab, SERVERS)
        for node in SERVERS:
            kept.make_room(cls.lab, node)
        text = balancers.CONFIG.format(folder=cls.lab.folder, listen=balancers.LISTEN)
        backends = ", ".join(f'{{ name = "{node}", address = "{places.address(node)}:3306" }}'
                             for node in SERVERS)
        cls.lab.config.write_text(text + POOL.format(backends=backends))
        balancers.start(cls.lab, "lb1")

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)
        if cls.found:
            print("\n" + table(cls.found))

    def setUp(self):
        for node in SERVERS:
            mariadb.sql(self.lab, node, "TRUNCATE app.writes")

    def under_load(self, peer, port, weight, leave):
        """All sessions are on db1, which leaves; db2 is there for those that come back."""
        weight(0)
        load = kept.Kept(self.lab, places.address("lb1"), port, SERVERS)
        self.addCleanup(load.kill)
        load.wait_for_all("db1")
        weight(100)
        time.sleep(BEFORE_S)
        began = time.monotonic()
        leave()
        processes.wait_until(lambda: not kept.sessions(self.lab, "db1"), BOUND_S, "all are gone")
        gone = 1000 * (time.monotonic() - began)
        time.sleep(AFTER_S)
        figures = {"peer": peer, "gone_ms": round(gone), **load.end()}
        print(json.dumps(figures, separators=(",", ":")), end=" ... ", flush=True)
        self.found.append(figures)
        return figures

    def judge(self, it):
        self.assertLessEqual(it["gone_ms"], 1000 * DEADLINE_S)
        self.assertEqual({name: it[name] for name in EXACT}, dict.fromkeys(EXACT, 0))
        self.assertEqual(it["acked"], it["stored"])
        self.assertEqual((it["answered"], it["unanswered_but_executed"]), (it["executed"], {}))
        for kind in kept.KINDS:
            self.assertEqual(it[kind]["inside"], 0, kind)
        for kind in ("retry", "pool"):
            self.assertEqual(it[kind]["errors"], 0, kind)
        for kind in ("retry", "plain"):
            self.assertLessEqual(it[kind]["most_lost"], 1, kind)
        # They were not spared: each session of these kinds had to end, and its client to notice.
        share = kept.SESSIONS // len(kept.KINDS)
        self.assertGreaterEqual(it["retry"]["retried"], share)
        self.assertGreaterEqual(it["pool"]["validation"], share)
        self.assertEqual(it["plain"]["errors"], it["plain"]["lost"])  # and none of another kind

    def test_a_drain_ends_each_session_where_its_client_loses_nothing(self):
        def leave():
            done = balancers.tasuki(self.lab, "lb1", "drain", "write", "db1", "--wait",
                                    "--deadline", f"{DEADLINE_S}s")
            self.assertRegex(done.stdout, r"write/db1: empty after \d")

        processes.wait_until(lambda: all(one["health"] == "up" for one in
                                         balancers.backends(self.lab).values()),
                             BOUND_S, "both servers are up")
        figures = self.under_load(
            "tasuki", PORT,
            lambda value: balancers.tasuki(self.lab, "lb1", "weight", "write", "db2", value), leave)
        left = balancers.backends(self.lab)["db1"]
        self.assertEqual((left["sessions"], left["cut"]), (0, 0))
        self.judge(figures)

    @unittest.skipUnless(haproxy.PROGRAM.exists(), "HAProxy is not installed")
    def test_haproxy_shuts_the_sessions_for_comparison(self):
        haproxy.start(self.lab, "lb1", SERVERS)

        def leave():
            for words in ("set server be/db1 state maint", "shutdown sessions server be/db1"):
                haproxy.say(self.lab, "lb1", words)

        self.under_load("haproxy", haproxy.PORT,
                        lambda value: haproxy.say(self.lab, "lb1",
                                                  f"set server be/db2 weight {value}"), leave)


if __name__ == "__main__":
    rig.main()
