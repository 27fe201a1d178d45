"""What tests of the address share: a fresh lab for each test, and an observer outside."""

import time

import rig
from lab import agents, network, processes, stage
from lab.measure import Observer, stopped_at_end

BOUND_S = 20
LINES_TOLD = 40  # of each log, when a test failed
UNDER_WAY = 2  # questions at the observer's end: one by ARP, one by ping each millisecond


def unanswered(observer):
    """Late answers are the machine's; one that never came was held back or asked of nobody."""
    spans = [span for source in observer.summary["sources"] for span in source["spans"]]
    return 2 * observer.summary["probes"] - sum(answers for _, _, answers in spans)


class WatchedCase(rig.LabCase):
    """A fresh lab for each test."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        super().setUpClass()
        self.addCleanup(super().tearDownClass)
        self.addCleanup(self.tell_what_happened)

    def tell_what_happened(self):
        """Nobody can look at the lab any more when its failure is read."""
        result = self._outcome.result
        if all(test is not self for test, _ in result.failures + result.errors):
            return
        for log in sorted(self.lab.folder.glob("*/log/*.log")):
            words = log.read_text(errors="replace").splitlines()
            print("", log.relative_to(self.lab.folder), *words[-LINES_TOLD:], sep="\n  ")

    def serve(self, node):
        """As its service manager would: a failover ends the server of a former master."""
        if not processes.running(self.lab, node, "mysqld"):
            stage.start(self.lab, node, "mysqld")
        return True

    def wait_for_next_holder(self, former):
        processes.wait_until(lambda: set(network.holders(self.lab)) - {former}, BOUND_S,
                             f"another node than {former} takes the address")

    def assert_one_at_a_time(self, observer):
        self.assertEqual(observer.summary["dual_active_ms"], 0, observer.events[-3:])

    def assert_answered_throughout(self, observer, said=""):
        """By one node at a time, and no question was left without an answer."""
        missing = unanswered(observer)
        print(f"{said}{missing} of {2 * observer.summary['probes']} questions unanswered ... ",
              end="", flush=True)
        self.assert_one_at_a_time(observer)
        self.assertLessEqual(missing, UNDER_WAY)


class AddressCase(WatchedCase):
    """A group with an address only, which db1 holds at first."""

    options = ("--no-mysql",)

    def setUp(self):
        super().setUp()
        holder = processes.wait_until(lambda: network.holders(self.lab), BOUND_S, "a holder")[0]
        if holder != "db1":  # without data any member may be the first to hold the lease
            agents.switchover(self.lab, holder, "db1")
            processes.wait_until(lambda: network.holders(self.lab) == ["db1"], BOUND_S, "db1 holds")

    def watch(self, fault, former="db1", after=1.0):
        with stopped_at_end(Observer(self.lab)) as observer:
            time.sleep(0.3)
            fault()
            self.wait_for_next_holder(former)
            time.sleep(after)
        return observer
