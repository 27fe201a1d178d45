"""The cluster's key is replaced on every node while the application writes."""

import base64
import json
import os
import resource
import signal
import stat
import subprocess
import tempfile

import faults
import rig
from lab import agents, guards, places, processes, stage

REFUSED = 3
FAILED = 1


class KeysTest(faults.FaultCase):
    name = "t-keys"

    def key(self, node, *words, code=0):
        done = agents.tasuki(self.lab, node, "key", *words, check=False, seconds=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def state(self, node="wit", code=0):
        return json.loads(self.key(node, "status", "--json", code=code))

    def files(self):
        """By node: {id: (hex, whether it signs)}."""
        out = {}
        for node in places.AGENTS:
            lines = [line.split() for line in agents.key_file(self.lab, node).read_text()
                     .splitlines() if not line.startswith("#")]
            out[node] = {int(words[0]): (words[1], "sign" in words) for words in lines}
        return out

    def only_key(self):
        """The one key that every file holds, and that every node signs with."""
        found = self.files()
        self.assertEqual(len({str(keys) for keys in found.values()}), 1)
        (number, (secret, signs)), = found["wit"].items()
        self.assertTrue(signs)
        state = self.state()
        self.assertEqual(state["rotation"]["state"], "complete", state)
        for node in state["nodes"]:
            self.assertEqual([key["id"] for key in node["keys"]], [number])
        return number, secret

    def wait_heard(self, number):
        """Every node has heard every other one sign with this key."""
        def all_of_them():
            heard = [each["key"] for node in self.state()["nodes"] for each in node["heard"]]
            return heard == [number] * len(places.AGENTS) * (len(places.AGENTS) - 1)

        processes.wait_until(all_of_them, 5, f"all sign with key {number}", 0.1)

    def assert_secret(self, secrets):
        """In nothing that others may read: state, log, arguments, environment."""
        words = [word for hexed in secrets
                 for word in (hexed, base64.b64encode(bytes.fromhex(hexed)).decode().rstrip("="))]
        shown = {"status": json.dumps(agents.status(self.lab, "wit")),
                 "key status": json.dumps(self.state()),
                 "history": self.run_history()}
        for node in places.AGENTS:
            for role in ("agent", "guard"):
                shown[f"log of {node} {role}"] = self.lab.log(node, role).read_text(errors="replace")
                for process in processes.running(self.lab, node, role):
                    for name in ("cmdline", "environ"):
                        with open(f"/proc/{process.pid}/{name}", "rb") as of:
                            shown[f"{name} of {node} {role}"] = of.read().decode(errors="replace")
        for place, text in shown.items():
            for word in words:
                self.assertNotIn(word, text, place)

    def run_history(self):
        return agents.tasuki(self.lab, "wit", "history", "-o", "json").stdout

    def dumps_core(self, command, is_up):
        """Whether it leaves a core dump when it crashes, were it only for the limits."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        with tempfile.TemporaryDirectory() as folder:
            child = subprocess.Popen(
                list(map(str, command)), cwd=folder, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited))
            processes.wait_until(is_up, faults.BOUND_S, f"{command[0]} is up")
            os.kill(child.pid, signal.SIGABRT)
            _, status = os.waitpid(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(child.returncode, -signal.SIGABRT)
            return os.WCOREDUMP(status)

    def test_an_agent_that_crashes_leaves_no_core_dump(self):
        if not self.dumps_core(["sleep", "60"], lambda: True):
            self.skipTest("nothing leaves a core dump on this machine")
        stage.stop(self.lab, "db3", "agent")
        control = self.lab.control_socket("db3")
        control.unlink(missing_ok=True)
        command = [places.program("tasukid"), "--config", self.lab.config, "--node", "db3"]
        self.assertFalse(self.dumps_core(processes.in_namespace(self.lab, "db3", command),
                                         control.exists))

    def refusals(self):
        return {node: self.lab.log(node, "agent").read_text(errors="replace").count("unknown_key")
                for node in places.AGENTS}

    def test_a_rotation_under_writes_changes_no_holder_and_loses_nothing(self):
        before, old = self.only_key()
        epoch = agents.group(self.lab, self.old)["epoch"]
        refused = self.refusals()
        plan = self.key("wit", "rotate", "--dry-run")
        self.assertEqual(self.only_key(), (before, old))
        self.assertIn(f"sign with key {before + 1}", plan)
        said = []
        self.play(lambda: said.append(self.key("wit", "rotate", "--yes")), master=self.old)
        number, new = self.only_key()
        self.assertEqual(number, before + 1)
        self.assertNotEqual(new, old)
        for step in ("draw", "accept", "sign with", "drop"):
            self.assertRegex(said[0], rf"{step} key \d+.* \d+m?s ")
        for node in places.AGENTS:
            path = agents.key_file(self.lab, node)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertEqual(sorted(each.name for each in path.parent.glob("*cluster.key*")),
                             ["cluster.key"])
        self.wait_heard(number)
        self.assertEqual(agents.group(self.lab, self.old)["epoch"], epoch)
        self.assertEqual(self.refusals(), refused)
        self.assert_secret([old, new])

    def test_the_guardians_releases_are_signed_with_the_new_key(self):
        self.key("db1", "rotate", "--yes")
        number, _ = self.only_key()
        refused = self.refusals()
        played = self.play(lambda: self.kill(self.old, "agent"))
        gap = played.load.summary["longest_gap_ms"]
        print(f"no write for {gap} ms ... ", end="", flush=True)
        self.assertLess(gap, 1000)
        self.assertIn("datagrams of release sent", guards.log(self.lab, self.old))
        self.assertEqual(self.refusals(), refused)
        self.restore()
        self.wait_heard(number)

    def test_a_node_that_is_away_stops_a_rotation_and_is_brought_what_it_missed(self):
        before, old = self.only_key()
        obstacle = agents.key_file(self.lab, "db3").with_name(".cluster.key.new")
        obstacle.mkdir()  # its file cannot be written anew
        self.addCleanup(lambda: obstacle.exists() and obstacle.rmdir())
        said = self.key("db1", "rotate", "--yes", code=FAILED)
        self.assertRegex(said, rf"accept key {before + 1}(.|\n)*db3: key file")
        self.assertEqual({node: sorted(keys) for node, keys in self.files().items()},
                         {"db1": [before, before + 1], "db2": [before, before + 1],
                          "db3": [before], "wit": [before, before + 1]})
        state = self.state("db2", code=FAILED)
        self.assertEqual(state["rotation"]["state"], "half_done", state)
        self.assertIn("db3", state["rotation"]["text"])
        processes.wait_until(self.keys_differ, faults.BOUND_S, "status says that the keys differ")

        stage.stop(self.lab, "db3", "agent")
        obstacle.rmdir()
        # Another node than the one that began it: a rotation belongs to nobody.
        said = self.key("db2", "rotate", "--yes", code=REFUSED)
        self.assertRegex(said, r"db3 cannot be asked")
        self.assertIn("nothing was changed", said)
        self.assertIn("db3: ", self.key("db2", "status", code=FAILED))
        self.assertEqual(sorted(self.files()["db3"]), [before])

        stage.start(self.lab, "db3", "agent")
        processes.wait_until(lambda: self.is_up("db3"), faults.BOUND_S, "db3 is heard")
        self.play(lambda: self.key("db2", "rotate", "--yes"), master=self.old)
        number, new = self.only_key()
        self.assertEqual(number, before + 1)
        self.wait_heard(number)
        self.assertFalse(self.keys_differ())
        self.assert_secret([old, new])

    def is_up(self, node):
        return any(each["name"] == node and each["state"] == "up"
                   for each in agents.status(self.lab, "db2").get("nodes", []))

    def keys_differ(self):
        reasons = agents.status(self.lab, "wit")["reasons"]
        return any(each["code"] == "keys_differ" for each in reasons)

    def test_keys_changed_by_hand_are_loaded_where_all_are_understood(self):
        number, secret = self.only_key()
        new = os.urandom(32).hex()

        def write(node, *lines):
            agents.secret(agents.key_file(self.lab, node), "".join(line + "\n" for line in lines))

        rounds = ((f"{number} {secret} sign", f"{number + 7} {new}"),
                  (f"{number} {secret}", f"{number + 7} {new} sign"),
                  (f"{number + 7} {new} sign",))
        write("db1", *rounds[1])
        said = self.key("db1", "load", code=REFUSED)
        self.assertRegex(said, rf"db1 signs with key {number + 7}, which \w+ does not accept")
        for lines in rounds:
            for node in places.AGENTS:
                write(node, *lines)
                self.key(node, "load")
        self.assertEqual(self.only_key(), (number + 7, new))
        self.wait_heard(number + 7)
        self.assertTrue(agents.healthy(self.lab, "wit"))


if __name__ == "__main__":
    rig.main()
