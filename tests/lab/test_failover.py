"""The real agents, on real servers, under real faults: nobody loses an acknowledged row, and never
do two answer for the address."""

import json
import signal
import time
import urllib.request

import rig
from lab import agents, mariadb, network, places, processes, show, stage
from lab.measure import Load, Observer, stopped_at_end
from lab.places import LabError
from watched import BOUND_S, AddressCase, WatchedCase

OTHERS = ("db2", "db3", "wit")


class AddressTest(AddressCase):
    name = "t-address"

    def test_the_address_of_a_lost_node_is_taken_over(self):
        observer = self.watch(lambda: stage.kill_node(self.lab, "db1"))
        self.assert_one_at_a_time(observer)
        self.assertLess(observer.summary["silent_at_end_ms"], 100)

    def test_a_holder_cut_off_from_its_voters_is_silent_before_the_next_one_answers(self):
        observer = self.watch(lambda: network.cut(self.lab, ["db1"], OTHERS))
        self.assert_one_at_a_time(observer)

    def test_a_holder_that_only_hears_nothing_is_replaced_without_overlap(self):
        observer = self.watch(lambda: network.cut(self.lab, OTHERS, ["db1"], one_way=True))
        self.assert_one_at_a_time(observer)

    def test_a_holder_with_one_path_left_keeps_the_address(self):
        with stopped_at_end(Observer(self.lab)) as observer:
            network.cut(self.lab, ["db1"], OTHERS, paths=(0,))
            time.sleep(2.5)
        self.assertEqual(network.holders(self.lab), ["db1"])
        self.assertEqual([s["source"] for s in observer.summary["sources"]], [places.mac("db1")])

    def test_a_person_on_the_machine_reaches_the_status_of_each_node(self):
        for node, port in self.lab.read_description()["relays"].items():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/status") as answer:
                self.assertEqual(json.load(answer)["node"], node)

    def test_a_holder_that_loses_only_the_link_of_the_address_hands_over(self):
        # Its heartbeats go on over the second path: it could keep the lease for ever.
        observer = self.watch(lambda: network.set_link(self.lab, "db1", "down", paths=(0,)))
        self.assert_one_at_a_time(observer)
        self.assertNotIn("db1", network.holders(self.lab))
        self.assertLess(observer.summary["silent_at_end_ms"], 100)

    def test_an_agent_that_is_stopped_hands_over(self):
        observer = self.watch(lambda: stage.stop(self.lab, "db1", "agent"))
        self.assert_one_at_a_time(observer)
        self.assertNotIn("db1", network.holders(self.lab))

    def test_a_switchover_moves_the_address_there_and_back(self):
        observer = self.watch(lambda: agents.switchover(self.lab, "db1", "db2"))
        self.assert_one_at_a_time(observer)
        observer = self.watch(lambda: agents.switchover(self.lab, "db2", "db1"), "db2")
        self.assert_one_at_a_time(observer)


class DataTest(WatchedCase):
    name = "t-data"
    options = ()

    def watch(self, fault, master="db2"):
        def written():
            rows = mariadb.sql(self.lab, master, "SELECT COUNT(*) FROM app.writes "
                               f"WHERE node={places.NUMBER[master]}", check=False)
            return int(rows[0][0]) if rows else 0

        with stopped_at_end(Observer(self.lab)) as observer, stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            fault()
            before = written()
            processes.wait_until(lambda: written() > before + 50, BOUND_S,
                                 f"{master} takes writes")
            time.sleep(0.5)
        self.assert_one_at_a_time(observer)
        self.assertEqual(load.summary["dual_acked_ms"], 0)
        checked = load.verify(master)
        self.assertEqual((checked["lost"], checked["unexpected"]), (0, 0), checked["missing"][:5])
        return checked

    def assert_whole_again(self, master):
        def sums():
            return {node: mariadb.sql(self.lab, node, "CHECKSUM TABLE app.writes", check=False)
                    for node in places.DATABASES}

        agents.wait_healthy(self.lab, master, 30)
        try:
            processes.wait_until(lambda: len({str(one) for one in sums().values()}) == 1, 10,
                                 "all three servers hold the same rows")
        except LabError as error:
            self.fail(f"{error}: {sums()}\n{show.status(self.lab)}")
        read_only = {node: mariadb.sql(self.lab, node, "SELECT @@read_only")[0][0]
                     for node in places.DATABASES}
        self.assertEqual([node for node, value in read_only.items() if value == "0"], [master])

    def test_a_killed_server_is_replaced_and_comes_back_as_a_replica(self):
        self.watch(lambda: stage.kill_process(self.lab, "db1", "mysqld"))
        stage.start(self.lab, "db1", "mysqld")
        self.assert_whole_again("db2")

    def test_a_lost_node_is_replaced_and_comes_back_as_a_replica(self):
        self.watch(lambda: stage.kill_node(self.lab, "db1"))
        stage.revive_node(self.lab, "db1")
        self.assert_whole_again("db2")

    def is_fenced(self, node):
        """Its own agent has seen to it that its server takes no writes any more."""
        return not processes.running(self.lab, node, "mysqld") or mariadb.sql(
            self.lab, node, "SELECT @@read_only", check=False) == [["1"]]

    def wait_until_fenced(self, node):
        processes.wait_until(lambda: self.is_fenced(node), BOUND_S,
                             f"{node} takes no writes any more")

    def written_to(self):
        active = agents.group(self.lab, "db1").get("active")
        return active in places.DATABASES and mariadb.sql(
            self.lab, active, "SELECT @@read_only", check=False) == [["0"]]

    def let_back_in(self, node):
        network.heal(self.lab)
        self.serve(node)

    def test_a_master_cut_off_from_its_voters_is_replaced_and_its_own_agent_fences_it(self):
        self.watch(lambda: network.cut(self.lab, ["db1"], OTHERS))
        self.wait_until_fenced("db1")
        self.let_back_in("db1")
        self.assert_whole_again("db2")

    def test_a_master_that_only_hears_nothing_is_replaced(self):
        self.watch(lambda: network.cut(self.lab, OTHERS, ["db1"], one_way=True))
        self.wait_until_fenced("db1")

    def test_rows_that_the_new_master_kept_come_back_to_the_one_that_wrote_them(self):
        # For a moment its commits still reach the acker, whose answers are lost (the agents still
        # use the second path): the new master has rows that the old one truncates when it starts
        # again, and they carry its own server_id.
        def cut():
            network.cut(self.lab, OTHERS, ["db1"], one_way=True, paths=(0,))
            time.sleep(0.15)
            network.cut(self.lab, ["db1"], OTHERS)

        checked = self.watch(cut)
        self.assertGreater(checked["unknown_present"], 0)
        self.wait_until_fenced("db1")
        self.let_back_in("db1")
        self.assert_whole_again("db2")

    def test_a_switchover_under_load_loses_nothing_there_and_back(self):
        self.watch(lambda: agents.switchover(self.lab, "db1", "db2"))
        self.assert_whole_again("db2")
        self.watch(lambda: agents.switchover(self.lab, "db2", "db1"), "db1")
        self.assert_whole_again("db1")

    def test_an_agent_that_cannot_hand_over_in_time_leaves_nothing_that_answers_or_writes(self):
        # The successor does not catch up: a table of its is locked for longer than a stop may take.
        with mariadb.session(self.lab, "db2", "LOCK TABLES app.writes WRITE"), \
                stopped_at_end(Load(self.lab)):
            time.sleep(1)
            agent, = stage.find(self.lab, "db1", "agent")
            processes.send_signal(agent, signal.SIGTERM)
            processes.wait_until(lambda: not processes.is_alive(agent), BOUND_S, "the agent ends")
            self.assertNotIn("db1", network.holders(self.lab))
            self.assertTrue(self.is_fenced("db1"))

    def test_a_lost_standby_leaves_the_master_and_protects_it_again_when_it_is_back(self):
        self.watch(lambda: stage.kill_node(self.lab, "db2"), "db1")
        stage.revive_node(self.lab, "db2")
        self.assert_whole_again("db1")

    def test_nobody_is_promoted_when_the_other_voters_are_gone(self):
        with stopped_at_end(Observer(self.lab)) as observer, stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            stage.kill_node(self.lab, "wit")
            stage.kill_node(self.lab, "db1")
            time.sleep(5)
            self.assertGreater(observer.stop()["silent_at_end_ms"], 4000)
        self.assertEqual(mariadb.sql(self.lab, "db2", "SELECT @@read_only"), [["1"]])
        for node in ("wit", "db1"):
            stage.revive_node(self.lab, node)
        # A plain replica may keep a commit that nobody was told of and the master has lost.
        processes.wait_until(lambda: self.serve("db1") and self.written_to(), 40,
                             "somebody takes writes again, whoever was quicker")
        checked = load.verify(agents.group(self.lab, "db1")["active"])
        self.assertEqual((checked["lost"], checked["unexpected"]), (0, 0), checked["missing"][:5])


if __name__ == "__main__":
    rig.main()
