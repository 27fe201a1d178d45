"""VLANs, bonds and a watchdog device, which the kernel of a test machine may lack, and more
descriptors for a process than it may allow: tried in the kernel of a user-mode-linux guest (Debian's package of that name), an ordinary process that sees the
machine's files and nothing of its networks. TASUKI_UML names a folder in which the package is
unpacked."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import rig
from lab import places

LIMIT_S = 240
LINKS = ("ipv6", "veth", "bridge", "8021q", "bonding", "macvlan", "sch_ingress", "cls_bpf")
# /dev/watchdog is one of user-mode-linux itself, which needs a program on the host.
WATCHDOG, DEVICE = ("veth", "sch_ingress", "cls_bpf", "softdog nowayout=0"), "/dev/watchdog1"
BITTEN_S = (8, 10)  # after the agent's death: fed each two seconds, it bites ten after that
SESSIONS, KIB_MAX = 20_000, 4.0
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def place() -> Path:
    return Path(os.environ.get("TASUKI_UML", "/"))


def kernel() -> Path:
    return place() / "usr/bin/linux.uml"


def run_in_guest(modules_loaded, *command, memory: str = "256M") -> str:
    """What the guest says, its command's exit code included if it was not reset before."""
    modules, = (place() / "usr/lib/uml/modules").iterdir()
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps({"modules": str(modules), "load": modules_loaded,
                                   "command": list(map(str, command))}))
        words = [kernel(), f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                 f"init={places.SOURCE}/tests/lab/lab/guest.py", f"TASUKI_JOB={job}",
                 f"PATH={os.environ['PATH']}", "con=null", "con0=null,fd:1", "quiet",
                 "noreboot"]
        done = subprocess.run(["timeout", "-k", "5", str(LIMIT_S), *map(str, words)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", env={**os.environ, "TMPDIR": "/dev/shm"})
    return COLOURS.sub("", done.stdout)


class StackedLinksTest(unittest.TestCase):
    def test_addresses_are_carried_by_vlans_and_bonds(self):
        began = time.monotonic()
        said = run_in_guest(LINKS, places.program("unit_vip"), "[links]")
        self.assertIn("guest: exit code 0", said, said)
        self.assertNotIn("skipped:", said, said)
        rungs = dict(re.findall(r"rung on a (.*?): (.*)", said))
        self.assertEqual(set(rungs), {"vlan", "bond", "vlan, without a gate"}, said)
        self.assertEqual(rungs["vlan, without a gate"].split(",")[0], "lifetime")
        release, = re.findall(r"guest: Linux (\S+)", said)
        passed, = re.findall(r"All tests passed .*", said)
        print(f"Linux {release}: {passed}; rungs: "
              f"{'; '.join(f'{where}: {rung}' for where, rung in rungs.items())}; "
              f"{time.monotonic() - began:.0f} s ... ", end="", flush=True)


class WatchdogTest(unittest.TestCase):
    def test_the_device_resets_a_machine_whose_agent_was_killed_and_no_other(self):
        began = time.monotonic()
        said = run_in_guest(WATCHDOG, places.SOURCE / "tests/lab/guest_watchdog.py", DEVICE,
                            places.program("tasukid"), places.program("tasuki"))
        armed = f"the watchdog {DEVICE} resets this machine after 10 s"
        self.assertIn("watchdog: served beyond the limit", said, said)
        self.assertIn("watchdog: lives beyond the limit after a good end", said, said)
        self.assertEqual(said.count(armed), 3, said)  # at each start, and after the reload
        self.assertIn("softdog: Initiating system reboot", said, said)
        self.assertNotIn("guest: exit code", said, said)
        alive = float(re.findall(r"watchdog: alive (\S+) s", said)[-1])
        least, most = BITTEN_S
        self.assertGreater(alive, least - 0.5, said)
        self.assertLess(alive, most + 0.5, said)
        print(f"reset {alive} s after the agent was killed; {time.monotonic() - began:.0f} s ... ",
              end="", flush=True)


class SessionsTest(unittest.TestCase):
    def test_a_balancer_holds_20_000_sessions_that_say_nothing(self):
        began = time.monotonic()
        said = run_in_guest((), places.SOURCE / "tests/lab/guest_sessions.py", SESSIONS,
                            places.program("tasuki-lb"), places.program("tasuki"), memory="2G")
        found = re.findall(r"sessions: (\d+) open, (\S+) KiB each", said)
        self.assertTrue(found, said)
        count, kib = found[0]
        self.assertEqual(int(count), SESSIONS)
        self.assertLess(float(kib), KIB_MAX)
        print(f"{count} sessions, {kib} KiB each; {time.monotonic() - began:.0f} s ... ", end="",
              flush=True)


def skip(why: str) -> None:
    print(f"skipped: VLANs, bonds, a watchdog device, 20,000 sessions: {why}")
    sys.exit(rig.SKIPPED)


if __name__ == "__main__":
    if not kernel().exists():
        skip("no user-mode-linux here (scripts/setup installs it)")
    # Debian 12's has no room for all registers of newer processors (AMX), and ends before its first
    # process has begun.
    hello = run_in_guest((), "true")
    if "guest:" not in hello and "Kernel panic" in hello:
        skip("the kernel of user-mode-linux does not run on this processor (a newer one in a folder "
             "that TASUKI_UML names may)")
    unittest.main(verbosity=2)
