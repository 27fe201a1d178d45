"""Sessions go on with another real server, and take along all that theirs remembers; or stay."""

import json
import os
import subprocess
import time
import unittest

import rig
from lab import balancers, mariadb, places, processes, stage
from lab.moved_client import Moved

PORT = 3307
SERVERS = ("db1", "db2")
BOUND_S = 20
SESSIONS = 45  # below what a server grants the account

POOL = """
[[pool]]
name = "write"
nodes = ["lb1"]
listen = "10.77.0.61:3307"
protocol = "mysql"
check = {{ interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }}
drain = {{ idle_ms = 600 }}
backend = [ {backends} ]
[[pool.user]]
name = "app"
password_file = "{password}"
"""

# What a session does, and then says, and how it is told why it stays.
STAYS = {
    "a user variable": (["SET @a = 1"], "it has set what cannot be carried over"),
    "one by SELECT": (["SELECT @a := 1"], "it has user variables"),
    "one by INTO": (["SELECT 1 INTO @a"], "it has user variables"),
    "one within a function": (["SELECT app.remembers()"], "it has user variables"),
    "one within a trigger": (["INSERT INTO app.watched VALUES (1)"], "it has user variables"),
    "a setting within a function": (["SELECT app.sets()"],
                                    "a routine or trigger has changed its settings"),
    "a temporary table": (["CREATE TEMPORARY TABLE app.tt (a INT)"],
                          "it has made temporary tables"),
    "one within a function ": (["SELECT app.makes()"], "it has made temporary tables"),
    "a procedure": (["CALL app.does()"], "it has used what only its server knows"),
    "a prepared statement": (["PREPARE s FROM 'SELECT 1'"],
                             "it has used what only its server knows"),
    "another setting": (["SET sort_buffer_size = 100000"],
                        "it has set what cannot be carried over"),
    "several statements": (["SELECT 1; SET sort_buffer_size = 100000"],
                           "it has sent several statements at once"),
    "a lock": (["SELECT GET_LOCK('a', 1)"], "it holds locks"),
    "locked tables": (["LOCK TABLES app.writes READ"], "it holds locks"),
    "a transaction": (["BEGIN", "INSERT INTO app.writes (client, seq) VALUES (77, 1)"],
                      "in transaction"),
}

ROUTINES = (
    "CREATE TABLE app.counted (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
    "CREATE TABLE app.watched (v INT)",
    "CREATE TRIGGER app.remember BEFORE INSERT ON app.watched FOR EACH ROW SET @seen = 1",
    "CREATE FUNCTION app.remembers() RETURNS INT BEGIN SELECT 1 INTO @inside; RETURN 1; END",
    "CREATE FUNCTION app.sets() RETURNS INT BEGIN SET sort_buffer_size = 100000; RETURN 1; END",
    "CREATE FUNCTION app.makes() RETURNS INT BEGIN CREATE TEMPORARY TABLE app.inner_one (a INT); "
    "RETURN 1; END",
    "CREATE PROCEDURE app.does() SELECT 1",
)


class MoveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lbv", (*SERVERS, "lb1", "client"))
        stage.build_servers(cls.lab, SERVERS)
        for node in SERVERS:
            for text in ("SET GLOBAL read_only=0, log_bin_trust_function_creators=1",
                         *(f"DELIMITER //\n{each}//" for each in ROUTINES)):
                mariadb.sql(cls.lab, node, text)
        cls.password = cls.lab.folder / "app.password"
        cls.write_password(mariadb.PASSWORD["app"])
        text = balancers.CONFIG.format(folder=cls.lab.folder, listen=balancers.LISTEN)
        backends = ", ".join(f'{{ name = "{node}", address = "{places.address(node)}:3306" }}'
                             for node in SERVERS)
        cls.lab.config.write_text(text + POOL.format(backends=backends, password=cls.password))
        balancers.start(cls.lab, "lb1")

    @classmethod
    def write_password(cls, text, mode=0o600):
        cls.password.write_text(text + "\n")
        os.chmod(cls.password, mode)

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)

    def servers(self):
        return balancers.backends(self.lab)

    def lb(self, *words):
        return balancers.tasuki(self.lab, "lb1", *words)

    def setUp(self):
        for node in SERVERS:
            self.lb("ready", "write", node)
            self.lb("weight", "write", node, 100)
            mariadb.sql(self.lab, node, "TRUNCATE app.writes")
        processes.wait_until(
            lambda: all(one["health"] == "up" for one in self.servers().values()), BOUND_S,
            "both servers are up")

    def client(self):
        """On db1, with db2 ready for it."""
        self.lb("ready", "write", "db1")
        self.lb("weight", "write", "db2", 0)
        out = Moved(self.lab, "client", places.address("lb1"), PORT)
        self.addCleanup(out.close)
        self.lb("weight", "write", "db2", 100)
        self.assertEqual(out.one("SELECT @@report_host"), places.address("db1"))
        return out

    def states(self):
        """Of the sessions that are on db1."""
        listed = json.loads(self.lb("sessions", "write", "db1", "-o", "json").stdout)
        return " ".join(one["state"] for one in listed["sessions"])

    def drain(self, *words):
        return self.lb("drain", "write", "db1", "--wait", *words)

    def test_a_session_takes_everything_along(self):
        it = self.client()
        for text in ("SET NAMES latin1 COLLATE latin1_german2_ci", "USE information_schema", "USE app",
                     "SET autocommit=0", "SET SESSION sql_mode='ANSI,PIPES_AS_CONCAT'",
                     "SET time_zone='+03:00', foreign_key_checks=0",
                     "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                     "SET @@session.wait_timeout = 777, lc_time_names = 'de_DE'",
                     "INSERT INTO app.counted (v) VALUES (1), (2)", "COMMIT"):
            it.run(text)
        asked = ("SELECT @@collation_connection, @@character_set_client, @@character_set_results, "
                 "DATABASE(), @@autocommit, @@sql_mode, @@time_zone, @@foreign_key_checks, "
                 "@@tx_isolation, @@wait_timeout, @@lc_time_names, LAST_INSERT_ID(), USER()")
        before = it.row(asked)
        self.assertEqual(before[4:6][0], 0)
        done = self.drain("--deadline", "20s")
        self.assertRegex(done.stdout, r"write/db1: empty after .*, [1-9]\d* moved")
        self.assertEqual(it.one("SELECT @@report_host"), places.address("db2"))
        self.assertEqual(it.row(asked), before)
        # And back again, the transaction of which is waited for.
        self.lb("ready", "write", "db1")
        it.run("BEGIN")
        it.run("INSERT INTO app.writes (client, seq) VALUES (9, 9)")
        self.lb("drain", "write", "db2")
        time.sleep(0.5)
        self.assertEqual(it.one("SELECT @@report_host"), places.address("db2"))
        it.run("COMMIT")
        self.assertEqual(it.one("SELECT @@report_host"), places.address("db1"))
        self.assertEqual(it.row(asked), before)
        self.assertEqual(mariadb.sql(self.lab, "db2", "SELECT seq FROM app.writes WHERE client=9"),
                         [["9"]])

    def test_who_remembers_what_cannot_be_said_again_stays(self):
        for what, (texts, why) in STAYS.items():
            with self.subTest(what):
                it = self.client()
                for text in texts:
                    it.run(text)
                self.lb("drain", "write", "db1", "--deadline", "20s")
                processes.wait_until(
                    lambda: why in self.states(), BOUND_S, f"{what}: {why}")
                it.close()
                self.lb("ready", "write", "db1")
                processes.wait_until(lambda: self.servers()["db1"]["sessions"] == 0, BOUND_S,
                                     "it has left")
        self.assertEqual(self.servers()["db2"]["sessions"], 0)

    def test_a_session_that_resets_itself_is_new_and_may_go(self):
        it = self.client()
        it.run("SET @a = 1")
        it.reset()
        self.assertRegex(self.drain("--deadline", "20s").stdout, r", [1-9]\d* moved")
        self.assertEqual(it.one("SELECT @@report_host"), places.address("db2"))

    def test_a_statement_that_looks_back_is_not_sent_to_another_server(self):
        it = self.client()
        it.run("INSERT INTO app.writes (client, seq) VALUES (1, 1), (1, 2)")
        self.drain("--deadline", "20s")
        self.assertEqual(it.lost("SELECT ROW_COUNT()"), 2013)
        mariadb.sql(self.lab, "db1", "TRUNCATE app.writes")

    def test_under_load_no_session_is_lost(self):
        script = places.SOURCE / "tests" / "lab" / "lab" / "mysql_load.py"
        acked = self.lab.folder / "acked"
        load = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [
                places.SYSTEM_PYTHON, "-B", script, places.address("lb1"), PORT, SESSIONS, acked]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.kill)
        processes.wait_until(
            lambda: sum(one["sessions"] for one in self.servers().values()) >= SESSIONS, BOUND_S,
            "all sessions")
        time.sleep(1)
        before = self.servers()["db1"]["sessions"]
        began = time.monotonic()
        self.drain("--deadline", "20s")
        took = time.monotonic() - began
        time.sleep(0.5)
        said, _ = load.communicate(timeout=60)
        print(f"{before} sessions moved in {took:.2f} s, {said.strip()}", end=" ... ", flush=True)
        self.assertRegex(said, r'"validation": 0, "outside": 0, "inside": 0')
        wanted = {tuple(map(int, line.split())) for line in acked.read_text().splitlines()}
        stored = [tuple(map(int, row)) for node in SERVERS
                  for row in mariadb.sql(self.lab, node, "SELECT client, seq FROM app.writes")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual(set(stored), wanted)
        for node in SERVERS:
            mariadb.sql(self.lab, node, "TRUNCATE app.writes")

    def test_without_the_right_password_sessions_are_closed_as_any_other(self):
        self.write_password("another")
        try:
            self.lb_reload()
            it = self.client()
            self.lb("drain", "write", "db1", "--deadline", "20s")
            processes.wait_until(
                lambda: "not moved: its password is another one" in self.states(), BOUND_S,
                "why is told")
            self.drain("--deadline", "20s")
            self.assertEqual(it.lost("SELECT 1"), 2013)
        finally:
            self.write_password(mariadb.PASSWORD["app"])
            self.lb_reload()

    def lb_reload(self):
        log = self.lab.log("lb1", "lb")
        before = log.read_text().count("reloaded: ")
        (process,) = stage.find(self.lab, "lb1", "lb")
        processes.send_signal(process, 1)
        processes.wait_until(lambda: log.read_text().count("reloaded: ") > before, BOUND_S,
                             "it has read its file")

    def test_a_server_that_does_not_know_the_account_gets_no_session(self):
        it = self.client()
        mariadb.sql(self.lab, "db2", "RENAME USER app@'%' TO hidden@'%'")
        try:
            self.lb("drain", "write", "db1", "--deadline", "20s")
            processes.wait_until(
                lambda: "not moved: no other server has taken it" in self.states(), BOUND_S,
                "why is told")
            self.assertEqual(it.one("SELECT @@report_host"), places.address("db1"))
        finally:
            mariadb.sql(self.lab, "db2", "RENAME USER hidden@'%' TO app@'%'")

    def test_a_password_that_others_may_read_is_not_used(self):
        self.write_password(mariadb.PASSWORD["app"], 0o644)
        try:
            self.lb_reload()
            self.assertRegex(self.lab.log("lb1", "lb").read_text(),
                             r"pool write: sessions of user app are not moved: secret file .*: "
                             r"others may use it \(mode 0644\); run: chmod 600")
            it = self.client()
            self.drain("--deadline", "20s")
            self.assertEqual(it.lost("SELECT 1"), 2013)
        finally:
            self.write_password(mariadb.PASSWORD["app"])
            self.lb_reload()


if __name__ == "__main__":
    rig.main()
