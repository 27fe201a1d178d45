"""The lab itself: it comes up, its faults are what they say, and nothing is left of it."""

import os
import signal
import subprocess
import sys
import time
import unittest

import rig
from lab import cli, mariadb, network, places, processes, stage
from lab.places import LabError


def reaches(lab, one, address):
    # Without the memory of earlier failures, which would delay the next question by a second.
    network.batch(lab.namespace(one), ["neigh flush dev eth0", "neigh flush dev eth1"])
    return subprocess.run(
        processes.in_namespace(lab, one, ["ping", "-c1", "-W1", "-i0.2", "-q", address]),
        capture_output=True).returncode == 0


class NetworkTest(rig.LabCase):
    name = "t-network"
    options = ("--no-agents", "--no-mysql")

    def tearDown(self):
        network.heal(self.lab)

    def test_every_node_reaches_every_other_on_both_paths_and_by_ipv6(self):
        for one in self.lab.nodes:
            for other in self.lab.nodes:
                for address in (places.address(other), places.address(other, 1),
                                places.address6(other)):
                    self.assertTrue(reaches(self.lab, one, address), f"{one} {address}")

    def test_a_cut_holds_both_ways_on_both_paths_until_healed(self):
        network.cut(self.lab, ["db1"], ["db2"])
        self.assertFalse(reaches(self.lab, "db1", places.address("db2")))
        self.assertFalse(reaches(self.lab, "db1", places.address("db2", 1)))
        self.assertTrue(reaches(self.lab, "db1", places.address("db3")))
        network.heal(self.lab)
        self.assertTrue(reaches(self.lab, "db1", places.address("db2")))

    def test_a_cut_of_one_path_leaves_the_other(self):
        network.cut(self.lab, ["db1"], ["db2"], paths=(0,))
        self.assertFalse(reaches(self.lab, "db1", places.address("db2")))
        self.assertTrue(reaches(self.lab, "db1", places.address("db2", 1)))

    def test_a_one_way_cut_still_delivers_in_the_other_direction(self):
        def received(node):
            line = network.run("ip", "netns", "exec", self.lab.namespace(node), "cat",
                               "/proc/net/snmp").splitlines()
            icmp = [part.split() for part in line if part.startswith("Icmp:")]
            return int(icmp[1][icmp[0].index("InEchos")])

        for one, other in (("db1", "db2"), ("db2", "db1")):
            network.batch(self.lab.namespace(one), [
                f"neigh replace {places.address(other)} lladdr {places.mac(other)} dev eth0"])
        network.cut(self.lab, ["db1"], ["db2"], one_way=True)
        before = received("db1"), received("db2")
        self.assertFalse(reaches(self.lab, "db2", places.address("db1")))
        self.assertFalse(reaches(self.lab, "db1", places.address("db2")))
        self.assertEqual((received("db1") - before[0], received("db2") - before[1]), (1, 0))

    def test_an_isolated_node_is_cut_from_all(self):
        network.cut(self.lab, ["db1"], network.everybody_but(self.lab, "db1"))
        for other in ("db2", "db3", "wit", "client"):
            self.assertFalse(reaches(self.lab, other, places.address("db1")))

    def test_a_link_that_is_down_takes_the_carrier_and_comes_back(self):
        network.set_link(self.lab, "db1", "down")
        shown = network.run("ip", "-n", self.lab.namespace("db1"), "link", "show", "eth0")
        self.assertIn("NO-CARRIER", shown)
        network.set_link(self.lab, "db1", "up")
        self.assertTrue(reaches(self.lab, "client", places.address("db1")))

    def test_the_root_namespace_has_no_interface_of_the_lab(self):
        self.assertNotRegex(network.run("ip", "-o", "link", "show"), r"db1-0|br0|br1")

    def test_a_second_lab_beside_it_is_separate(self):
        other = places.open_lab("t-beside")
        stage.clean(other)
        stage.up(other, cli.up_options(*self.options), say=lambda line: None)
        try:
            network.set_link(other, "db1", "down")
            self.assertTrue(reaches(self.lab, "client", places.address("db1")))
        finally:
            stage.clean(other)
        self.assertTrue(reaches(self.lab, "client", places.address("db2")))
        self.assertEqual(network.existing(other), [])


class FreshServersTest(rig.LabCase):
    name = "t-fresh"

    def test_servers_boot_read_only_equal_and_with_an_empty_binary_log(self):
        for node in places.DATABASES:
            self.assertEqual(
                mariadb.sql(self.lab, node,
                            "SELECT @@read_only, @@rpl_semi_sync_master_enabled, "
                            "@@rpl_semi_sync_slave_enabled, @@gtid_binlog_pos, "
                            "@@gtid_slave_pos, @@gtid_strict_mode"),
                [["1", "0", "1", "", "", "1"]])
        sums = {tuple(mariadb.sql(self.lab, node, "CHECKSUM TABLE mysql.global_priv, app.writes")
                      [0]) for node in places.DATABASES}
        self.assertEqual(len(sums), 1)


class ServersTest(rig.LabCase):
    name = "t-servers"

    def test_a_killed_node_is_gone_at_once_and_boots_with_its_data(self):
        mariadb.open_master(self.lab, "db3")
        mariadb.sql(self.lab, "db3", "SET GLOBAL rpl_semi_sync_master_enabled=0; "
                                     "INSERT INTO app.writes (client, seq) VALUES (1, 1)")
        network.give_address(self.lab, "db3")
        stage.kill_node(self.lab, "db3")
        self.assertEqual(processes.running(self.lab, "db3"), [])
        self.assertFalse(reaches(self.lab, "client", places.address("db3")))
        stage.revive_node(self.lab, "db3")
        self.assertEqual(network.holders(self.lab), [])
        self.assertEqual(mariadb.sql(self.lab, "db3", "SELECT @@read_only"), [["1"]])
        self.assertEqual(mariadb.sql(self.lab, "db3", "SELECT client, seq FROM app.writes"),
                         [["1", "1"]])
        self.assertTrue(reaches(self.lab, "client", places.address("db3")))

    def test_a_process_is_stopped_started_frozen_and_killed_by_name(self):
        stage.stop(self.lab, "db2", "mysqld")
        self.assertFalse(mariadb.answers(self.lab, "db2"))
        with self.assertRaisesRegex(LabError, "start db2 mysqld"):
            stage.kill_process(self.lab, "db2", "mysqld")
        stage.start(self.lab, "db2", "mysqld")
        stage.kill_process(self.lab, "db2", "mysqld", signal.SIGSTOP)
        self.assertFalse(mariadb.answers(self.lab, "db2"))
        stage.kill_process(self.lab, "db2", "mysqld", signal.SIGCONT)
        processes.wait_until(lambda: mariadb.answers(self.lab, "db2"), 5, "db2 answers again")

    def test_up_on_a_lab_that_is_up_says_so(self):
        with self.assertRaisesRegex(LabError, "already up"):
            stage.up(self.lab, cli.up_options(*self.options), say=lambda line: None)


class CleaningTest(unittest.TestCase):
    def setUp(self):
        self.lab = places.open_lab("t-cleaning")
        stage.clean(self.lab)
        self.addCleanup(stage.clean, self.lab)

    def test_what_a_killed_up_leaves_is_cleaned_by_the_next(self):
        launcher = str(places.SOURCE / "scripts" / "lab")
        for after in (0.05, 0.15, 0.3, 0.5):
            script = subprocess.Popen([sys.executable, launcher, "--name", "t-cleaning", "up",
                                       "--no-agents"], stdout=subprocess.DEVNULL)
            time.sleep(after)
            script.kill()
            script.wait()
            time.sleep(0.05)
            if self.lab.read_description().get("ready"):
                stage.clean(self.lab)  # it was quicker than we
            stage.up(self.lab, cli.up_options("--no-agents"), say=lambda line: None)
            first = processes.running(self.lab)
            stage.clean(self.lab)
            self.assertEqual(len(first), 3)
            self.assertEqual([p for p in first if processes.is_alive(p)], [])
            self.assertEqual(network.existing(self.lab), [])
            self.assertFalse(self.lab.folder.exists())

    def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(self):
        bystander = subprocess.Popen(["sleep", "30"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        self.lab.folder.mkdir()
        self.lab.write_description(ready=True)
        started = processes.start_time(bystander.pid)
        self.lab.pids.write_text(f"{bystander.pid} {started - 1} db1 mysqld\n")
        stage.clean(self.lab)
        self.assertIsNone(bystander.poll())

    def test_a_folder_that_is_no_lab_is_not_removed(self):
        self.lab.folder.mkdir()
        keep = self.lab.folder / "letters"
        keep.write_text("dear")
        with self.assertRaisesRegex(LabError, "is not a lab"):
            stage.clean(self.lab)
        self.assertTrue(keep.exists())
        os.remove(keep)


if __name__ == "__main__":
    rig.main()
