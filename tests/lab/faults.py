"""What the scenario tests share: a cluster that is healthy before each fault, an application that
writes meanwhile, and the two promises that are checked after every fault."""

import re
import signal
import time

import rig
from lab import agents, mariadb, network, places, processes, stage
from lab.measure import Load, Observer, stopped_at_end
from lab.places import LabError

BOUND_S = 30
BOOT_SILENCE_S = 10.5  # a voter that has lost its grants in a boot does not vote for 10 s
OTHER = {"db1": "db2", "db2": "db1"}


class Play:
    """What was measured around one fault."""

    def __init__(self, observer, load, verified):
        self.observer = observer
        self.load = load
        self.verified = verified


class FaultCase(rig.LabCase):
    """One lab for all tests of the class; each begins with it healthy and has to leave it able to
    recover by itself, with one master and no other server that takes writes."""

    options = ()
    may_quarantine = False  # a server may end with rows that no master has
    spoiled = ""  # why the next test needs a new lab

    def setUp(self):
        if self.spoiled:
            print(f"a new lab: {self.spoiled}", flush=True)
            self.tearDownClass()
            self.setUpClass()
            type(self).spoiled = ""
        self.may_quarantine = False
        self.restore()
        self.old = self.active()
        self.new = OTHER[self.old]

    def tearDown(self):
        if not self._outcome.success:
            type(self).spoiled = "the test before failed"
        elif not self.spoiled:
            type(self).spoiled = "the test before could not put it back"
            self.recovers()
            type(self).spoiled = self.quarantined()

    def recovers(self):
        """Everybody is started, as service managers would; the rest is the product's."""
        self.restore()
        self.assertEqual(self.writable(), [self.active()])

    def quarantined(self):
        """Servers with rows of their own need a copy of the data, which is nobody's fault."""
        replicas = agents.group(self.lab, self.active())["mysql"]["replicas"]
        lost = [each["node"] for each in replicas if each["quarantined"]]
        if lost and not self.may_quarantine:
            self.fail(f"quarantined without need: {lost}")
        return f"quarantined: {' '.join(lost)}" if lost else ""

    def restore(self):
        """Wires healed, everybody running, one master with one acker, every voter voting."""
        network.heal(self.lab)
        booted = False
        for node in places.AGENTS:
            if not processes.running(self.lab, node):
                stage.revive_node(self.lab, node)
                booted = True
        for process in processes.running(self.lab):
            processes.send_signal(process, signal.SIGCONT)
        guarded = ["guard"] if self.lab.read_description().get("guards") else []
        for node in places.AGENTS:
            for role in [*guarded, "agent"]:
                if not processes.running(self.lab, node, role):
                    stage.start(self.lab, node, role)
        began = time.monotonic()
        self.wait_settled()
        if booted:
            time.sleep(max(0.0, began + BOOT_SILENCE_S - time.monotonic()))

    def active(self):
        return agents.group(self.lab, "wit").get("active")

    def start_servers(self):
        """As a service manager would: an agent ends its server where it cannot be sure of it."""
        for node in places.DATABASES:
            if not processes.running(self.lab, node, "mysqld"):
                stage.start(self.lab, node, "mysqld")

    def is_ready(self):
        """The next failover would lose nothing. A third server may be quarantined meanwhile: it
        can hold what a crashed master had not got acknowledged and has lost."""
        self.start_servers()
        group = agents.group(self.lab, self.active()) if self.active() in OTHER else {}
        ready = group.get("ready", {})
        return bool(ready.get("failover") and ready.get("lossless") and not group["operation"])

    def wait_ready(self):
        try:
            processes.wait_until(self.is_ready, 2 * BOUND_S, "ready to fail over", 0.3)
        except LabError as error:
            said = agents.tasuki(self.lab, self.active(), "status", check=False)
            self.fail(f"{error}\n{said.stdout}{self.why(self.active())}")

    def is_settled(self):
        if not self.is_ready():
            return False
        if self.may_quarantine:
            return True
        return agents.healthy(self.lab, self.active())

    def wait_settled(self):
        try:
            processes.wait_until(self.is_settled, 2 * BOUND_S, "healthy and ready to fail over",
                                 0.3)
        except LabError as error:
            said = agents.tasuki(self.lab, "wit", "status", check=False)
            raise LabError(f"{error}\n{said.stdout}{said.stderr}") from None

    def rows(self, node):
        """Written through this very server; 0 while it does not answer."""
        found = mariadb.sql(self.lab, node, "SELECT COUNT(*) FROM app.writes WHERE node="
                            f"{places.NUMBER[node]}", check=False)
        return int(found[0][0]) if found else 0

    def wait_writes(self, node, more=50):
        before = self.rows(node)
        try:
            processes.wait_until(lambda: self.rows(node) > before + more, BOUND_S,
                                 f"{node} takes writes", 0.1)
        except LabError as error:
            why = agents.tasuki(self.lab, "wit", "status", check=False)
            self.fail(f"{error}\n{why.stdout}{agents.tail(self.lab, node, 8)}")

    def play(self, fault, master=None, rate=300):
        """The fault under writes, until `master` (or whom it finds) takes writes; both promises are
        checked."""
        with stopped_at_end(Observer(self.lab)) as observer, \
                stopped_at_end(Load(self.lab, "--rate", rate, "--connections", 8)) as load:
            self.wait_writes(self.old)
            fault()
            master = master() if callable(master) else master or self.new
            self.wait_writes(master)
        return self.judge(observer, load, master)

    def judge(self, observer, load, master):
        verified = load.verify(master)
        self.assertEqual(verified["lost"], 0, verified["missing"][:5])
        self.assertEqual(verified["unexpected"], 0)
        self.assertGreater(verified["acked"], 0)
        self.assertEqual(observer.summary["dual_active_ms"], 0, observer.events[-5:])
        self.assertEqual(load.summary["dual_acked_ms"], 0, load.summary)
        return Play(observer, load, verified)

    def assert_equal_or_quarantined(self, master):
        """A replica has what the master has, or somebody knows that it has not."""
        def differing():
            replicas = agents.group(self.lab, master)["mysql"]["replicas"]
            known = {replica["node"] for replica in replicas
                     if replica["quarantined"] or replica["errant"]}
            sums = {node: mariadb.sql(self.lab, node, "CHECKSUM TABLE app.writes", check=False)
                    for node in places.DATABASES}
            return [node for node in sums if sums[node] != sums[master] and node not in known]

        try:
            processes.wait_until(lambda: not differing(), 10, "replicas hold what the master holds",
                                 0.5)
        except LabError as error:
            self.fail(f"{error}: {differing()} differ from {master} and are not quarantined")

    def writable(self):
        return [node for node in places.DATABASES if mariadb.sql(
            self.lab, node, "SELECT @@read_only", check=False) == [["0"]]]

    def wait_master(self):
        """The one server that takes writes, servers being started as long as they are ended."""
        def one():
            self.start_servers()
            return self.writable()

        try:
            master, = processes.wait_until(one, BOUND_S, "somebody is master", 0.3)
        except LabError as error:
            self.fail(f"{error}\n{self.why('db1')}{agents.tail(self.lab, 'db1', 8)}")
        return master

    def why(self, node="wit"):
        done = agents.tasuki(self.lab, node, "why", "db", check=False)
        return done.stdout + done.stderr

    def wait_why(self, pattern, limit_s=10):
        try:
            processes.wait_until(lambda: re.search(pattern, " ".join(self.why().split())), limit_s,
                                 f"`why` names {pattern}")
        except LabError as error:
            self.fail(f"{error}\n{self.why()}{agents.tail(self.lab, self.new, 30)}")

    def kill(self, node, role):
        stage.kill_process(self.lab, node, role)
