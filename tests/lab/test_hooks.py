"""Programs of the operator's: one moves the addresses of a group, one is told what happens."""

import time

import rig
from lab import agents, hooks, network, places, processes, stage
from lab.measure import Observer, stopped_at_end
from watched import BOUND_S, AddressCase

SLOW_S = 1.5  # longer than a lease of 0.8 s
SEEN_S = 2
OVER_S = 25  # it is known 10 s after the last sign
FAILED = 1
NOBODY_KNOWS = "no such instance"


class MovedByProgramTest(AddressCase):
    name = "t-hook"
    options = ("--no-mysql", "--hook")

    def calls(self, node):
        return hooks.record(self.lab, node, "move")

    def history(self):
        return agents.tasuki(self.lab, "wit", "history", "-o", "json").stdout

    def test_the_program_of_the_old_holder_ends_before_that_of_the_next_one_begins(self):
        for node in ("db1", "db2"):
            hooks.make_slow(self.lab, node, "move", SLOW_S)
        before = agents.group(self.lab, "db1")["epoch"]
        with stopped_at_end(Observer(self.lab)) as observer:
            agents.switchover(self.lab, "db1", "db2")
            self.wait_for_next_holder("db1")
            time.sleep(1)
        self.assert_one_at_a_time(observer)
        release, ended = self.calls("db1")[-2:]
        acquire = [call for call in self.calls("db2") if call["words"].startswith("acquire")][-1]
        self.assertEqual((release["words"], ended["what"]),
                         (f"release db {places.VIP}/32", "ended"))
        self.assertGreater(ended["at"] - release["at"], SLOW_S)
        self.assertGreater(acquire["at"], ended["at"])
        self.assertEqual(acquire["environment"], {
            "TASUKI_ACTION": "acquire", "TASUKI_ADDRESSES": f"{places.VIP}/32",
            "TASUKI_CLUSTER": "lab", "TASUKI_EPOCH": str(before + 1), "TASUKI_GROUP": "db",
            "TASUKI_INTERFACES": "eth0", "TASUKI_NODE": "db2"})
        self.assertEqual(release["environment"]["TASUKI_EPOCH"], str(before))
        self.assertRegex(self.history(), r"given up by the program: it ended with exit code 0")
        self.assertRegex(self.history(), r"taken by the program: it ended with exit code 0")
        status = agents.tasuki(self.lab, "db2", "status", check=False).stdout
        self.assertRegex(" ".join(status.split()), "a program moves the addresses of db, and when")
        print(f"gap {observer.summary['longest_gap_ms']:.0f} ms ... ", end="", flush=True)

    def test_a_reload_of_the_holder_calls_no_program(self):
        before, calls = agents.group(self.lab, "wit")["epoch"], len(self.calls("db1"))
        with stopped_at_end(Observer(self.lab)) as observer:
            agents.tasuki(self.lab, "db1", "reload")
            time.sleep(1.5)  # longer than a lease
        self.assertLess(observer.summary["longest_gap_ms"], 50)
        self.assertEqual(len(self.calls("db1")), calls)
        self.assertEqual(agents.group(self.lab, "wit")["epoch"], before)

    def test_a_reload_waits_for_a_program_that_runs(self):
        """What an earlier life has left is given up at the start, which takes longer than it waits."""
        hooks.make_slow(self.lab, "db3", "move", 2 * SLOW_S)
        stage.kill_process(self.lab, "db3", "agent")
        before = len(self.calls("db3"))
        stage.start(self.lab, "db3", "agent")
        processes.wait_until(lambda: len(self.calls("db3")) > before, BOUND_S, "the program runs")
        said = agents.tasuki(self.lab, "db3", "reload", check=False)
        self.assertNotEqual(said.returncode, 0, said.stdout)
        processes.wait_until(lambda: len(self.calls("db3")) > before + 1, BOUND_S, "it has ended")
        self.assertEqual([call["what"] for call in self.calls("db3")[before:]], ["begun", "ended"])
        agents.tasuki(self.lab, "db3", "reload")

    def test_a_node_whose_program_fails_hands_over_and_says_why(self):
        hooks.make_fail(self.lab, "db2", "move", NOBODY_KNOWS)
        moved = agents.tasuki(self.lab, "db1", "switchover", "db", "--to", "db2", "--yes",
                              check=False)
        self.assertEqual(moved.returncode, FAILED, moved.stdout)
        self.assertRegex(" ".join(moved.stdout.split()), rf"exit code 3 .*{NOBODY_KNOWS}")
        processes.wait_until(lambda: network.holders(self.lab) in (["db1"], ["db3"]) and
                             self.calls("db2")[-1]["words"].startswith("release"), BOUND_S,
                             "another node takes the address")
        self.assertRegex(self.history(),
                         rf"could not be taken: .*exit code 3 after \d+ ms: {NOBODY_KNOWS}")
        why = agents.tasuki(self.lab, "wit", "why", "db", check=False).stdout
        self.assertRegex(" ".join(why.split()), NOBODY_KNOWS)

    def test_a_killed_agents_node_falls_silent_behind_its_gate_and_is_cleaned_up(self):
        """The guardian cannot take away what a program has set up: it has to say nothing."""
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            stage.kill_process(self.lab, "db1", "agent")
            self.wait_for_next_holder("db1")
            time.sleep(1)
        self.assert_one_at_a_time(observer)
        self.assertIn("db1", network.holders(self.lab))
        stage.start(self.lab, "db1", "agent")
        processes.wait_until(lambda: "db1" not in network.holders(self.lab), BOUND_S,
                             "what was left is given up")
        self.assertEqual(self.calls("db1")[-1]["environment"]["TASUKI_EPOCH"], "0")


class ToldTest(AddressCase):
    name = "t-told"
    options = ("--no-mysql", "--notify")

    def told(self, node, event):
        return [call for call in hooks.record(self.lab, node, "notify")
                if call["environment"]["TASUKI_EVENT"] == event]

    def wait_told(self, node, event):
        return processes.wait_until(lambda: self.told(node, event), BOUND_S,
                                    f"{event} is told on {node}", 0.05)[-1]

    def test_what_happens_is_told_and_a_stranger_at_once(self):
        self.assertEqual(self.wait_told("db1", "active")["words"], "active db")
        for node in ("db1", "db2"):
            hooks.make_slow(self.lab, node, "notify", 100)  # it is ended, and holds nothing up
        time.sleep(2)  # announcements of the beginning are over
        began = time.time()
        network.run("ip", "-n", self.lab.namespace("client"), "addr", "add",
                    f"{places.VIP}/32", "dev", "eth0")
        conflict = self.wait_told("db1", "conflict")
        print(f"conflict told after {conflict['at'] - began:.2f} s ... ", end="", flush=True)
        self.assertLess(conflict["at"] - began, SEEN_S)
        environment = conflict["environment"]
        self.assertEqual((environment["TASUKI_ADDRESS"], environment["TASUKI_MAC"]),
                         (places.VIP, places.mac("client")))
        network.take_address(self.lab, "client")
        over = processes.wait_until(lambda: self.told("db1", "conflict-over"), OVER_S,
                                    "the end of the conflict is told")[-1]["environment"]
        self.assertEqual((over["TASUKI_ADDRESS"], over["TASUKI_MAC"]),
                         (places.VIP, places.mac("client")))
        log = self.lab.log("db1", "agent")
        self.assertIn("conflict over:", log.read_text())
        with stopped_at_end(Observer(self.lab)) as observer:
            agents.switchover(self.lab, "db1", "db2")
            self.wait_for_next_holder("db1")
            time.sleep(0.5)
        self.assertLess(observer.summary["longest_gap_ms"], 200)
        left, came = self.wait_told("db1", "left"), self.wait_told("db2", "active")
        self.assertEqual(left["environment"]["TASUKI_RESULT"], "handed_over")
        self.assertEqual(came["environment"]["TASUKI_NODE"], "db2")
        processes.wait_until(lambda: "did not end in time and was killed" in log.read_text(),
                             BOUND_S, "the program is ended")


if __name__ == "__main__":
    rig.main()
