"""Two balancers, two web backends and clients that keep their connections."""

import json
import os
import signal
import subprocess
import time
import unittest

import rig
from lab import balancers, network, places, processes, stage

SESSIONS = 40
REST_MS = 150
BOUND_S = 10
UPGRADES = int(os.environ.get("TASUKI_UPGRADES", "5"))  # a second each
RELOADS = int(os.environ.get("TASUKI_RELOADS", "6"))  # a second each


class Clients:
    """Run while the block does; `counted` afterwards."""

    def __init__(self, lab, sessions=SESSIONS, rest_ms=REST_MS, port=balancers.PORT):
        self.lab, self.sessions, self.rest_ms, self.port = lab, sessions, rest_ms, port

    def __enter__(self):
        script = places.SOURCE / "tests" / "lab" / "lab" / "web_load.py"
        self.process = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [
                "python3", "-B", script, balancers.LISTEN, self.port, self.sessions,
                self.rest_ms]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *error):
        said, _ = self.process.communicate(timeout=60)
        self.counted = json.loads(said)
        print(json.dumps(self.counted), end=" ... ", flush=True)


class BalancerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lb", places.BALANCED)
        stage.clean(cls.lab)
        balancers.build(cls.lab)

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)

    def setUp(self):
        self.wait_for(lambda all_: len(all_) == 2 and all(
            one["health"] == "up" for one in all_.values()), "both backends are up")

    def wait_for(self, fits, what, node="lb1"):
        processes.wait_until(lambda: fits(balancers.backends(self.lab, node)), BOUND_S, what)

    def wait_for_sessions(self, count=SESSIONS):
        self.wait_for(lambda all_: sum(one["sessions"] for one in all_.values()) >= count,
                      f"{count} sessions")

    def test_a_drain_under_load_loses_no_request_and_lasts(self):
        with Clients(self.lab) as clients:
            self.wait_for_sessions()
            self.assertGreater(balancers.backends(self.lab)["app1"]["sessions"], SESSIONS // 4)
            began = time.monotonic()
            done = balancers.tasuki(self.lab, "lb1", "drain", "web", "app1", "--wait",
                                    check=False)
            took = time.monotonic() - began
            # Without agents nothing is known of the other balancer, and that is no success.
            self.assertEqual(done.returncode, 1)
            self.assertIn("not heard: lb2; what is there is not known", done.stderr)
            self.assertRegex(done.stdout, r"^web/app1: empty after .* 0 cut\n$")
            self.assertLess(took, 10)
            time.sleep(0.5)
            self.assertEqual(balancers.backends(self.lab)["app1"]["sessions"], 0)
        self.assertEqual(clients.counted["errors"], 0)
        self.assertGreater(clients.counted["requests"], 100)
        stage.kill_process(self.lab, "lb1", "lb")
        balancers.start(self.lab, "lb1")
        kept = balancers.backends(self.lab)["app1"]
        self.assertEqual((kept["admin"], kept["weight"]["effective"]), ("drain", 0))
        balancers.tasuki(self.lab, "lb1", "ready", "web", "app1")

    def test_weights_share_the_new_connections_and_zero_stops_them(self):
        balancers.tasuki(self.lab, "lb1", "weight", "web", "app1", 200)
        balancers.tasuki(self.lab, "lb1", "weight", "web", "app2", 100)
        before = balancers.backends(self.lab)
        with Clients(self.lab, sessions=60):
            self.wait_for_sessions(60)
            after = balancers.backends(self.lab)
        new = {name: after[name]["connections"] - before[name]["connections"] for name in after}
        # Each thread of the data path takes turns by itself.
        self.assertAlmostEqual(new["app1"], 40, delta=2)
        self.assertEqual(sum(new.values()), 60)
        balancers.tasuki(self.lab, "lb1", "weight", "web", "app2", 0)
        with Clients(self.lab, sessions=10) as clients:
            self.wait_for_sessions(10)
        self.assertEqual(set(clients.counted["by"]), {"app1"})
        for name in ("app1", "app2"):
            balancers.tasuki(self.lab, "lb1", "weight", "web", name, 100)

    def test_a_backend_that_dies_is_left_and_taken_back(self):
        with Clients(self.lab) as clients:
            self.wait_for_sessions()
            time.sleep(0.5)  # each has had an answer: one that waits for its first is no session yet
            stage.kill_process(self.lab, "app2", "web")
            self.wait_for(lambda all_: all_["app2"]["health"] == "down", "app2 is down")
            self.assertRegex(balancers.backends(self.lab)["app2"]["reason"], "refused")
            time.sleep(0.5)
            balancers.start_web(self.lab, "app2")
            self.wait_for(lambda all_: all_["app2"]["health"] == "up", "app2 is up again")
        self.assertEqual(clients.counted["errors"], 0)

    def test_a_backend_that_says_it_is_sick_gets_nobody(self):
        def tell(what):
            network.run("ip", "netns", "exec", self.lab.namespace("app1"), "python3", "-c",
                        "import urllib.request as u;"
                        f"u.urlopen(u.Request('http://127.0.0.1:8080/{what}', method='POST'))")
        tell("sick")
        self.wait_for(lambda all_: all_["app1"]["health"] == "down", "app1 is down")
        self.assertEqual(balancers.backends(self.lab)["app1"]["reason"],
                         "answers 503 to GET /healthz")
        tell("well")
        self.wait_for(lambda all_: all_["app1"]["health"] == "up", "app1 is up")

    def test_the_second_balancer_takes_the_address_over_and_serves_at_once(self):
        """It listens before the address is its own. Here the address is moved by hand."""
        with Clients(self.lab) as clients:
            self.wait_for_sessions()
            network.take_address(self.lab, "lb1", balancers.LISTEN)
            network.give_address(self.lab, "lb2", balancers.LISTEN)
            self.wait_for(lambda all_: sum(one["sessions"] for one in all_.values()) >= SESSIONS,
                          "all sessions at lb2", "lb2")
        network.take_address(self.lab, "lb2", balancers.LISTEN)
        network.give_address(self.lab, "lb1", balancers.LISTEN)
        self.assertEqual(clients.counted["errors"], 0)

    def test_backends_come_and_go_by_command_and_by_the_file(self):
        spare = f"{places.address('app2')}:{balancers.BACKEND_PORT}"
        done = balancers.tasuki(self.lab, "lb1", "add", "web", "spare", spare, "--weight", 10)
        self.assertEqual(done.stdout, "web/spare: ready, weight 10, 0 sessions\n")
        refused = balancers.tasuki(self.lab, "lb1", "remove", "web", "app1", check=False)
        self.assertEqual(refused.returncode, 3)
        self.assertRegex(" ".join(refused.stderr.split()), "is in the configuration file")
        balancers.tasuki(self.lab, "lb1", "remove", "web", "spare")
        self.assertEqual(set(balancers.backends(self.lab)), {"app1", "app2"})
        try:
            balancers.write_config(self.lab, [balancers.backend("app2")])
            self.reload("lb1")
            self.wait_for(lambda all_: set(all_) == {"app2"}, "the file has one backend")
        finally:
            balancers.write_config(self.lab)
            self.reload("lb1")

    def reload(self, node):
        for process in processes.running(self.lab, node, "lb"):
            processes.send_signal(process, 1)

    def test_a_reload_each_second_refuses_nobody(self):
        with Clients(self.lab, rest_ms=20) as clients:
            self.wait_for_sessions()
            for _ in range(RELOADS):
                self.reload("lb1")
                time.sleep(1)
        self.assertEqual((clients.counted["errors"], clients.counted["reopened"]), (0, 0))

    def test_an_upgrade_each_second_loses_nobody(self):
        running = processes.running(self.lab, "lb1", "lb")
        with Clients(self.lab, rest_ms=20) as clients:
            self.wait_for_sessions()
            for _ in range(UPGRADES):
                balancers.upgrade(self.lab, "lb1")
                shown = balancers.backends(self.lab)
                self.assertEqual(sum(one["sessions"] for one in shown.values()), SESSIONS)
                time.sleep(1)
        self.assertEqual((clients.counted["errors"], clients.counted["reopened"]), (0, 0))
        self.assertEqual(processes.running(self.lab, "lb1", "lb"), running)  # it is still alive

    def test_a_program_that_cannot_take_over_does_not(self):
        good = self.lab.config.read_text()
        log = self.lab.log("lb1", "lb")
        script = places.SOURCE / "tests" / "lab" / "lab" / "web.py"
        other = processes.spawn(self.lab, "lb1", "other", ["python3", "-B", script, "other", 8099])
        door = f'listen = "{balancers.LISTEN}:{balancers.PORT}"'
        with Clients(self.lab) as clients:
            self.wait_for_sessions()
            for bad, why in (("wieght = 3\n" + door, 'unknown key "wieght"'),
                             (f'listen = "{balancers.LISTEN}:8099"', "another program listens")):
                size = log.stat().st_size
                try:
                    self.lab.config.write_text(good.replace(door, bad))
                    for process in processes.running(self.lab, "lb1", "lb"):
                        processes.send_signal(process, signal.SIGUSR2)
                    processes.wait_until(lambda: "all goes on as before" in log.read_text()[size:],
                                         BOUND_S, "it is refused")
                finally:
                    self.lab.config.write_text(good)
                self.assertRegex(log.read_text()[size:], f"upgrade: .*{why}")
                self.assertNotIn("takes over", log.read_text()[size:])
        processes.kill([other])
        self.assertEqual((clients.counted["errors"], clients.counted["reopened"]), (0, 0))

    def test_a_broken_file_changes_nothing_and_a_taken_port_is_named(self):
        good = self.lab.config.read_text()
        try:
            self.lab.config.write_text(good.replace('name = "web"', 'name = "web"\nwieght = 3'))
            self.reload("lb1")
            log = self.lab.log("lb1", "lb")
            processes.wait_until(lambda: 'unknown key "wieght"' in log.read_text(), BOUND_S,
                                 "the log names the key")
            self.assertEqual(set(balancers.backends(self.lab)), {"app1", "app2"})
        finally:
            self.lab.config.write_text(good)
        for folder, what in (("lb", "another one of this program"), ("other", "another program listens")):
            size = log.stat().st_size
            second = balancers.spawn(self.lab, "lb1", folder)
            self.assertTrue(processes.wait_gone([second], BOUND_S))
            self.assertRegex(" ".join(log.read_text()[size:].split()), f"tasuki-lb: .*{what}")

    def test_what_is_wrong_on_the_command_line_is_refused_with_the_next_command(self):
        for words, code, text in (
                (("drain", "web", "app9"), 3, 'pool web has no backend "app9"'),
                (("list", "wob"), 3, 'no pool "wob"'),
                (("weight", "web", "app1", "257"), 2, "257"),
                (("add", "web", "x", "10.77.0.21"), 2, "ADDRESS:PORT")):
            done = balancers.tasuki(self.lab, "lb1", *words, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(text, " ".join((done.stdout + done.stderr).split()))


if __name__ == "__main__":
    rig.main()
