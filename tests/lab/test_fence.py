"""Two voters: with a program that switches the other one's machine off, and without."""

import time

import rig
from lab import agents, hooks, mariadb, network, places, processes, stage
from lab.measure import Load, Observer, stopped_at_end
from watched import BOUND_S, WatchedCase

FENCE_S = 10  # silence, delay, the program, and what the machine takes
REJOIN_S = 45  # twice a longest lease, and the same
SILENT_MS = 50
NOBODY_KNOWS = "no power controller at this address"


class PairCase(WatchedCase):
    def fenced(self, node):
        return [call["words"] for call in hooks.record(self.lab, node, "fence")]

    def words(self, node, *command):
        done = agents.tasuki(self.lab, node, *command, check=False)
        return " ".join((done.stdout + done.stderr).split())

    def wait_words(self, node, words, seconds=BOUND_S):
        processes.wait_until(lambda: words in self.words(node, "status"), seconds,
                             f"status of {node} says {words}", 0.2)

    def wait_until_both_vote(self, node):
        def votes():
            told = agents.status(self.lab, node)
            return not told["quorum"].get("change") and sorted(
                each["name"] for each in told["nodes"] if each["voter"]) == ["db1", "db2"]

        processes.wait_until(votes, REJOIN_S, "both vote", 0.2)

    def takes_writes(self, node):
        return mariadb.sql(self.lab, node, "SELECT @@read_only", check=False) == [["0"]]


class FencedTest(PairCase):
    name = "t-fence"
    options = ("--fence",)

    def assert_nothing_lost(self, load, observer, node):
        self.assert_one_at_a_time(observer)
        self.assertEqual(load.summary["dual_acked_ms"], 0)
        checked = load.verify(node)
        self.assertEqual((checked["lost"], checked["unexpected"]), (0, 0), checked["missing"][:5])

    def test_a_lost_holder_is_fenced_and_replaced_and_votes_again_when_it_is_back(self):
        with stopped_at_end(Observer(self.lab)) as observer, \
                stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            began = time.monotonic()
            stage.kill_node(self.lab, "db1")
            processes.wait_until(lambda: self.takes_writes("db2"), FENCE_S, "db2 takes writes")
            took = time.monotonic() - began
            time.sleep(1)
        self.assertEqual(self.fenced("db2"), ["off db1", "off db1"])
        self.assert_nothing_lost(load, observer, "db2")
        self.assertIn("db2 decides alone", self.words("db2", "status"))
        self.assertRegex(self.words("db2", "history"), "fence.* db1")
        stage.revive_node(self.lab, "db1")
        self.wait_until_both_vote("db2")
        processes.wait_until(lambda: self.serve("db1") and agents.healthy(self.lab, "db2"),
                             REJOIN_S, "all is healthy")
        self.assertIn("safety fenced", self.words("db1", "status"))
        self.assertEqual(self.fenced("db1"), [])
        print(f"taken over after {1000 * took:.0f} ms ... ", end="", flush=True)

    def test_without_its_standby_the_holder_serves_on_and_takes_writes_once_that_is_fenced(self):
        with stopped_at_end(Observer(self.lab)) as observer, \
                stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            stage.kill_node(self.lab, "db2")
            self.wait_words("db1", "NOT PROTECTED")
            time.sleep(1)
        self.assertEqual(self.fenced("db1"), ["off db2", "off db2"])
        self.assertLess(observer.summary["longest_gap_ms"], SILENT_MS)
        self.assert_nothing_lost(load, observer, "db1")

    def test_two_that_do_not_hear_each_other_leave_the_one_that_serves(self):
        with stopped_at_end(Observer(self.lab)) as observer, \
                stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            network.cut(self.lab, ["db1"], ["db2"])
            self.wait_words("db1", "db1 decides alone")
            time.sleep(1)
        self.assertEqual((self.fenced("db1"), self.fenced("db2")), (["off db2", "off db2"], []))
        self.assertLess(observer.summary["longest_gap_ms"], SILENT_MS)
        self.assert_nothing_lost(load, observer, "db1")
        # Booted while nothing has changed, it may not fence whoever has gone on without it.
        network.cut(self.lab, ["db2"], ["db3", "wit"])  # they would tell it
        stage.revive_node(self.lab, "db2")
        self.wait_words("db2", "db1 is silent and is not fenced")
        time.sleep(3)
        self.assertEqual(self.fenced("db2"), [])
        network.heal(self.lab)
        self.wait_until_both_vote("db1")

    def test_a_fence_that_fails_lets_nobody_take_over(self):
        hooks.make_fail(self.lab, "db2", "fence", NOBODY_KNOWS)
        stage.kill_node(self.lab, "db1")
        self.wait_words("db2", NOBODY_KNOWS)
        self.assertFalse(self.takes_writes("db2"))
        self.assertEqual(network.holders(self.lab), [])
        hooks.make_work(self.lab, "db2", "fence")
        processes.wait_until(lambda: self.takes_writes("db2"), BOUND_S, "db2 takes writes")

    def test_an_agent_that_is_stopped_on_purpose_is_not_fenced(self):
        stage.stop(self.lab, "db1", "agent")
        self.wait_words("db2", "db2 decides alone")
        processes.wait_until(lambda: self.takes_writes("db2"), BOUND_S, "db2 takes writes")
        time.sleep(3)
        self.assertEqual(self.fenced("db2"), [])
        self.assertTrue(processes.running(self.lab, "db1", "mysqld"))


class AloneTest(PairCase):
    name = "t-alone"
    options = ("--no-mysql", "--two-voters")

    def test_a_lost_standby_costs_nothing_and_a_lost_holder_is_not_replaced(self):
        holder = processes.wait_until(lambda: network.holders(self.lab), BOUND_S, "a holder")[0]
        other = "db2" if holder == "db1" else "db1"
        self.assertIn("safety unsafe", self.words(holder, "status"))
        self.assertIn("a lost holder is not replaced", self.words(holder, "status"))
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.5)
            stage.kill_node(self.lab, other)
            time.sleep(3)
        self.assertLess(observer.summary["longest_gap_ms"], SILENT_MS)
        stage.revive_node(self.lab, other)
        time.sleep(11)  # until it may vote again
        stage.kill_node(self.lab, holder)
        time.sleep(4)
        self.assertEqual(network.holders(self.lab), [])


if __name__ == "__main__":
    rig.main()
