"""A balancer that follows the databases: on a node that is no member of their group."""

import json
import re
import signal
import subprocess
import time

import rig
from demo import held
from lab import agents, balancers, mariadb, places, processes, stage
from watched import BOUND_S, WatchedCase

SESSIONS = 45  # below what a server grants the account
WRITE, READ = "write", "read"  # the pools
WRITE_PORT, READ_PORT = agents.PORTS[WRITE], agents.PORTS[READ]


class FollowTest(WatchedCase):
    name = "t-lbf"
    options = ("--pools",)

    def servers(self, pool=WRITE):
        return balancers.backends(self.lab, "wit", pool)

    def serving(self, pool=WRITE):
        return [name for name, one in self.servers(pool).items() if one["weight"]["effective"]]

    def wait_for(self, fits, what):
        processes.wait_until(fits, BOUND_S, what, 0.05)

    def begin_load(self):
        self.wait_for(lambda: self.serving() == ["db1"], "the master serves")
        script = places.SOURCE / "tests" / "lab" / "lab" / "mysql_load.py"
        self.acked = self.lab.folder / "acked"
        load = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [
                places.SYSTEM_PYTHON, "-B", script, places.address("wit"), WRITE_PORT, SESSIONS,
                self.acked]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.kill)
        self.wait_for(lambda: self.servers()["db1"]["sessions"] >= SESSIONS, "all sessions")
        time.sleep(1)
        return load

    def end_load(self, load, master):
        time.sleep(2)
        said, _ = load.communicate(timeout=60)
        counted = json.loads(said)
        print(said.strip(), end=" ... ", flush=True)
        acked = {tuple(map(int, line.split())) for line in self.acked.read_text().splitlines()}
        stored = [tuple(map(int, row)) for row in
                  mariadb.sql(self.lab, master, "SELECT client, seq FROM app.writes")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual(acked - set(stored), set())
        return counted, set(stored) - acked

    def log(self):
        return self.lab.log("wit", "lb").read_text()

    def test_a_switchover_closes_each_session_outside_its_transactions(self):
        load = self.begin_load()
        agents.switchover(self.lab, "db1", "db2")
        self.wait_for(lambda: self.serving() == ["db2"], "the balancer goes to db2")
        counted, unasked = self.end_load(load, "db2")
        # A transaction that takes longer than the balancers are given is lost: on a busy machine.
        self.assertLess(counted["inside"], SESSIONS // 10)
        self.assertLessEqual(len(unasked), counted["inside"])
        self.assertLessEqual(counted["validation"] + counted["outside"], SESSIONS)
        self.assertEqual(self.servers()["db1"]["sessions"], 0)
        self.assertNotRegex(self.log(), r"end=(queue-timeout|no-backend)")

    def test_a_switchover_holds_the_sessions_that_can_be_moved(self):
        self.wait_for(lambda: self.serving("held") == ["db1"], "the master serves")
        application, took = held.switch(self.lab, "db1", "db2")
        counted = application.summary
        print(f"switchover {took:.0f} ms, {counted['statements']} statements, the longest "
              f"{counted['longest_statement_ms']:.0f} ms", end=" ... ", flush=True)
        print(f"errors {counted['errors']}", end=" ... ", flush=True)
        self.assertEqual(application.verify("db2")["lost"], 0)
        # None but on a machine that is too busy to ask all of them in time.
        self.assertLessEqual(sum(counted["errors"].values()), held.BUSY_MAX)
        self.assertGreaterEqual(self.servers("held")["db1"]["moved"],
                                held.SESSIONS - held.BUSY_MAX)

    def test_sessions_of_a_lost_master_end_at_once_and_new_ones_wait_for_the_next(self):
        load = self.begin_load()
        stage.kill_node(self.lab, "db1")
        self.wait_for(lambda: self.serving() == ["db2"], "the balancer goes to db2")
        counted, unasked = self.end_load(load, "db2")
        self.assertGreater(self.servers()["db2"]["sessions"] + counted["statements"], SESSIONS)
        self.assertLessEqual(len(unasked), SESSIONS)  # committed, and the answer was lost
        self.assertNotRegex(self.log(), r"end=(no-backend|connect-failed|queue-timeout)")

    def test_without_news_the_master_is_used_only_until_the_end_of_its_lease(self):
        code = ("import pymysql, sys, time\n"
                f"link = pymysql.connect(host='10.77.0.9', port={WRITE_PORT}, user='app',"
                " password='app-lab', database='app')\n"
                "print('open', flush=True)\n"
                "began = time.monotonic()\n"
                "try:\n    link.cursor().execute('SELECT SLEEP(20)')\n"
                "except pymysql.err.Error as error:\n"
                "    print(error.args[0], time.monotonic() - began, flush=True)\n")
        self.wait_for(lambda: self.serving() == ["db1"], "the master serves")
        client = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [places.SYSTEM_PYTHON, "-B", "-c", code]),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "open\n")
        (agent,) = stage.find(self.lab, "wit", "agent")
        processes.send_signal(agent, signal.SIGSTOP)
        try:
            number, seconds = client.stdout.readline().split()
        finally:
            processes.send_signal(agent, signal.SIGCONT)
        print(f"cut after {float(seconds):.2f} s", end=" ... ", flush=True)
        self.assertEqual(number, "1053")
        self.assertLess(float(seconds), 2.0)  # profile fast: a lease of 0.8 s
        self.assertIn("its lease may be over", self.log())
        self.wait_for(lambda: self.serving() == ["db1"], "the master serves again")

    def test_an_agent_that_is_reloaded_or_killed_disturbs_no_session(self):
        self.wait_for(lambda: self.serving() == ["db1"], "the master serves")
        code = ("import pymysql, sys\n"
                f"link = pymysql.connect(host='10.77.0.9', port={WRITE_PORT}, user='app',"
                " password='app-lab', database='app')\n"
                "for line in sys.stdin:\n"
                "    cursor = link.cursor()\n"
                "    cursor.execute('SELECT CONNECTION_ID()')\n"
                "    print(cursor.fetchone()[0], flush=True)\n")
        client = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [places.SYSTEM_PYTHON, "-B", "-c", code]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.kill)

        def number():
            client.stdin.write("\n")
            client.stdin.flush()
            return client.stdout.readline()

        first = number()
        self.assertTrue(first)
        agents.tasuki(self.lab, "wit", "reload")
        time.sleep(1.5)
        self.assertEqual(number(), first)
        processes.kill(stage.find(self.lab, "wit", "agent"))
        stage.start(self.lab, "wit", "agent")
        time.sleep(1.5)
        self.assertEqual(number(), first)
        self.assertEqual(self.serving(), ["db1"])

    def test_a_replica_that_lags_is_left_and_the_others_read(self):
        self.wait_for(lambda: self.serving(READ) == ["db2", "db3"], "both replicas serve")
        with mariadb.session(self.lab, "db3", "LOCK TABLES app.writes READ"):  # it cannot apply
            mariadb.sql(self.lab, "db1", "INSERT INTO app.writes (client, seq) VALUES (1, 1)")
            self.wait_for(lambda: self.serving(READ) == ["db2"], "db3 is left")
            self.assertRegex(self.servers(READ)["db3"]["reason"], r"^lags \d+ ms$")
        self.wait_for(lambda: self.serving(READ) == ["db2", "db3"], "db3 serves again")
        names = re.findall(r"pool read: backend (\w+) (.*)", self.log())
        self.assertIn(("db1", "is the last resort: the master"), names)


if __name__ == "__main__":
    rig.main()
