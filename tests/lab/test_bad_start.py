"""A bad start: each mistake has its message and exit code, or a degraded state that names it."""

import fcntl
import re
import socket
import subprocess
from contextlib import contextmanager

import rig
from lab import agents, mariadb, namespaces, network, places, processes, stage

CONFIGURATION = 78
FAILED = 1
STRANGER = places.mac("client")


class BadStartCase(rig.LabCase):
    options = ("--no-agents",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        agents.make_key(cls.lab)
        for node in places.AGENTS:
            for part in ("state", "run", "log"):
                (cls.lab.of(node) / part).mkdir(parents=True, exist_ok=True)
                (cls.lab.of(node) / part).chmod(0o700)


class RefusedStartTest(BadStartCase):
    """tasukid says what is wrong and ends."""

    name = "t-refused"

    def start(self, *, config=None, node="db1", before=()):
        command = [*before, places.program("tasukid"), "--config", config or self.lab.config,
                   "--node", node]
        done = subprocess.run(processes.in_namespace(self.lab, "db1", command), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return done.returncode, done.stdout

    def refused(self, code, words, **how):
        try:
            found, said = self.start(**how)
        except subprocess.TimeoutExpired as error:
            self.fail(f"it runs: {(error.stdout or b'').decode()}")
        self.assertRegex(said, words)
        self.assertEqual(found, code, said)

    def changed(self, old, new):
        text = self.lab.config.read_text()
        self.assertIn(old, text)
        path = self.lab.folder / "changed.toml"
        path.write_text(text.replace(old, new, 1))
        return path

    @contextmanager
    def replaced(self, name, text=None, mode=0o600):
        path = self.lab.folder / name
        kept = path.read_bytes()
        path.unlink()
        if text is not None:
            path.write_text(text)
            path.chmod(mode)
        try:
            yield path
        finally:
            path.write_bytes(kept)
            path.chmod(0o600)

    def assert_swept(self, code, words):
        """What a killed agent left is gone, although this one does not start."""
        network.give_address(self.lab, "db1")
        self.addCleanup(lambda: network.holders(self.lab) and
                        network.take_address(self.lab, "db1"))
        self.refused(code, words)
        self.assertEqual(network.holders(self.lab), [])

    def test_leftovers_are_swept_without_a_key(self):
        with self.replaced("db1/cluster.key"):
            self.assert_swept(FAILED, r"removed 10\.77\.0\.50/32 on eth0(.|\n)*cluster\.key")

    def test_leftovers_are_swept_without_a_state_folder(self):
        state = self.lab.of("db1") / "state"
        state.chmod(0o777)
        self.addCleanup(lambda: state.chmod(0o700))
        self.assert_swept(FAILED, r"can be written by others")

    def test_the_address_of_an_agent_that_runs_is_no_leftover(self):
        network.give_address(self.lab, "db1")
        self.addCleanup(lambda: network.take_address(self.lab, "db1"))
        with open(self.lab.of("db1") / "state" / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(FAILED, r"another one of this program")
        self.assertEqual(network.holders(self.lab), ["db1"])

    def test_a_missing_configuration_is_named(self):
        self.refused(CONFIGURATION, r"nowhere\.toml: cannot read", config="/nowhere.toml")

    def test_a_wrong_key_in_the_configuration_is_shown_with_its_line(self):
        self.refused(CONFIGURATION, r'toml:\d+:1: unknown key "profil".*"profile"',
                     config=self.changed("profile =", "profil ="))

    def test_a_broken_configuration_is_shown_with_its_line(self):
        self.refused(CONFIGURATION, r"toml:2:\d+: not valid TOML",
                     config=self.changed("[cluster]", "[cluster"))

    def test_a_node_that_is_not_in_the_file_is_told_who_is(self):
        self.refused(CONFIGURATION, "db9: no such node.*db1, db2, db3, wit", node="db9")

    def test_a_missing_cluster_key_tells_how_to_make_one(self):
        with self.replaced("db1/cluster.key"):
            self.refused(FAILED, "cluster.key.*tasuki init")

    def test_a_cluster_key_that_others_can_read_is_refused(self):
        with self.replaced("db1/cluster.key", "1 00\n", 0o644):
            self.refused(FAILED, "chmod 0600 .*cluster.key")

    def test_a_cluster_key_that_is_none_is_shown_with_its_line(self):
        with self.replaced("db1/cluster.key", "junk\n"):
            self.refused(FAILED, "cluster.key:1: ")

    def test_a_missing_password_file_is_named(self):
        with self.replaced("mysql.pw"):
            self.refused(FAILED, "mysql.pw: No such file")

    def test_without_the_right_to_change_addresses_it_names_the_capability(self):
        self.refused(FAILED, "CAP_NET_ADMIN", before=[
            "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])

    def test_a_demanded_gate_without_its_capability_is_refused(self):
        demanding = self.changed('enforcement = "best"', 'enforcement = "ebpf"')
        network.give_address(self.lab, "db1")
        self.addCleanup(lambda: network.holders(self.lab) and
                        network.take_address(self.lab, "db1"))
        self.refused(FAILED, 'enforcement = "ebpf": not allowed.*grant CAP_BPF', config=demanding,
                     before=["setpriv", "--bounding-set", "-bpf,-sys_admin",
                             "--inh-caps", "-bpf,-sys_admin"])
        self.assertEqual(network.holders(self.lab), [])

    def test_a_port_of_the_status_page_in_use_is_named(self):
        with namespaces.inside(self.lab.namespace("db1")):
            taken = socket.socket()
        with taken:
            taken.bind(("127.0.0.1", places.HTTP_PORT))
            taken.listen()
            self.refused(FAILED, "127.0.0.1:7801.*(in use|taken)")


class DegradedStartTest(BadStartCase):
    """The agents run, and the status says what keeps the group from being served."""

    name = "t-degraded"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agents_up()
        agents.bootstrap(cls.lab)
        agents.wait_healthy(cls.lab)

    @classmethod
    def agents_up(cls):
        for node in places.AGENTS:
            agents.start(cls.lab, node)
        for node in places.AGENTS:
            agents.wait_ready(cls.lab, node)

    def setUp(self):
        """All agents at once and without a farewell, so that nobody hands over meanwhile."""
        processes.kill(processes.running(self.lab, role="agent"))

    def says(self, words):
        def said():
            node = agents.group(self.lab, "wit").get("active") or "db1"
            self.answer = agents.tasuki(self.lab, node, "status", check=False)
            return re.search(words, " ".join(self.answer.stdout.split()))

        try:
            processes.wait_until(said, 20, words, 0.3)
        except places.LabError as error:
            self.fail(f"{error}\n{self.answer.stdout}{self.answer.stderr}")
        self.assertIn(self.answer.returncode, (10, 11))

    def logs(self, node, words):
        processes.wait_until(
            lambda: re.search(words, self.lab.log(node, "agent").read_text()), 20, words)

    def start_servers(self):
        """As a service manager would: an agent ends its server where it cannot be sure of it."""
        for node in places.DATABASES:
            if not processes.running(self.lab, node, "mysqld"):
                stage.start(self.lab, node, "mysqld")

    def wait_holder(self):
        def held():
            self.start_servers()
            return len(network.holders(self.lab)) == 1

        processes.wait_until(held, 30, "one node holds the address")

    def all_well_again(self):
        def healthy():
            self.start_servers()
            return agents.healthy(self.lab, "db1")

        try:
            processes.wait_until(healthy, 40, "healthy again", 0.3)
        except places.LabError as error:
            self.fail(f"{error}\n{agents.tasuki(self.lab, 'db1', 'status', check=False).stdout}")
        self.assertEqual(len(network.holders(self.lab)), 1)

    def test_an_address_that_a_stranger_answers_for_is_not_taken_until_he_is_gone(self):
        network.give_address(self.lab, "client")
        try:
            self.agents_up()
            self.says(STRANGER)
            self.assertEqual(network.holders(self.lab), ["client"])
        finally:
            network.take_address(self.lab, "client")
        self.all_well_again()

    def test_a_wrong_password_is_named(self):
        path = self.lab.folder / "mysql.pw"
        try:
            path.write_text("wrong\n")
            self.agents_up()
            self.says("Access denied for user 'tasuki'@'localhost'")
            self.assertEqual(network.holders(self.lab), [])
        finally:
            path.write_text(mariadb.PASSWORD["tasuki"] + "\n")
        self.setUp()
        self.agents_up()
        self.all_well_again()

    def test_a_missing_grant_is_named_and_enough_once_given(self):
        def on_all(statement):
            for node in places.DATABASES:
                mariadb.sql(self.lab, node, f"SET sql_log_bin=0; {statement}")

        on_all("REVOKE BINLOG ADMIN ON *.* FROM tasuki@localhost")
        try:
            self.agents_up()
            self.says(r"GRANT BINLOG ADMIN ON \*\.\* TO 'tasuki'@'localhost'")
        finally:
            on_all("GRANT BINLOG ADMIN ON *.* TO tasuki@localhost")
        self.all_well_again()

    def test_servers_that_are_down_are_named_and_used_once_they_are_up(self):
        for node in places.DATABASES:
            processes.stop(processes.running(self.lab, node, "mysqld"), 20)
        try:
            self.agents_up()
            self.says("MySQL on db[12] is down")
            self.assertEqual(network.holders(self.lab), [])
        finally:
            for node in places.DATABASES:
                mariadb.start(self.lab, node)
            for node in places.DATABASES:
                mariadb.wait_ready(self.lab, node)
        self.all_well_again()

    def test_a_heartbeat_port_in_use_is_named_and_the_other_path_is_used(self):
        with namespaces.inside(self.lab.namespace("db1")):
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with taken:
            taken.bind((places.address("db1"), 7800))
            self.agents_up()
            self.logs("db1", r"10\.77\.0\.1:7800: Address already in use .*ss -ulpn")
            self.wait_holder()
        self.all_well_again()

    def test_a_full_disk_under_a_new_state_folder_is_named(self):
        folder = self.lab.of("db2") / "state"
        network.run("mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "none", folder)
        try:
            with open(folder / "fill", "wb", buffering=0) as fill:
                with self.assertRaises(OSError):
                    while True:
                        fill.write(bytes(4096))
            self.agents_up()
            self.wait_holder()
            agents.tasuki(self.lab, "wit", "pause", "db", "--reason", "a record to be stored")
            self.logs("db2", "No space left on device")
        finally:
            agents.tasuki(self.lab, "wit", "resume", "db", check=False)
            processes.kill(processes.running(self.lab, "db2", "agent"))
            network.run("umount", folder)
        agents.start(self.lab, "db2")
        self.all_well_again()

    def test_an_interface_that_does_not_exist_is_named(self):
        text = self.lab.config.read_text()
        try:
            self.lab.config.write_text(text.replace('interface = "eth0"', 'interface = "eth9"'))
            self.agents_up()
            self.says("eth9")
            self.assertEqual(network.holders(self.lab), [])
        finally:
            self.lab.config.write_text(text)
        self.setUp()
        self.agents_up()
        self.all_well_again()


if __name__ == "__main__":
    rig.main()
