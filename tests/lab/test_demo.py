"""scripts/demo as a program sees it: six JSON lines at the end, nothing left behind."""

import json
import os
import signal
import subprocess
import unittest

import rig
from lab import network, places

DEMO = [str(places.SOURCE / "scripts" / "demo"), "--name", "t-demo", "--once", "--json"]
KEYS = {"story", "write_outage_ms", "acked", "lost", "dual_active_ms", "old", "new", "epoch"}


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.lab = places.open_lab("t-demo")
        os.environ.setdefault("TASUKI_BUILD", str(places.program("tasukid").parent))

    def assert_nothing_is_left(self):
        self.assertEqual(network.existing(self.lab), [])
        self.assertFalse(self.lab.folder.exists())

    def test_all_stories_lose_nothing_and_leave_nothing(self):
        done = subprocess.run(DEMO, capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        rows = [json.loads(line) for line in done.stdout.splitlines()[-6:]]
        self.assertEqual([row["story"] for row in rows],
                         ["kill-mysqld", "lose-node", "switchover", "lose-standby", "drain",
                          "switchover-held"])
        held = rows.pop()
        self.assertEqual(set(held), {"story", "errors", "longest_ms", "statements"})
        self.assertLessEqual(held["errors"], 5)  # 0 but on a busy machine
        self.assertGreater(held["statements"], 500)
        drained = rows.pop()
        self.assertEqual(set(drained), {"story", "sessions", "drained_ms", "errors", "requests"})
        self.assertEqual(drained["errors"], 0)
        self.assertGreater(drained["sessions"], 20)
        self.assertGreater(drained["requests"], 1000)
        for row in rows:
            self.assertEqual(set(row), KEYS)
            self.assertEqual((row["lost"], row["dual_active_ms"]), (0, 0), row)
            self.assertGreaterEqual(row["acked"], 1000, row)
            self.assertEqual(row["old"] == row["new"], row["story"] == "lose-standby", row)
        self.assertEqual([line for line in done.stderr.splitlines() if len(line) > 100], [])
        self.assert_nothing_is_left()

    def test_an_interrupt_in_the_first_story_leaves_nothing(self):
        with subprocess.Popen(DEMO, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as demo:
            for line in demo.stderr:
                if "kill -9 of mariadbd" in line:
                    break
            demo.send_signal(signal.SIGINT)
            demo.stderr.read()
        self.assertEqual(demo.returncode, 130)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    rig.main()
