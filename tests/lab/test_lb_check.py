"""What a balancer asks its backends: real servers that say what they are, and a program."""

import re
import time
import unittest

import rig
from lab import balancers, mariadb, places, processes, stage

SERVERS = ("db1", "db2")
BOUND_S = 20

POOLS = """
[[pool]]
name = "write"
nodes = ["lb1"]
listen = "10.77.0.61:3307"
protocol = "mysql"
check = {{ {times}, {account}, role = "master" }}
drain = {{ deadline_ms = 3000 }}
backend = [ {backends} ]
[[pool]]
name = "read"
nodes = ["lb1"]
listen = "10.77.0.61:3308"
protocol = "mysql"
check = {{ {times}, {account}, role = "replica", max_lag_ms = 2000 }}
backend = [ {backends} ]
[[pool]]
name = "told"
nodes = ["lb1"]
listen = "10.77.0.61:3309"
check = {{ {times}, command = "{folder}/check", timeout_ms = 500 }}
backend = [ {backends} ]
"""

PROGRAM = """#!/bin/sh
echo "$TASUKI_POOL $TASUKI_BACKEND $*" >> {folder}/asked
case $(cat {folder}/mood) in
    well) exit 0 ;;
    sick) echo "$1 has lost its queue" >&2; exit 3 ;;
    slow) exec sleep 5 ;;
esac
"""


class CheckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lbk", (*SERVERS, "lb1"))
        stage.build_servers(cls.lab, SERVERS)
        for node in SERVERS:
            cls.make_account(node)
        mariadb.sql(cls.lab, "db1", "SET GLOBAL read_only=0")
        cls.replicate()
        cls.write_config()
        balancers.start(cls.lab, "lb1")

    @classmethod
    def make_account(cls, node):
        mariadb.sql(cls.lab, node, "SET sql_log_bin=0; SET GLOBAL read_only=0;"
                    "CREATE USER checker@'%' IDENTIFIED BY 'check-lab';"
                    "GRANT REPLICA MONITOR ON *.* TO checker@'%'; SET GLOBAL read_only=1")

    @classmethod
    def replicate(cls):
        mariadb.sql(cls.lab, "db2", f"CHANGE MASTER TO MASTER_HOST='{places.address('db1')}',"
                    f"MASTER_USER='repl_db2', MASTER_PASSWORD='{mariadb.PASSWORD['repl']}',"
                    "MASTER_USE_GTID=slave_pos; START SLAVE")

    @classmethod
    def write_config(cls):
        folder = cls.lab.folder
        (folder / "check.pw").write_text("check-lab\n")
        (folder / "check.pw").chmod(0o600)
        (folder / "check").write_text(PROGRAM.format(folder=folder))
        (folder / "check").chmod(0o755)
        cls.mood("well")
        text = balancers.CONFIG.format(folder=folder, listen=balancers.LISTEN)
        cls.lab.config.write_text(text + POOLS.format(
            folder=folder, times="interval_ms = 100, fast_interval_ms = 50, rise = 1, fall = 2",
            account=f'user = "checker", password_file = "{folder}/check.pw"',
            backends=", ".join(f'{{ name = "{node}", address = "{places.address(node)}:3306" }}'
                               for node in SERVERS)))

    @classmethod
    def mood(cls, word):
        (cls.lab.folder / "mood").write_text(word)

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)

    def wait_for(self, pool, node, reason, weight):
        def fits():
            shown = balancers.backends(self.lab, "lb1", pool)[node]
            return (re.fullmatch(reason, shown["reason"]) is not None and
                    shown["weight"]["effective"] == weight)
        processes.wait_until(fits, BOUND_S, f"{pool}/{node}: \"{reason}\", weight {weight}")

    def test_a_pool_for_writing_has_the_server_that_is_not_read_only(self):
        self.wait_for("write", "db1", "", 100)
        self.wait_for("write", "db2", "read_only is on", 0)
        mariadb.sql(self.lab, "db2", "SET GLOBAL read_only=0")
        self.wait_for("write", "db2", "", 100)
        mariadb.sql(self.lab, "db2", "SET GLOBAL read_only=1")
        self.wait_for("write", "db2", "read_only is on", 0)

    def test_a_pool_for_reading_leaves_a_replica_that_lags_or_stands_still(self):
        self.wait_for("read", "db2", "", 100)
        self.wait_for("read", "db1", "it is no replica, and takes writes", 0)
        mariadb.sql(self.lab, "db2", "STOP SLAVE SQL_THREAD")
        self.wait_for("read", "db2", "it does not replicate", 0)
        self.wait_for("read", "db1", "it is no replica, and takes writes", 100)  # the last resort
        mariadb.sql(self.lab, "db2", "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=60; START SLAVE")
        mariadb.sql(self.lab, "db1", "INSERT INTO app.writes (client, seq) VALUES (1, 1)")
        self.wait_for("read", "db2", r"lags \d{4,} ms, and no other is better", 100)
        mariadb.sql(self.lab, "db2", "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE")
        self.wait_for("read", "db2", "", 100)

    def test_a_server_that_does_not_know_the_password_is_down(self):
        mariadb.sql(self.lab, "db1", "ALTER USER checker@'%' IDENTIFIED BY 'another'")
        processes.wait_until(
            lambda: balancers.backends(self.lab, "lb1", "write")["db1"]["health"] == "down",
            BOUND_S, "db1 is down")
        self.assertRegex(balancers.backends(self.lab, "lb1", "write")["db1"]["reason"],
                         "refuses: .*Access denied for user 'checker'")
        mariadb.sql(self.lab, "db1", "ALTER USER checker@'%' IDENTIFIED BY 'check-lab'")
        self.wait_for("write", "db1", "", 100)

    def test_checks_are_no_broken_clients(self):
        before = mariadb.sql(self.lab, "db1", "SHOW GLOBAL STATUS LIKE 'Aborted_%'")
        time.sleep(2)
        self.assertEqual(mariadb.sql(self.lab, "db1", "SHOW GLOBAL STATUS LIKE 'Aborted_%'"),
                         before)

    def test_a_program_says_whether_a_backend_is_fit(self):
        def health(node):
            return balancers.backends(self.lab, "lb1", "told")[node]["health"]
        processes.wait_until(lambda: health("db1") == "up", BOUND_S, "it is up")
        asked = (self.lab.folder / "asked").read_text()
        self.assertIn(f"told db1 db1 {places.address('db1')} 3306\n", asked)
        for mood, why in (("sick", r"ended with exit code 3 after \d+ ms: db1 has lost its queue"),
                          ("slow", "did not end in time and was killed after")):
            self.mood(mood)
            processes.wait_until(lambda: health("db1") == "down", BOUND_S, "it is down")
            processes.wait_until(
                lambda: why[:10] in balancers.backends(self.lab, "lb1", "told")["db1"]["reason"],
                BOUND_S, f"it says {why}")
            self.assertRegex(balancers.backends(self.lab, "lb1", "told")["db1"]["reason"], why)
        balancers.upgrade(self.lab, "lb1")  # whatever runs is waited for, or ended
        self.mood("well")
        processes.wait_until(lambda: health("db1") == "up", BOUND_S, "it is up again")


if __name__ == "__main__":
    rig.main()
