"""The agent dies, hangs or is starved, and its guardian does what the lease demands."""

import select
import signal
import socket
import subprocess
import threading
import time

import faults
import installed
import rig
from lab import agents, guards, mariadb, namespaces, network, places, processes, stage
from lab.inside import Inside, dual_ms
from lab.measure import Observer, stopped_at_end
from watched import BOUND_S, AddressCase

LEASE_S = 0.8  # of the profile `fast`
ENDED_EARLY_MS = 600  # well before the lease of 800 ms would have run out


class GuardedAddressTest(AddressCase):
    name = "t-guard"

    def gap(self, observer):
        self.assert_one_at_a_time(observer)
        gap = observer.summary["longest_gap_ms"]
        print(f"nobody answered for {gap} ms ... ", end="", flush=True)
        return gap

    def test_a_killed_agent_is_replaced_before_its_lease_runs_out(self):
        observer = self.watch(lambda: stage.kill_process(self.lab, "db1", "agent"))
        self.assertLess(self.gap(observer), ENDED_EARLY_MS)
        self.assertNotIn("db1", network.holders(self.lab))
        self.assertRegex(guards.log(self.lab, "db1"),
                         r"1 addresses taken away, [1-9]\d* datagrams of release sent")

    def test_a_stopped_agent_is_ended_at_its_deadline_and_the_next_one_serves(self):
        observer = self.watch(
            lambda: stage.kill_process(self.lab, "db1", "agent", signal.SIGSTOP))
        self.gap(observer)
        self.assertFalse(processes.running(self.lab, "db1", "agent"))
        self.assertNotIn("db1", network.holders(self.lab))
        stage.start(self.lab, "db1", "agent")
        agents.wait_healthy(self.lab)

    def test_an_agent_that_ends_in_good_order_needs_no_guardian(self):
        self.assert_one_at_a_time(self.watch(lambda: stage.stop(self.lab, "db1", "agent")))
        self.assertIn("held nothing", guards.log(self.lab, "db1").splitlines()[-1])

    def test_an_agent_outlives_its_guardian_and_meets_the_next_one(self):
        stage.kill_process(self.lab, "db1", "guard")
        log = self.lab.log("db1", "agent")
        processes.wait_until(lambda: b"no guardian" in log.read_bytes(), BOUND_S, "it is missed")
        time.sleep(1)
        self.assertEqual(network.holders(self.lab), ["db1"])
        stage.start(self.lab, "db1", "guard")
        processes.wait_until(lambda: log.read_bytes().count(b"a guardian stands by") == 2, BOUND_S,
                             "the next one is met")
        observer = self.watch(lambda: stage.kill_process(self.lab, "db1", "agent"))
        self.assertLess(self.gap(observer), ENDED_EARLY_MS)

    def test_a_guardian_that_is_restarted_is_back_in_a_moment(self):
        before = agents.group(self.lab, "wit")["epoch"]
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            stage.stop(self.lab, "db1", "guard")
            stage.start(self.lab, "db1", "guard")
            processes.wait_until(lambda: agents.status(self.lab, "db1")["nodes"][0]["guard"],
                                 BOUND_S, "status says so")
            time.sleep(1)
        self.assert_answered_throughout(observer)
        self.assertEqual(agents.group(self.lab, "wit")["epoch"], before)


class UpgradedGuardTest(installed.InstalledCase):
    name = "t-guard-new"

    def test_a_new_version_of_the_guardian_goes_on_for_the_former_one(self):
        guard, = processes.running(self.lab, "db1", "guard")
        before = agents.group(self.lab, "wit")["epoch"]
        self.exchange("guard", guard)
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            processes.send_signal(guard, signal.SIGHUP)
            processes.wait_until(lambda: "goes on for" in guards.log(self.lab, "db1"), BOUND_S,
                                 "the next program is there")
            time.sleep(1)
        self.assert_answered_throughout(observer)
        self.assertEqual(processes.running(self.lab, "db1", "guard"), [guard])
        self.assert_runs_what_is_installed("guard", guard)
        node = agents.status(self.lab, "db1")["nodes"][0]
        self.assertTrue(node["guard"], node)
        self.assertEqual(agents.group(self.lab, "wit")["epoch"], before)
        self.assertNotIn(b"no guardian", self.lab.log("db1", "agent").read_bytes())
        observer = self.watch(lambda: stage.kill_process(self.lab, "db1", "agent"))
        self.assert_one_at_a_time(observer)
        self.assertLess(observer.summary["longest_gap_ms"], ENDED_EARLY_MS)
        self.assertRegex(guards.log(self.lab, "db1"), r"[1-9]\d* datagrams of release sent")


class GuardedDataTest(faults.FaultCase):
    name = "t-guarded"

    def test_a_master_whose_agent_is_killed_is_replaced_before_its_lease_runs_out(self):
        played = self.play(lambda: self.kill(self.old, "agent"))
        gap = played.load.summary["longest_gap_ms"]
        print(f"no write for {gap} ms ... ", end="", flush=True)
        self.assertLess(gap, 1000)

    def test_a_master_whose_agent_is_stopped_is_replaced(self):
        self.play(lambda: stage.kill_process(self.lab, self.old, "agent", signal.SIGSTOP))

    def test_data_that_nobody_else_has_is_not_given_away_before_its_server_is_dead(self):
        """Without an acker the master goes on unprotected. Nobody else may be promoted, and no
        client may be told of a commit that the next master does not have."""
        before = len(guards.log(self.lab, self.old))

        def fault():
            stage.kill_node(self.lab, self.new)
            processes.wait_until(lambda: not agents.group(self.lab, self.old)["mysql"]["protected"],
                                 BOUND_S, "writes go on without protection")
            self.wait_writes(self.old)
            self.kill(self.old, "agent")
            processes.wait_until(lambda: "sent" in guards.log(self.lab, self.old)[before:], BOUND_S,
                                 "the guardian acts", 0.01)
            self.assertFalse(processes.running(self.lab, self.old, "mysqld"))
            time.sleep(2)
            self.assertEqual(self.writable(), [])
            stage.start(self.lab, self.old, "mysqld")
            stage.start(self.lab, self.old, "agent")

        self.may_quarantine = True
        self.play(fault, master=self.old)


class NftablesTest(AddressCase):
    """No guardian, and no eBPF: the kernel's packet filter alone keeps a dead agent's node silent."""

    name = "t-nftables"
    options = ("--no-mysql", "--no-guard", "--enforcement", "nftables")

    def silenced(self, number):
        node, = (each for each in agents.status(self.lab, "db1")["nodes"] if each["name"] == "db1")
        self.assertEqual(node["enforcement"], "nftables", node)
        self.assertIn('enforcement = "nftables"', node["enforcement_reason"])
        with stopped_at_end(Inside(self.lab, "db1")) as inside:
            observer = self.watch(lambda: stage.kill_process(self.lab, "db1", "agent", number))
        self.assert_one_at_a_time(observer)
        self.assertEqual(dual_ms(observer, inside, places.mac("db1")), 0, inside.summary)
        print(f"nobody answered for {observer.summary['longest_gap_ms']} ms ... ", end="",
              flush=True)
        return observer

    def test_a_killed_agent_is_silent_before_the_next_one_answers(self):
        self.silenced(signal.SIGKILL)

    def test_a_stopped_agent_that_goes_on_takes_nothing_back(self):
        self.silenced(signal.SIGSTOP)
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            stage.kill_process(self.lab, "db1", "agent", signal.SIGCONT)
            time.sleep(2)
        self.assert_one_at_a_time(observer)
        agents.wait_healthy(self.lab)
        self.assertNotIn("db1", network.holders(self.lab))


class ClosedPortTest(faults.FaultCase):
    """Clients that go past the virtual address, to a server's own one."""

    name = "t-port"
    rung = "ebpf"

    def setUp(self):
        super().setUp()
        rungs = {node["name"]: node["enforcement"]
                 for node in agents.status(self.lab, self.old)["nodes"]}
        self.assertEqual(rungs[self.old], self.rung, rungs)

    def session(self, node):
        """A client outside the cluster that is connected to the server's own address."""
        command = ["mariadb", "--no-defaults", "-uapp", f"-p{mariadb.PASSWORD['app']}",
                   f"-h{places.address(node)}", "--connect-timeout=2", "--unbuffered", "--batch",
                   "--skip-column-names"]
        child = subprocess.Popen(processes.in_namespace(self.lab, "client", command),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def answered(self, child, statement, seconds):
        try:
            child.stdin.write(f"{statement};\n".encode())
            child.stdin.flush()
        except BrokenPipeError:
            return False
        ready, _, _ = select.select([child.stdout], [], [], seconds)
        return bool(ready and child.stdout.readline())

    def greets(self, source, node, seconds=1.0):
        """The server's own address answers to a connection from another node."""
        with namespaces.inside(self.lab.namespace(source)):
            probe = socket.socket()
        with probe:
            probe.settimeout(seconds)
            try:
                probe.connect((places.address(node), places.MYSQL_PORT))
                return bool(probe.recv(4))
            except OSError:
                return False

    def test_a_replica_stays_open_to_clients_while_its_agent_is_replaced(self):
        reload = threading.Thread(target=agents.tasuki, args=(self.lab, self.new, "reload"))
        asked, refused, until = 0, 0, time.time() + 2
        while time.time() < until:
            if asked == 20:
                reload.start()
            asked += 1
            refused += not self.greets("client", self.new, 0.9)  # sent again after a second
        reload.join()
        print(f"{refused} of {asked} refused ... ", end="", flush=True)
        self.assertEqual(refused, 0)

    def test_nobody_outside_reaches_a_master_whose_programs_hang_after_its_deadline(self):
        writer, reader = self.session(self.old), self.session(self.old)
        write = "INSERT INTO app.writes VALUES (998, {}, 0); SELECT 'written'"
        self.assertTrue(self.answered(writer, write.format(1), BOUND_S))
        self.assertTrue(self.answered(reader, "SELECT 'read'", BOUND_S))

        def fault():
            for role in ("guard", "agent"):
                stage.kill_process(self.lab, self.old, role, signal.SIGSTOP)
            time.sleep(LEASE_S)
            self.assertFalse(self.answered(reader, "SELECT 'read'", 1))
            self.assertFalse(self.answered(writer, write.format(2), 1))
            self.assertFalse(self.greets("client", self.old))
            self.assertTrue(self.greets(self.new, self.old))
            self.assertTrue(self.greets("client", self.new))

        self.play(fault)
        stage.kill_process(self.lab, self.old, "guard", signal.SIGCONT)
        processes.wait_until(lambda: not processes.running(self.lab, self.old, "agent"), BOUND_S,
                             "the guardian ends what is late")
        self.assertFalse(self.greets("client", self.old))
        self.recovers()
        processes.wait_until(lambda: self.greets("client", self.old), BOUND_S,
                             "a replica is open to clients again")


class NftablesClosedPortTest(ClosedPortTest):
    name = "t-port-nft"
    options = ("--enforcement", "nftables")
    rung = "nftables"


class UnguardedTest(AddressCase):
    name = "t-unguarded"
    options = ("--no-mysql", "--no-guard", "--enforcement", "agent")

    def test_an_agent_that_is_killed_does_not_leave_its_address_for_ever(self):
        time.sleep(2)  # the kernel may still be busy with the namespaces of the lab before

        def fault():
            stage.kill_process(self.lab, "db1", "agent")
            processes.wait_until(lambda: "db1" not in network.holders(self.lab), 2,
                                 "the kernel takes the address of db1 away")

        observer = self.watch(fault)
        self.assertLess(observer.summary["dual_active_ms"], 1000, observer.events[-3:])


if __name__ == "__main__":
    rig.main()
