"""Floods, and servers that are none: who was there before stays, and nobody else is disturbed."""

import json
import subprocess
import time
import unittest
from pathlib import Path

import rig
from lab import balancers, network, places, processes, stage
from test_lb import Clients

STORM = 10_000
SESSIONS = 40
PLACES = 300  # of the server that the storm wants
BOUND_S = 20
GROWTH_MAX_KIB = 40 * 1024
BROKEN = {"reset": 8101, "hang": 8102, "nonsense": 8103}
WHY = {"reset": "Connection reset by peer", "hang": "no answer within 300 ms",
       "nonsense": "greets as no MySQL server does"}

POOLS = """
[[pool]]
name = "web"
nodes = ["lb1"]
listen = "10.77.0.60:80"
queue_max = 200
queue_timeout_ms = 500
sessions_max = 1500
backend = [ {{ name = "app1", address = "{app1}:8080", sessions_max = {places} }} ]
[[pool]]
name = "other"
nodes = ["lb1"]
listen = "10.77.0.60:81"
backend = [ {{ name = "app2", address = "{app2}:8080" }} ]
[[pool]]
name = "broken"
nodes = ["lb1"]
listen = "10.77.0.60:3307"
protocol = "mysql"
check = {{ interval_ms = 200, fast_interval_ms = 50, fall = 2, timeout_ms = 300 }}
backend = [ {broken} ]
[[pool]]
name = "blind"
nodes = ["lb1"]
listen = "10.77.0.60:3308"
protocol = "mysql"
login_timeout_ms = 500
check = {{ kind = "none" }}
backend = [ {broken} ]
"""


class StormTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab("t-lbs", ("app1", "app2", "lb1", "client"))
        stage.clean(cls.lab)
        cls.lab.folder.mkdir(parents=True)
        cls.lab.write_description(ready=False, mysql=False, agents=False)
        network.build(cls.lab)
        for node in ("app1", "app2"):
            balancers.start_web(cls.lab, node)
        script = places.SOURCE / "tests" / "lab" / "lab" / "broken.py"
        for how, port in BROKEN.items():
            processes.spawn(cls.lab, "app2", how, ["python3", "-B", script, how, port])
        app1, app2 = places.address("app1"), places.address("app2")
        cls.lab.config.write_text(
            balancers.CONFIG.format(folder=cls.lab.folder, listen=balancers.LISTEN) + POOLS.format(
                app1=app1, app2=app2, places=PLACES, broken=", ".join(
                    f'{{ name = "{how}", address = "{app2}:{port}" }}'
                    for how, port in BROKEN.items())))
        balancers.start(cls.lab, "lb1")
        network.give_address(cls.lab, "lb1", balancers.LISTEN)

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)

    def pool(self, name):
        shown = json.loads(balancers.tasuki(self.lab, "lb1", "list", "-o", "json").stdout)["pools"]
        (found,) = [one for one in shown if one["name"] == name]
        return found

    def wait_for_sessions(self, pool, count):
        processes.wait_until(lambda: self.pool(pool)["sessions"] >= count, BOUND_S,
                             f"{count} sessions of {pool}")

    def memory_kib(self, which):
        (process,) = processes.running(self.lab, "lb1", "lb")
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        return int(status.split(which)[1].split()[0])

    def begin_storm(self):
        script = places.SOURCE / "tests" / "lab" / "lab" / "storm.py"
        storm = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [
                "python3", "-B", script, balancers.LISTEN, balancers.PORT, STORM]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(storm.kill)
        return storm

    def test_a_storm_is_shed_and_who_was_there_stays(self):
        with Clients(self.lab, SESSIONS) as before, Clients(self.lab, SESSIONS, port=81) as other:
            self.wait_for_sessions("web", SESSIONS)
            self.wait_for_sessions("other", SESSIONS)
            resident = self.memory_kib("VmRSS:")
            began = time.monotonic()
            storm = self.begin_storm()
            told = json.loads(storm.stdout.readline())
            took = time.monotonic() - began
            growth = self.memory_kib("VmHWM:") - resident  # at its peak
            print(json.dumps({**told, "took_s": round(took, 1), "grown_kib": growth}), end=" ... ",
                  flush=True)
            self.assertEqual(told, {"opened": STORM, "turned_away": STORM - (PLACES - SESSIONS)})
            self.assertLess(growth, GROWTH_MAX_KIB)
            shown = self.pool("web")
            self.assertEqual((shown["sessions"], shown["queued"]), (PLACES, 0))
            self.assertEqual(shown["refused"], told["turned_away"])
            storm.communicate("", timeout=BOUND_S)
            processes.wait_until(lambda: self.pool("web")["sessions"] == SESSIONS, BOUND_S,
                                 "the storm is over")
            with Clients(self.lab, SESSIONS) as after:
                self.wait_for_sessions("web", 2 * SESSIONS)
        for each in (before, other, after):
            self.assertEqual((each.counted["errors"], each.counted["reopened"]), (0, 0))
        self.assertIn("end=queue-full", self.lab.log("lb1", "lb").read_text())

    def test_a_server_that_is_none_is_named_and_disturbs_nobody(self):
        def states():
            return {one["name"]: one for one in self.pool("broken")["backends"]}
        with Clients(self.lab, SESSIONS) as others:
            processes.wait_until(
                lambda: all(one["health"] == "down" and WHY[how] in one["reason"]
                            for how, one in states().items()), BOUND_S, "all are down, and why")
            code = ("import socket, sys\n"
                    "kept = []\n"
                    "for _ in range(300):\n"
                    f"    kept.append(socket.create_connection(('{balancers.LISTEN}', 3308)))\n"
                    "for one in kept:\n"
                    "    one.settimeout(10)\n"
                    "    try:\n"
                    "        while one.recv(4096): pass\n"
                    "    except ConnectionResetError: pass\n"
                    "print('all are over')\n")
            done = subprocess.run(processes.in_namespace(self.lab, "client", ["python3", "-c", code]),
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.stdout, "all are over\n", done.stderr)
            log = self.lab.log("lb1", "lb").read_text()
            for how, end in (("hang", "login-timeout"), ("reset", "server-failed")):
                self.assertRegex(log, f"pool=blind .*backend={how} end={end}")
            self.assertEqual(self.pool("blind")["sessions"], 0)
        self.assertEqual((others.counted["errors"], others.counted["reopened"]), (0, 0))


if __name__ == "__main__":
    rig.main()
