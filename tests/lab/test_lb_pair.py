"""Two balancers of one cluster, and the agents between them."""

import json
import subprocess
import time

import rig
from lab import agents, balancers, places, processes, stage
from watched import BOUND_S, WatchedCase

READ = "read"
SHOP_PORT = 8081  # behind the virtual IP
FIRST, SECOND = "wit", "db3"


class PairTest(WatchedCase):
    name = "t-lbp"
    options = ("--pools", "--pair")

    def wanted(self, node, backend="db2"):
        one = balancers.backends(self.lab, node, READ)[backend]
        return one["admin"], one["weight"]["configured"]

    def wait_for(self, fits, what):
        processes.wait_until(fits, BOUND_S, what, 0.02)

    def pools(self, node="db1"):
        return {(one["name"], one["node"]): one for one in agents.status(self.lab, node)["pools"]}

    def history(self, node="db1"):
        said = json.loads(agents.tasuki(self.lab, node, "history", "-o", "json").stdout)
        return [(one["to"], one["reason"], one["by"]) for one in said["operations"]
                if one["kind"] == "balance"]

    def test_what_one_is_told_counts_on_both_and_is_seen_everywhere(self):
        began = time.monotonic()
        balancers.tasuki(self.lab, FIRST, "drain", "read", "db2")
        self.wait_for(lambda: self.wanted(SECOND)[0] == "drain", "the other drains it, too")
        print(f"{1000 * (time.monotonic() - began):.0f} ms", end=" ... ", flush=True)
        served = {(pool, node) for pool in agents.PORTS for node in (FIRST, SECOND)}
        self.wait_for(lambda: set(self.pools()) == served | {("shop", SECOND)},
                      "the pools of both balancers are in the status")
        for node in (FIRST, SECOND):
            self.wait_for(lambda: any(one["name"] == "db2" and one["admin"] == "drain"
                                      for one in self.pools()["read", node]["backends"]),
                          f"the status shows the drain on {node}")
        self.assertEqual(self.history(), [("read/db2", "drain", "root")])
        metrics = agents.metrics(self.lab, "db2")
        for node in (FIRST, SECOND):
            for backend, ready in (("db2", 0), ("db3", 1)):
                self.assertIn(f'tasuki_backend_ready{{peer="{node}",pool="read",'
                              f'backend="{backend}"}} {ready}\n', metrics)
        shown = agents.tasuki(self.lab, "db1", "status").stdout
        self.assertRegex(shown, r"(?m)^  read +db3 +db2 +drain +up +0/100 ")
        balancers.tasuki(self.lab, SECOND, "ready", "read", "db2")
        self.wait_for(lambda: self.wanted(FIRST)[0] == "ready", "and back, told to the other")

    def test_a_drain_waits_for_the_sessions_of_both(self):
        code = ("import pymysql, time\n"
                f"link = pymysql.connect(host='{places.address(SECOND)}',"
                f" port={agents.PORTS[READ]}, user='app', password='app-lab', database='app', autocommit=False)\n"
                "link.cursor().execute('SELECT 1 FROM writes')\n"
                "print('open', flush=True)\n"
                "time.sleep(3)\n"
                "link.commit()\n"
                "time.sleep(60)\n")
        balancers.tasuki(self.lab, FIRST, "weight", "read", "db3", 0)
        self.wait_for(lambda: self.wanted(SECOND, "db3") == ("ready", 0), "the other hears of it")
        client = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [places.SYSTEM_PYTHON, "-B", "-c", code]),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "open\n")
        began = time.monotonic()
        done = balancers.tasuki(self.lab, FIRST, "drain", "read", "db2", "--wait")
        self.assertGreater(time.monotonic() - began, 2)
        self.assertRegex(done.stderr, f"0 sessions left here, 1 session on {SECOND}")
        self.assertEqual(balancers.backends(self.lab, SECOND, READ)["db2"]["sessions"], 0)

    def test_who_was_away_hears_what_was_told_meanwhile(self):
        balancers.tasuki(self.lab, FIRST, "drain", "read", "db2")
        self.wait_for(lambda: self.wanted(SECOND)[0] == "drain", "the other drains it, too")
        processes.kill(stage.find(self.lab, SECOND, "lb"))
        balancers.tasuki(self.lab, FIRST, "ready", "read", "db2")
        balancers.tasuki(self.lab, FIRST, "weight", "read", "db2", 20)
        self.wait_for(lambda: "has said nothing" in self.pools()["read", SECOND]["trouble"],
                      "its silence is in the status")
        balancers.start(self.lab, SECOND)
        self.wait_for(lambda: self.wanted(SECOND) == ("ready", 20), "it hears of both")
        self.wait_for(lambda: not self.pools()["read", SECOND]["trouble"], "all is well")

    def test_without_its_agent_a_balancer_obeys_alone_and_tells_later(self):
        processes.kill(stage.find(self.lab, FIRST, "agent"))
        balancers.tasuki(self.lab, FIRST, "weight", "read", "db2", 7)
        self.assertEqual(self.wanted(FIRST), ("ready", 7))
        self.assertEqual(self.wanted(SECOND), ("ready", 100))
        stage.start(self.lab, FIRST, "agent")
        self.wait_for(lambda: self.wanted(SECOND) == ("ready", 7), "the other hears of it")
        self.wait_for(lambda: self.history() == [("read/db2", "weight 7", "root")],
                      "it is in the history of the others")

    def test_a_balancer_that_crashes_serves_again_at_once_and_disturbs_no_lease(self):
        before = agents.group(self.lab, "db1")
        (crashed,) = stage.find(self.lab, FIRST, "lb")
        processes.kill([crashed])
        began = time.monotonic()
        balancers.spawn(self.lab, FIRST)
        code = ("import socket, time\n"
                "while True:\n"
                "    try:\n"
                f"        at = ('{places.address(FIRST)}', {agents.PORTS['web']})\n"
                "        with socket.create_connection(at, 0.2) as link:\n"
                "            link.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n"
                "            if link.recv(1000).startswith(b'HTTP/1.1 200'): break\n"
                "    except OSError:\n"
                "        time.sleep(0.001)\n"
                "print(time.monotonic())\n")
        served = subprocess.run(
            processes.in_namespace(self.lab, "client", [places.SYSTEM_PYTHON, "-B", "-c", code]),
            capture_output=True, text=True, timeout=30, check=True).stdout
        took = 1000 * (float(served) - began)
        print(f"{took:.0f} ms", end=" ... ", flush=True)
        self.assertLess(took, 2000)
        after = agents.group(self.lab, "db1")
        self.assertEqual((before["epoch"], before["active"]), (after["epoch"], after["active"]))
        self.assertEqual(self.wanted(FIRST), ("ready", 100))

    def asked_anew(self, act):
        """A client connects to the virtual IP again and again: its longest wait for an answer."""
        code = ("import socket, sys, threading, time\n"
                "over = threading.Event()\n"
                "wait = lambda: (sys.stdin.read(), over.set())\n"
                "threading.Thread(target=wait, daemon=True).start()\n"
                "last, worst, asked = time.monotonic(), 0, 0\n"
                "while not over.is_set():\n"
                "    try:\n"
                f"        at = ('{places.VIP}', {SHOP_PORT})\n"
                "        with socket.create_connection(at, 0.05) as link:\n"
                "            link.settimeout(0.2)\n"
                "            link.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n"
                "            if link.recv(1000).startswith(b'HTTP/1.1 200'):\n"
                "                now = time.monotonic()\n"
                "                worst, last, asked = max(worst, now - last), now, asked + 1\n"
                "                if asked == 100: worst = 0; print('served', flush=True)\n"
                "    except OSError:\n"
                "        pass\n"
                "    time.sleep(0.001)\n"
                "print(1000 * worst)\n")
        client = subprocess.Popen(
            processes.in_namespace(self.lab, "client", [places.SYSTEM_PYTHON, "-B", "-c", code]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "served\n")
        act()
        time.sleep(2)
        worst = float(client.communicate(timeout=30)[0])
        print(f"{worst:.0f} ms", end=" ... ", flush=True)
        return worst

    def test_a_pair_with_one_virtual_ip_goes_on_when_a_node_is_lost_and_when_it_hands_over(self):
        for node in ("db1", "db2"):
            balancers.start(self.lab, node)
        self.wait_for(lambda: balancers.backends(self.lab, "db2", "shop")["wit"]["health"] == "up",
                      "the second one has a backend")
        self.assertLess(self.asked_anew(lambda: agents.switchover(self.lab, "db1", "db2")), 2000)
        self.assertLess(self.asked_anew(lambda: stage.kill_node(self.lab, "db2")), 5000)


if __name__ == "__main__":
    rig.main()
