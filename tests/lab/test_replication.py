"""Faults of replication itself, and what an operator may do about them, under writes."""

import time

import faults
import rig
from lab import agents, mariadb, network, stage


class DegradingTest(faults.FaultCase):
    """on_no_acker = "degrade": writes go on without protection, and everybody is told."""

    name = "t-degrade"

    def mysql(self):
        return agents.group(self.lab, self.old)["mysql"]

    def test_writes_go_on_when_only_the_path_of_replication_breaks(self):
        """Heartbeats use the other path, so nobody is dead: the commits that wait are the sign."""
        def fault():
            network.cut(self.lab, [self.old], [self.new], paths=(0,))
            time.sleep(1)

        played = self.play(fault, master=self.old)
        self.assertLess(played.load.summary["longest_gap_ms"], 8000)
        self.assertFalse(self.mysql()["protected"])

    def test_a_degraded_master_that_is_killed_keeps_what_it_acknowledged(self):
        self.may_quarantine = True  # the third server may hold what was never acknowledged

        def fault():
            stage.kill_node(self.lab, self.new)
            self.wait_writes(self.old, 500)
            self.assertIsNotNone(self.mysql()["degraded_since"])
            self.kill(self.old, "mysqld")
            time.sleep(3)
            self.assertEqual(self.writable(), [])
            stage.start(self.lab, self.old, "mysqld")

        self.play(fault, master=self.old)

    def test_a_switchover_that_cannot_close_writes_is_undone(self):
        mariadb.sql(self.lab, self.old, "CREATE TABLE IF NOT EXISTS app.held (id INT)")

        def fault():
            with mariadb.session(self.lab, self.old, "LOCK TABLES app.held WRITE"):
                done = agents.tasuki(self.lab, "wit", "switchover", "db", "--to", self.new, "--yes",
                                     check=False, seconds=60)
            self.assertIn(done.returncode, (1, 3), done.stdout + done.stderr)

        played = self.play(fault, master=self.old)
        self.assertEqual(self.active(), self.old)
        self.assertLess(played.load.summary["longest_gap_ms"], 3000)


class BlockingTest(faults.FaultCase):
    """on_no_acker = "block": no commit is acknowledged that only one server holds."""

    name = "t-block"
    options = ("--on-no-acker", "block")

    def test_commits_wait_until_the_standby_is_heard_again(self):
        def fault():
            network.cut(self.lab, [self.new], network.everybody_but(self.lab, self.new))
            time.sleep(5)
            before = self.rows(self.old)
            time.sleep(1)
            self.assertEqual(self.rows(self.old), before)
            network.heal(self.lab)

        played = self.play(fault, master=self.old)
        self.assertGreater(played.load.summary["longest_gap_ms"], 4000)

    def test_commits_wait_until_a_restarted_standby_is_recorded_again(self):
        """What its former life owed, the source never sends again."""
        def fault():
            self.kill(self.new, "mysqld")
            time.sleep(3)
            stage.start(self.lab, self.new, "mysqld")
            self.wait_writes(self.old, 100)

        played = self.play(fault, master=self.old)
        self.assertGreater(played.load.summary["longest_gap_ms"], 2500)
        self.assertEqual(self.active(), self.old)


if __name__ == "__main__":
    rig.main()
