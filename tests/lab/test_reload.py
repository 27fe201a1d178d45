"""The agent's program is replaced, with or without another configuration: what it serves goes on."""

import re
import signal
import time

import faults
import installed
import rig
from lab import agents, network, places, processes
from lab.measure import Observer, stopped_at_end
from watched import BOUND_S, AddressCase

ANOTHER = "10.77.0.51"


def agent_of(lab, node):
    return processes.running(lab, node, "agent")[0].pid


def status_of(lab, node):
    group = agents.group(lab, node)
    return group["active"], group["epoch"]


class ReloadedAddressTest(AddressCase):
    name = "t-reload"

    def reload(self, node="db1"):
        before, pid = status_of(self.lab, "wit"), agent_of(self.lab, node)
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            said = agents.tasuki(self.lab, node, "reload").stdout
            time.sleep(3)  # longer than a lease
        self.assert_answered_throughout(observer, f"{said.strip()}, ")
        self.assertEqual(status_of(self.lab, "wit"), before)
        self.assertEqual(agent_of(self.lab, node), pid)
        return said

    def test_the_holder_keeps_its_address_and_epoch(self):
        self.assertRegex(self.reload(), r"reloaded in \d+ ms; what this node serves went on: \w+ \d+")
        self.assertIn("takes over what is served here",
                      self.lab.log("db1", "agent").read_text())

    def test_every_node_is_reloaded_one_after_the_other(self):
        for node in places.AGENTS:
            self.reload(node)

    def test_another_rung_takes_over_without_a_gap(self):
        text = self.lab.config.read_text()
        try:
            for rung in ("nftables", "nftables", "best"):
                self.lab.config.write_text(
                    text.replace('enforcement = "best"', f'enforcement = "{rung}"'))
                self.reload()
                node, = (each for each in agents.status(self.lab, "db1")["nodes"]
                         if each["name"] == "db1")
                self.assertEqual(node["enforcement"], rung.replace("best", "ebpf"), node)
        finally:
            self.lab.config.write_text(text)

    def test_a_new_address_is_served_and_the_old_one_stays(self):
        text = self.lab.config.read_text()
        entry = re.search(r"\[\[group\.vip\]\][^\[]*", text).group(0)
        self.lab.config.write_text(
            text.replace(entry, entry + entry.replace(places.VIP, ANOTHER)))
        try:
            for node in places.AGENTS:
                self.reload(node)
            processes.wait_until(lambda: network.holders(self.lab, ANOTHER) == ["db1"], BOUND_S,
                                 "the new address is there")
        finally:
            self.lab.config.write_text(text)
        for node in places.AGENTS:
            self.reload(node)
        processes.wait_until(lambda: not network.holders(self.lab, ANOTHER), BOUND_S,
                             "it is gone again")
        self.assertEqual(network.holders(self.lab), ["db1"])

    def test_a_file_that_is_wrong_changes_nothing(self):
        text = self.lab.config.read_text()
        pid = agent_of(self.lab, "db1")
        try:
            self.lab.config.write_text(text.replace("interface =", "interfase ="))
            refused = agents.tasuki(self.lab, "db1", "reload", check=False)
            self.assertEqual(refused.returncode, 3)
            self.assertIn('did you mean "interface"?', refused.stderr)
            self.lab.config.write_text(text.replace('voter = false', 'voter = true'))
            refused = agents.tasuki(self.lab, "db1", "reload", check=False)
            self.assertEqual(refused.returncode, 3)
            self.assertIn("that takes a restart", refused.stderr)
        finally:
            self.lab.config.write_text(text)
        self.assertEqual(agent_of(self.lab, "db1"), pid)
        self.assertEqual(network.holders(self.lab), ["db1"])

    def test_a_signal_reloads_as_well(self):
        before = status_of(self.lab, "wit")
        log = self.lab.log("db1", "agent")
        starts = log.read_text().count("is node db1 of cluster")
        processes.send_signal(processes.running(self.lab, "db1", "agent")[0], signal.SIGHUP)
        processes.wait_until(lambda: log.read_text().count("is node db1 of cluster") > starts,
                             BOUND_S, "the new program is there")
        time.sleep(2)
        self.assertEqual(status_of(self.lab, "wit"), before)

    def test_a_killed_successor_is_replaced_as_any_agent(self):
        self.reload()
        observer = self.watch(lambda: processes.kill(processes.running(self.lab, "db1", "agent")))
        self.assert_one_at_a_time(observer)
        self.assertNotIn("db1", network.holders(self.lab))


class UpgradedAddressTest(installed.InstalledCase):
    """The file of the agent is another one when it is told to become what is installed."""

    name = "t-reload-new"

    def upgrade(self, reload):
        agent, = processes.running(self.lab, "db1", "agent")
        before = status_of(self.lab, "wit")
        log = self.lab.log("db1", "agent")
        starts = log.read_text().count("is node db1 of cluster")
        self.exchange("agent", agent)
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            reload(agent)
            processes.wait_until(lambda: log.read_text().count("is node db1 of cluster") > starts,
                                 BOUND_S, "the new program is there")
            time.sleep(3)  # longer than a lease
        self.assert_answered_throughout(observer)
        self.assertEqual(status_of(self.lab, "wit"), before)
        self.assertEqual(processes.running(self.lab, "db1", "agent"), [agent])
        self.assert_runs_what_is_installed("agent", agent)
        node = agents.status(self.lab, "db1")["nodes"][0]
        self.assertTrue(node["guard"], node)

    def test_one_new_version_after_the_other_by_the_command_and_by_the_signal(self):
        self.upgrade(lambda agent: agents.tasuki(self.lab, "db1", "reload"))
        self.upgrade(lambda agent: processes.send_signal(agent, signal.SIGHUP))


class ReloadedDataTest(faults.FaultCase):
    name = "t-reloaded"

    def test_a_master_under_load_goes_on(self):
        before = status_of(self.lab, "wit")

        def reload_all():
            for node in places.AGENTS:
                agents.tasuki(self.lab, node, "reload")

        played = self.play(reload_all, self.old)
        self.assertEqual(status_of(self.lab, "wit"), before)
        self.assertEqual(played.verified["lost"], 0)
        gap = played.load.summary["longest_gap_ms"]
        print(f"longest gap between commits {gap} ms ... ", end="", flush=True)


if __name__ == "__main__":
    rig.main()
