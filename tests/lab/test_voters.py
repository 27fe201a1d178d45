"""Who votes is changed while the address is served: by real agents, watched from outside."""

import time

import rig
from lab import agents, network, places, processes
from lab.measure import Observer, stopped_at_end
from watched import BOUND_S, AddressCase

REFUSED = 3
STEP_S = 30  # a longest lease, and what the machine takes


class VotersTest(AddressCase):
    name = "t-voters"

    def voter(self, node, *words, code=0):
        done = agents.tasuki(self.lab, node, "voter", *words, "--yes", check=False, seconds=90)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def voters(self, node):
        nodes = agents.status(self.lab, node).get("nodes", [])  # none yet: it has just started
        return [each["name"] for each in nodes if each["voter"]]

    def wait_voters(self, wanted, nodes=places.AGENTS):
        for node in nodes:
            processes.wait_until(lambda node=node: self.voters(node) == wanted, BOUND_S,
                                 f"{node} counts {wanted}", 0.2)

    def epoch(self):
        group = agents.group(self.lab, "db2")
        return group["active"], group["epoch"]

    def kill_agent(self, node):
        processes.kill(processes.running(self.lab, node, "guard"))
        processes.kill(processes.running(self.lab, node, "agent"))

    def test_added_removed_and_replaced_under_an_unmoved_address(self):
        before = self.epoch()
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            began = time.monotonic()
            said = self.voter("db2", "add", "db3", "--reason", "a fourth machine")
            took = time.monotonic() - began
            self.wait_voters(["db1", "db2", "db3", "wit"])
            self.voter("wit", "remove", "db1")
            self.wait_voters(["db2", "db3", "wit"])
            self.voter("db1", "replace", "wit", "db1")
            self.wait_voters(["db1", "db2", "db3"])
        self.assert_answered_throughout(observer, f"added in {took:.1f} s, ")
        self.assertEqual(self.epoch(), before)
        for word in ("agree", "count", "settle"):
            self.assertIn(word, said)
        history = agents.tasuki(self.lab, "wit", "history").stdout
        self.assertIn("voters", history)
        self.assertIn("a fourth machine", history)

    def test_a_dead_witness_is_replaced_and_comes_back_without_a_vote(self):
        before = self.epoch()
        self.kill_agent("wit")
        time.sleep(1)
        refused = self.voter("db1", "add", "db3", code=REFUSED)
        self.assertIn("tasuki voter replace", refused)
        self.voter("db1", "replace", "wit", "db3")
        self.wait_voters(["db1", "db2", "db3"], ("db1", "db2", "db3"))
        self.assertEqual(self.epoch(), before)
        agents.start(self.lab, "wit")
        self.wait_voters(["db1", "db2", "db3"], ("wit",))
        # db3 votes, and wit does not: with db2 gone, db1 keeps a majority; without db3 it has none.
        time.sleep(2)
        self.kill_agent("db2")
        time.sleep(5)
        self.assertEqual(network.holders(self.lab), ["db1"])
        self.kill_agent("db3")
        processes.wait_until(lambda: not network.holders(self.lab), BOUND_S, "no majority is left")

    def test_the_voters_outlive_a_restart_of_every_node(self):
        self.voter("db1", "add", "db3")
        for node in places.AGENTS:
            self.kill_agent(node)
        for node in places.AGENTS:
            agents.start(self.lab, node)
        self.wait_voters(["db1", "db2", "db3", "wit"])
        processes.wait_until(lambda: network.holders(self.lab), STEP_S, "a holder")


if __name__ == "__main__":
    rig.main()
