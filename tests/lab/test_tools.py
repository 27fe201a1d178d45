"""The measuring tools are measured: what they must see, and what they must not."""

import time

import rig
from lab import mariadb, network, places, stage
from lab.inside import Inside, dual_ms
from lab.measure import Load, Observer, stopped_at_end


class ObserverTest(rig.LabCase):
    name = "t-observer"
    options = ("--no-agents", "--no-mysql")

    def tearDown(self):
        for node in network.holders(self.lab):
            network.take_address(self.lab, node)
        self.set_arp_ignore(0)

    def set_arp_ignore(self, value):
        network.run("ip", "netns", "exec", self.lab.namespace("db1"), "sysctl", "-qw",
                    f"net.ipv4.conf.eth0.arp_ignore={value}")

    def test_two_holders_are_reported_for_as_long_as_both_answer(self):
        network.give_address(self.lab, "db1")
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            network.give_address(self.lab, "db2")
            both = time.monotonic()
            time.sleep(0.5)
            network.take_address(self.lab, "db1")
            shared = (time.monotonic() - both) * 1000
            time.sleep(0.3)
        self.assertAlmostEqual(observer.summary["dual_active_ms"], shared, delta=30)
        self.assertLess(observer.summary["longest_gap_ms"], 50)

    def test_a_hand_over_with_a_pause_shows_as_a_gap_and_not_as_two(self):
        network.give_address(self.lab, "db1")
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            network.take_address(self.lab, "db1")
            began = time.monotonic()
            time.sleep(0.2)
            network.give_address(self.lab, "db2")
            pause = (time.monotonic() - began) * 1000
            time.sleep(0.3)
        self.assertAlmostEqual(observer.summary["longest_gap_ms"], pause, delta=30)
        self.assertEqual(observer.summary["overlaps"], 0)
        answered = [event["source"] for event in observer.events if event["event"] == "answers"]
        self.assertEqual(answered, [places.mac("db1"), places.mac("db2")])

    def test_a_holder_that_is_silent_to_arp_but_answers_old_caches_counts(self):
        network.give_address(self.lab, "db1")
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.2)
            network.give_address(self.lab, "db2")
            self.set_arp_ignore(8)
            time.sleep(0.4)
        self.assertGreater(observer.summary["dual_active_ms"], 380)

    def test_an_address_that_nobody_gives_back_is_silent_at_the_end(self):
        network.give_address(self.lab, "db1")
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.2)
            network.take_address(self.lab, "db1")
            time.sleep(0.3)
        self.assertGreater(observer.summary["silent_at_end_ms"], 290)


class InsideTest(rig.LabCase):
    """The client on a node itself."""

    name = "t-inside"
    options = ("--no-agents", "--no-mysql")

    def setUp(self):
        network.give_address(self.lab, "db1")
        self.addCleanup(lambda: [network.take_address(self.lab, node)
                                 for node in network.holders(self.lab)])

    def dual(self, fault):
        with stopped_at_end(Observer(self.lab)) as observer, \
                stopped_at_end(Inside(self.lab, "db1")) as inside:
            time.sleep(0.2)
            fault()
        return inside, dual_ms(observer, inside, places.mac("db1"))

    def test_a_node_that_answers_itself_while_another_serves_is_seen_to(self):
        def fault():
            network.give_address(self.lab, "db2")
            both = time.monotonic()
            time.sleep(0.4)
            network.take_address(self.lab, "db1")
            self.shared = (time.monotonic() - both) * 1000
            time.sleep(0.3)

        inside, dual = self.dual(fault)
        self.assertAlmostEqual(dual, self.shared, delta=30)
        elsewhere, = inside.summary["elsewhere"]  # it goes on with the one that serves
        self.assertGreater(elsewhere[2], 200)

    def test_a_node_whose_neighbours_hear_nothing_of_it_is_seen_to(self):
        def fault():
            network.cut(self.lab, ["db1"], ["client"])
            self.addCleanup(network.heal, self.lab)
            network.give_address(self.lab, "db2")
            time.sleep(0.4)

        self.assertGreater(self.dual(fault)[1], 350)

    def test_an_address_that_has_moved_in_good_order_is_answered_by_one(self):
        def fault():
            network.take_address(self.lab, "db1")
            network.give_address(self.lab, "db2")
            time.sleep(0.3)

        self.assertEqual(self.dual(fault)[1], 0)


class LoadTest(rig.LabCase):
    name = "t-load"

    def setUp(self):
        for node in ("db2", "db3"):
            mariadb.replicate(self.lab, node, "db1")
        mariadb.open_master(self.lab, "db1")
        network.give_address(self.lab, "db1")

    def tearDown(self):
        self.tearDownClass()
        self.setUpClass()

    def promote_by_hand(self, node):
        mariadb.sql(self.lab, node, "STOP SLAVE IO_THREAD")
        received = [row for row in mariadb.sql(self.lab, node, "SHOW ALL SLAVES STATUS")][0]
        position = next(cell for cell in received if cell.startswith("0-1-"))
        mariadb.sql(self.lab, node, f"SELECT MASTER_GTID_WAIT('{position}', 5)")
        mariadb.sql(self.lab, node, "STOP SLAVE; RESET SLAVE ALL")
        mariadb.sql(self.lab, node, "SET GLOBAL read_only=0")
        network.give_address(self.lab, node)

    def test_five_hundred_writes_a_second_are_acknowledged_and_kept(self):
        with stopped_at_end(Load(self.lab)) as load:
            time.sleep(2)
        self.assertGreater(load.summary["per_second"], 430)
        self.assertEqual(load.summary["unknown"], 0)
        self.assertEqual(load.summary["dual_acked_ms"], 0)
        checked = load.verify("db1")
        self.assertEqual((checked["exit"], checked["lost"], checked["unexpected"]), (0, 0, 0))

    def test_an_acknowledged_row_that_is_gone_is_named(self):
        with stopped_at_end(Load(self.lab)) as load:
            time.sleep(0.5)
        client, sequence = mariadb.sql(
            self.lab, "db1", "SELECT client, seq FROM app.writes ORDER BY seq DESC LIMIT 1")[0]
        mariadb.sql(self.lab, "db1",
                    f"DELETE FROM app.writes WHERE client={client} AND seq={sequence}")
        checked = load.verify("db1")
        self.assertEqual(checked["exit"], 1)
        self.assertEqual(checked["missing"], [f"lost client={client} seq={sequence}"])

    def test_a_lossless_failover_loses_nothing_and_its_gap_is_measured(self):
        with stopped_at_end(Load(self.lab)) as load:
            time.sleep(1)
            began = time.monotonic()
            stage.kill_process(self.lab, "db1", "mysqld")
            network.take_address(self.lab, "db1")
            time.sleep(0.3)
            self.promote_by_hand("db2")
            took = (time.monotonic() - began) * 1000
            time.sleep(0.7)
        self.assertEqual(load.verify("db2")["lost"], 0)
        self.assertAlmostEqual(load.summary["longest_gap_ms"], took, delta=200)
        self.assertEqual([s["server_id"] for s in load.summary["servers"]], [1, 2])
        self.assertIn("no write was acknowledged for", load.words)

    def test_a_failover_from_an_unprotected_master_is_found_to_lose_rows(self):
        mariadb.sql(self.lab, "db1", "SET GLOBAL rpl_semi_sync_master_enabled=0")
        with stopped_at_end(Load(self.lab)) as load:
            time.sleep(0.5)
            mariadb.sql(self.lab, "db2", "STOP SLAVE IO_THREAD")
            time.sleep(0.5)
            stage.kill_node(self.lab, "db1")
            mariadb.sql(self.lab, "db2", "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0")
            network.give_address(self.lab, "db2")
            time.sleep(0.7)
        checked = load.verify("db2")
        self.assertEqual(checked["exit"], 1)
        self.assertGreater(checked["lost"], 100)

    def test_two_servers_that_both_accept_writes_are_seen(self):
        mariadb.sql(self.lab, "db2", "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0")
        with stopped_at_end(Load(self.lab, "--host", places.address("db1"))) as one, \
                stopped_at_end(Load(self.lab, "--host", places.address("db2"),
                                    ids=self.lab.folder / "other.ids")) as other:
            time.sleep(0.5)
        self.assertEqual([s["server_id"] for s in one.summary["servers"]], [1])
        self.assertEqual([s["server_id"] for s in other.summary["servers"]], [2])
        self.assertGreater(one.verify("db2")["lost"], 100)


if __name__ == "__main__":
    rig.main()
