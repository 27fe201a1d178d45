"""The agent of the active node dies or hangs without a word, and no guardian is there. With the safe profile the kernel
itself takes the address away when its lifetime ends, before anybody else may answer for it."""

import signal
import threading
import time

import faults
import rig
from lab import mariadb, network, processes, stage

KILL_ORDER_S = 6  # what the failover asked of the dead agent is not delivered any more


class AgentDeathTest(faults.FaultCase):
    name = "t-agents"
    options = ("--profile", "safe", "--no-guard")

    def test_a_killed_agent_loses_the_address_before_the_next_one_answers(self):
        def fault():
            self.kill(self.old, "agent")
            processes.wait_until(lambda: self.old not in network.holders(self.lab), 5,
                                 f"the kernel takes the address of {self.old} away")

        self.play(fault)

    def test_a_frozen_agent_loses_the_address_before_the_next_one_answers(self):
        self.play(lambda: stage.kill_process(self.lab, self.old, "agent", signal.SIGSTOP))

    def test_a_frozen_agent_that_wakes_up_does_not_take_anything_back(self):
        self.play(lambda: stage.kill_process(self.lab, self.old, "agent", signal.SIGSTOP))
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


if __name__ == "__main__":
    rig.main()
