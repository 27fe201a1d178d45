"""Faults of servers and wires under writes: no acknowledged row is lost, never do two answer."""

import signal
import time

import faults
import rig
from lab import agents, mariadb, network, places, processes, stage

OTHERS = ("db2", "db3", "wit")


class ServerFaultsTest(faults.FaultCase):
    name = "t-faults"

    def test_a_frozen_server_is_replaced(self):
        self.play(lambda: stage.kill_process(self.lab, self.old, "mysqld", signal.SIGSTOP))

    def test_a_stopped_sql_thread_on_the_candidate_is_started(self):
        def fault():
            mariadb.sql(self.lab, self.new, "STOP SLAVE SQL_THREAD")
            time.sleep(1.5)  # until all know of it
            self.kill(self.old, "mysqld")

        self.play(fault)

    def test_a_broken_applier_on_the_candidate_costs_no_row(self):
        """The candidate cannot apply what it has received when the master dies: it is refused for
        that reason, and after the repair all is well by itself."""
        remove = "SET sql_log_bin=0; DELETE FROM app.writes WHERE client=999"
        mariadb.sql(self.lab, self.old, remove)
        mariadb.sql(self.lab, self.new,
                    "SET sql_log_bin=0; REPLACE INTO app.writes VALUES (999, 1, 0)")
        with faults.stopped_at_end(faults.Observer(self.lab)) as observer, \
                faults.stopped_at_end(faults.Load(self.lab, "--rate", 300)) as load:
            self.wait_writes(self.old)
            mariadb.sql(self.lab, self.old, "INSERT INTO app.writes VALUES (999, 1, 0)")
            time.sleep(0.5)
            self.kill(self.old, "mysqld")
            time.sleep(3)
            self.assertEqual(self.writable(), [])
            # An attempt that a busy machine cut short has another reason, until the next one.
            self.wait_why(f"{self.new}.*applier.*Duplicate entry")
            mariadb.sql(self.lab, self.new, f"{remove}; START SLAVE SQL_THREAD")
            stage.start(self.lab, self.old, "mysqld")
            master = self.wait_master()
            self.wait_writes(master)
        self.judge(observer, load, master)
        self.wait_ready()
        self.assert_equal_or_quarantined(self.active())

    def test_an_acker_whose_server_restarted_just_before_does_not_count(self):
        """It may have lost what it had acknowledged: the group waits for its old master rather than
        promote somebody who may not have everything. The old master's agent is frozen meanwhile,
        so that it cannot admit the acker's new life first."""
        self.may_quarantine = True
        with faults.stopped_at_end(faults.Observer(self.lab)) as observer, \
                faults.stopped_at_end(faults.Load(self.lab, "--rate", 300)) as load:
            self.wait_writes(self.old)
            stage.kill_process(self.lab, self.old, "agent", signal.SIGSTOP)
            self.kill(self.new, "mysqld")
            stage.start(self.lab, self.new, "mysqld")
            self.kill(self.old, "mysqld")
            time.sleep(4)
            self.assertEqual(self.writable(), [])
            self.assertRegex(self.why(self.new), f"{self.new}.*(restart|another life|incarnation)")
            stage.start(self.lab, self.old, "agent")  # its guardian has ended the frozen one
            stage.start(self.lab, self.old, "mysqld")
            master = self.wait_master()
            self.wait_writes(master)
        self.judge(observer, load, master)
        self.wait_ready()
        self.assert_equal_or_quarantined(self.active())

    def test_master_and_only_acker_lost_together_is_refused_and_why_says_so(self):
        with faults.stopped_at_end(faults.Observer(self.lab)) as observer, \
                faults.stopped_at_end(faults.Load(self.lab, "--rate", 300)) as load:
            self.wait_writes(self.old)
            self.may_quarantine = True
            both = processes.running(self.lab, "db1", "mysqld") + processes.running(
                self.lab, "db2", "mysqld")
            processes.kill(both)
            time.sleep(3)
            self.assertEqual(self.writable(), [])
            said = self.why()
            self.assertIn("failover now: NO", said)
            self.assertRegex(said, self.new)
            for node in ("db1", "db2"):
                stage.start(self.lab, node, "mysqld")
            try:
                master = self.wait_master()
            except AssertionError:
                master = self.follow_advice()
            self.wait_writes(master)
        self.judge(observer, load, master)
        self.wait_ready()
        self.assert_equal_or_quarantined(self.active())

    def follow_advice(self):
        """Seldom the killed master comes back without the end of its binlog, which its acker holds in
        another life. Nobody may be promoted then by itself, and `why` says what to do."""
        self.assertRegex(self.why(self.old), rf"failover\s+--to\s+{self.new}\s+--allow-loss")
        print(f"{self.old} has lost what {self.new} holds ... ", end="", flush=True)
        self.force("--allow-loss")
        return self.wait_master()

    def is_degraded(self):
        return agents.group(self.lab, self.old)["mysql"]["degraded_since"] is not None

    def force(self, *more):
        return agents.tasuki(self.lab, "wit", "failover", "db", "--to", self.new, "--yes", *more,
                             check=False, seconds=60)

    def test_a_dead_unprotected_master_is_replaced_by_the_operators_word_only(self):
        with faults.stopped_at_end(faults.Observer(self.lab)) as observer, \
                faults.stopped_at_end(faults.Load(self.lab, "--rate", 300)) as load:
            self.wait_writes(self.old)
            self.kill(self.new, "mysqld")
            processes.wait_until(self.is_degraded, faults.BOUND_S, "degraded", 0.1)
            self.wait_writes(self.old)
            self.kill(self.old, "mysqld")
            time.sleep(2)
            self.assertEqual(self.writable(), [])
            said = self.why(self.old)
            self.assertIn("failover now: NO", said)
            self.assertIn("--allow-loss", said)
            self.assertEqual(self.force("--allow-loss").returncode, 3)  # its server is down
            stage.start(self.lab, self.new, "mysqld")
            time.sleep(1)
            self.assertEqual(self.writable(), [])
            forced = self.force("--allow-loss")
            self.assertEqual(forced.returncode, 0, forced.stdout + forced.stderr)
            self.wait_writes(self.new)
        self.assertEqual(self.writable(), [self.new])
        self.assertEqual(observer.summary["dual_active_ms"], 0, observer.events[-5:])
        self.assertEqual(load.summary["dual_acked_ms"], 0, load.summary)
        type(self).spoiled = "a server has rows that were given up, it needs a copy of the data"

    def test_an_old_master_returns_by_itself_and_one_with_rows_of_its_own_is_kept_out(self):
        self.play(lambda: self.kill(self.old, "mysqld"))
        stage.start(self.lab, self.old, "mysqld")
        self.wait_settled()
        self.kill(self.old, "agent")
        mariadb.sql(self.lab, self.old, "STOP SLAVE; INSERT INTO app.writes VALUES (998, 1, 0)")
        stage.start(self.lab, self.old, "agent")

        def quarantined():
            group = agents.group(self.lab, self.new)
            return [replica["quarantined"] for replica in group["mysql"]["replicas"]
                    if replica["node"] == self.old and replica["quarantined"]]

        reason = processes.wait_until(quarantined, faults.BOUND_S, f"{self.old} is quarantined",
                                      0.2)
        self.assertRegex(reason[0], f"0-{places.NUMBER[self.old]}-")
        said = agents.tasuki(self.lab, self.new, "status", check=False)
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("quarantine", said.stdout)
        self.assertEqual(mariadb.sql(self.lab, self.old, "SELECT @@read_only"), [["1"]])
        type(self).spoiled = "a server has rows of its own, it needs a copy of the data"

    def test_a_new_active_node_that_crashes_in_its_failover_resumes_it(self):
        """Its applier is held up, so that the crash comes while it drains the relay log: after the
        choice was recorded, before the server takes writes."""
        log = self.lab.log(self.new, "agent")
        said = log.stat().st_size

        def choices():
            return log.read_bytes()[said:].count(b" choose: ")

        def fault():
            with mariadb.session(self.lab, self.new, "LOCK TABLES app.writes WRITE"):
                time.sleep(0.3)  # for rows that are received and cannot be applied
                self.kill(self.old, "mysqld")
                processes.wait_until(choices, 10, f"{self.new} has chosen", 0.001)
                time.sleep(0.1)
                self.kill(self.new, "agent")
                self.assertEqual(self.writable(), [])
            stage.start(self.lab, self.new, "agent")

        self.play(fault)
        self.assertEqual(choices(), 2)


class WireFaultsTest(faults.FaultCase):
    name = "t-wires"

    def epoch(self):
        return agents.group(self.lab, self.active())["epoch"]

    def others(self):
        return [node for node in places.AGENTS if node != self.old]

    def test_a_master_cut_off_from_all_others_is_replaced(self):
        self.play(lambda: network.cut(self.lab, [self.old], self.others()))

    def test_a_master_that_nobody_hears_is_replaced(self):
        self.play(lambda: network.cut(self.lab, [self.old], self.others(), one_way=True))

    def test_a_master_that_hears_nobody_is_replaced(self):
        self.play(lambda: network.cut(self.lab, self.others(), [self.old], one_way=True))

    def test_a_lost_witness_changes_nothing(self):
        epoch = self.epoch()
        played = self.play(lambda: (network.cut(self.lab, ["wit"], places.DATABASES),
                                    time.sleep(2.5)), master=self.old)
        self.assertEqual(agents.group(self.lab, self.old)["epoch"], epoch)
        self.assertEqual([each["source"] for each in played.observer.summary["sources"]],
                         [places.mac(self.old)])

    def test_a_standby_is_lost_and_comes_back(self):
        self.play(lambda: stage.kill_node(self.lab, self.new), master=self.old)
        stage.revive_node(self.lab, self.new)
        self.wait_settled()

    def test_a_lost_node_is_replaced(self):
        self.play(lambda: stage.kill_node(self.lab, self.old))


class SwitchoverTest(faults.FaultCase):
    name = "t-moves"

    def test_twenty_switchovers_forth_and_back_under_load_lose_nothing(self):
        with faults.stopped_at_end(faults.Observer(self.lab)) as observer, \
                faults.stopped_at_end(faults.Load(self.lab, "--rate", 300)) as load:
            master = self.old
            for _ in range(20):
                self.wait_writes(master, 20)
                self.wait_settled()
                master = faults.OTHER[master]
                agents.switchover(self.lab, "wit", master)
            self.wait_writes(master)
        played = self.judge(observer, load, master)
        self.assertGreater(len(played.load.summary["servers"]), 20)


if __name__ == "__main__":
    rig.main()
