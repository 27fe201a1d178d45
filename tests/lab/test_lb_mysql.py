"""A balancer before two real servers: a drain closes no session inside a transaction."""

import json
import os
import subprocess
import time
import unittest

import rig
from lab import balancers, mariadb, places, processes, stage

SESSIONS = 45  # below what a server grants the account
PORT = 3307
SERVERS = ("db1", "db2")
BOUND_S = 20
UPGRADES = int(os.environ.get("TASUKI_UPGRADES", "5"))

POOL = """
[[pool]]
name = "write"
nodes = ["lb1"]
listen = "10.77.0.61:3307"
protocol = "mysql"
check = {{ interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }}
drain = {{ idle_ms = 600, patience = {patience} }}
backend = [ {backends} ]
"""


def backends() -> str:
    return ", ".join(f'{{ name = "{node}", address = "{places.address(node)}:3306" }}'
                     for node in SERVERS)


class MysqlBalancerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lbm", (*SERVERS, "lb1", "client"))
        stage.build_servers(cls.lab, SERVERS)
        for node in SERVERS:
            mariadb.sql(cls.lab, node, "SET GLOBAL read_only=0")
        cls.write_config(patience=0.5)
        balancers.start(cls.lab, "lb1")

    @classmethod
    def write_config(cls, patience):
        text = balancers.CONFIG.format(folder=cls.lab.folder, listen=balancers.LISTEN)
        cls.lab.config.write_text(text + POOL.format(backends=backends(), patience=patience))

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)

    def servers(self):
        return balancers.backends(self.lab)

    def wait_for(self, fits, what):
        processes.wait_until(lambda: fits(self.servers()), BOUND_S, what)

    def setUp(self):
        self.wait_for(lambda all_: all(one["health"] == "up" for one in all_.values()),
                      "both servers are up")
        for node in SERVERS:
            mariadb.sql(self.lab, node, "TRUNCATE app.writes")

    def begin_load(self):
        script = places.SOURCE / "tests" / "lab" / "lab" / "mysql_load.py"
        self.acked = self.lab.folder / "acked"
        load = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [
                places.SYSTEM_PYTHON, "-B", script, places.address("lb1"), PORT, SESSIONS, self.acked]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.kill)
        self.wait_for(lambda all_: sum(one["sessions"] for one in all_.values()) >= SESSIONS,
                      "all sessions")
        return load

    def end_load(self, load):
        said, _ = load.communicate(timeout=60)
        counted = json.loads(said)
        print(said.strip(), end=" ... ", flush=True)
        acked = {tuple(map(int, line.split())) for line in self.acked.read_text().splitlines()}
        stored = [tuple(map(int, row)) for node in SERVERS
                  for row in mariadb.sql(self.lab, node, "SELECT client, seq FROM app.writes")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual(set(stored), acked)  # nothing is lost, and nothing was done twice
        return counted

    def test_a_drain_closes_no_session_inside_a_transaction(self):
        load = self.begin_load()
        time.sleep(1)
        before = self.servers()["db1"]["sessions"]
        done = balancers.tasuki(self.lab, "lb1", "drain", "write", "db1", "--wait", "--deadline",
                                "8s")
        after = self.servers()["db1"]
        self.assertRegex(done.stdout, r"write/db1: empty after \d")
        self.assertRegex(done.stderr, r"write/db1: draining, \d+ sessions left, at most \d")
        self.assertRegex(done.stderr, r"\n  10\.77\.0\.100:\d+ [a-z]")
        self.assertEqual((after["sessions"], after["cut"]), (0, 0))
        time.sleep(0.5)
        counted = self.end_load(load)
        self.assertEqual(counted["inside"], 0)
        self.assertGreater(counted["validation"], 0)
        self.assertLessEqual(counted["validation"] + counted["outside"], before)
        balancers.tasuki(self.lab, "lb1", "ready", "write", "db1")

    def test_an_upgrade_disturbs_no_transaction(self):
        load = self.begin_load()
        for _ in range(UPGRADES):
            time.sleep(1)
            balancers.upgrade(self.lab, "lb1")
        time.sleep(0.5)
        shown = self.servers()
        self.assertEqual(sum(one["sessions"] for one in shown.values()), SESSIONS)
        self.assertEqual(sum(one["connections"] for one in shown.values()), 0)  # none is new
        counted = self.end_load(load)
        self.assertEqual([counted[where] for where in ("inside", "outside", "validation")], [0] * 3)

    def test_an_open_transaction_is_waited_for_and_named_and_cut_at_the_deadline(self):
        balancers.tasuki(self.lab, "lb1", "weight", "write", "db2", 0)
        code = ("import pymysql, sys\n"
                f"link = pymysql.connect(host='10.77.0.61', port={PORT}, user='app',"
                " password='app-lab', database='app')\n"
                "link.cursor().execute('INSERT INTO writes (client, seq) VALUES (1, 1)')\n"
                "print('open', flush=True)\n"
                "sys.stdin.readline()\n"
                "try:\n    link.commit(); print('committed')\n"
                "except pymysql.err.Error as error: print('lost', error.args[0])\n")
        for deadline, ends in (("30s", "committed"), ("1s", "lost 2013")):
            client = subprocess.Popen(processes.in_namespace(self.lab, "client",
                                                             [places.SYSTEM_PYTHON, "-B", "-c", code]),
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(client.kill)
            self.assertEqual(client.stdout.readline(), "open\n")
            balancers.tasuki(self.lab, "lb1", "drain", "write", "db1", "--deadline", deadline)
            time.sleep(1.5)
            left = balancers.tasuki(self.lab, "lb1", "sessions", "write", "db1").stdout
            if ends == "committed":
                self.assertRegex(left, r"10\.77\.0\.100:\d+ +db1 +.*in transaction for 1 s")
            else:
                self.assertEqual(left, "no sessions\n")
            said, _ = client.communicate("\n", timeout=BOUND_S)
            self.assertEqual(said.strip(), ends)
            balancers.tasuki(self.lab, "lb1", "ready", "write", "db1")
            mariadb.sql(self.lab, "db1", "TRUNCATE app.writes")
        balancers.tasuki(self.lab, "lb1", "weight", "write", "db2", 100)

    def test_checks_do_not_get_our_host_blocked(self):
        mariadb.sql(self.lab, "db1", "SET GLOBAL max_connect_errors=3")
        time.sleep(3)  # ten checks
        self.assertEqual(self.servers()["db1"]["health"], "up")
        blocked = mariadb.sql(self.lab, "db1", "SHOW GLOBAL STATUS LIKE 'Aborted_connects%'")
        print(dict(blocked), end=" ... ", flush=True)


if __name__ == "__main__":
    rig.main()
