"""The agent of the active node dies or hangs without a word, and no guardian is there. The kernel
itself takes the address from the node when the lease ends, before anybody else may answer for it: by
the gate, however short the lease is; without the gate by the lifetime of the address, with the leases
of the safe profile."""

import signal
import threading
import time

import faults
import rig
from lab import agents, mariadb, network, places, processes, stage
from lab.inside import Inside, dual_ms
from lab.measure import stopped_at_end

KILL_ORDER_S = 6  # what the failover asked of the dead agent is not delivered any more
LATE_MS = 2  # from the end of a lease to the last answer: how exact the gate is
DRIFT = 0.01  # what `clock_drift` takes off a lease


class DeathCase(faults.FaultCase):
    """A fault that the agent does not survive, measured from outside."""

    rung = "ebpf"
    lease_ms = 0

    def setUp(self):
        super().setUp()
        nodes = agents.status(self.lab, self.old)["nodes"]
        own, = [node for node in nodes if node["name"] == self.old]
        self.assertEqual(own["enforcement"], self.rung, own)

    def silenced(self, fault, master=None):
        """Nobody answers twice, nor to a client on the old holder, and that one no longer than its
        lease after the fault."""
        began = []

        def timed():
            began.append(time.monotonic() * 1000)
            fault()

        with stopped_at_end(Inside(self.lab, self.old)) as inside:
            played = self.play(timed, master)
        summary = played.observer.summary
        self.assertEqual(dual_ms(played.observer, inside, places.mac(self.old)), 0, inside.summary)
        ends = [span[1] for source in summary["sources"]
                if source["source"] == places.mac(self.old, 0) for span in source["spans"]
                if span[0] < began[0]]  # it may be the next holder, too
        after = max(ends) - began[0]
        print(f"{self.rung}, lease {self.lease_ms} ms: last answer of the old holder "
              f"{after:.1f} ms after the fault, {summary['longest_gap_ms']:.1f} ms without any, "
              f"{summary['dual_active_ms']:.3f} ms with two", flush=True)
        self.assertLess(after, self.lease_ms * (1 - DRIFT) + LATE_MS)

    def freeze(self):
        stage.kill_process(self.lab, self.old, "agent", signal.SIGSTOP)


class ShortLeaseTest(DeathCase):
    """No lifetime is fine enough here: the gate alone keeps a dead agent's node silent."""

    name = "t-death"
    options = ("--profile", "fast", "--no-guard")
    lease_ms = 800

    def test_a_killed_agent_is_silent_at_the_end_of_its_lease(self):
        self.silenced(lambda: self.kill(self.old, "agent"))

    def test_a_frozen_agent_is_silent_at_the_end_of_its_lease(self):
        self.silenced(self.freeze)

    def test_an_agent_that_is_killed_and_started_again_answers_nothing_in_between(self):
        def fault():
            self.kill(self.old, "agent")
            stage.start(self.lab, self.old, "agent")

        def whoever():
            self.wait_settled()
            return self.active()

        self.silenced(fault, whoever)
        self.wait_settled()


class AgentDeathTest(DeathCase):
    name = "t-agents"
    options = ("--profile", "safe", "--no-guard")
    lease_ms = 2500

    def test_a_killed_agent_loses_the_address_before_the_next_one_answers(self):
        def fault():
            self.kill(self.old, "agent")
            processes.wait_until(lambda: self.old not in network.holders(self.lab), 5,
                                 f"the kernel takes the address of {self.old} away")

        self.silenced(fault)

    def test_a_frozen_agent_that_wakes_up_does_not_take_anything_back(self):
        self.silenced(self.freeze)
        former, master = self.old, self.new
        stage.kill_process(self.lab, former, "agent", signal.SIGCONT)
        self.old, self.new = master, former
        self.play(lambda: None, master=master)
        self.assertEqual(network.holders(self.lab), [master])
        self.wait_settled()

    def test_a_server_left_open_by_a_killed_agent_is_ended_when_the_agent_is_back(self):
        """A commit waits there for an acknowledgement: it cannot be closed, nor become a replica,
        and the client must not be told that its row is safe."""
        self.play(lambda: self.kill(self.old, "agent"))
        self.assertIn(self.old, self.writable())
        answers = []
        writer = threading.Thread(target=lambda: answers.extend(mariadb.sql(
            self.lab, self.old, "INSERT INTO app.writes VALUES (997, 1, 0); SELECT 'safe'",
            check=False)))
        writer.start()
        self.addCleanup(writer.join)
        time.sleep(KILL_ORDER_S)
        stage.start(self.lab, self.old, "agent")
        processes.wait_until(lambda: not processes.running(self.lab, self.old, "mysqld"), 10,
                             f"the server of {self.old} is ended", 0.1)
        writer.join()
        self.assertEqual(answers, [])
        self.assertEqual(self.writable(), [self.new])

    def test_a_lost_node_is_replaced(self):
        self.play(lambda: stage.kill_node(self.lab, self.old))


class WithoutGateTest(DeathCase):
    """Where the kernel takes no gate, its lifetimes hold the promise with longer leases."""

    name = "t-nogate"
    options = ("--profile", "safe", "--enforcement", "lifetime", "--no-guard")
    rung = "lifetime"
    lease_ms = 2500

    def test_a_killed_agent_loses_the_address_before_the_next_one_answers(self):
        self.silenced(lambda: self.kill(self.old, "agent"))

    def test_a_frozen_agent_loses_the_address_before_the_next_one_answers(self):
        self.silenced(self.freeze)


if __name__ == "__main__":
    rig.main()
