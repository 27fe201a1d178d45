"""VLANs and bonds, which the kernel of a test machine may lack: the tests of links in the kernel of a
user-mode-linux guest (Debian's package of that name), an ordinary process that sees the machine's
files and nothing of its networks. TASUKI_UML names a folder in which the package is unpacked."""

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

LIMIT_S = 120
MODULES = ("ipv6", "veth", "bridge", "8021q", "bonding", "macvlan", "sch_ingress", "cls_bpf")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def place() -> Path:
    return Path(os.environ.get("TASUKI_UML", "/"))


def kernel() -> Path:
    return place() / "usr/bin/linux.uml"


def run_in_guest(*command) -> str:
    """What the guest says, its command's exit code included."""
    modules, = (place() / "usr/lib/uml/modules").iterdir()
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps({"modules": str(modules), "load": MODULES,
                                   "command": list(map(str, command))}))
        words = [kernel(), "mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                 f"init={places.SOURCE}/tests/lab/lab/guest.py", f"TASUKI_JOB={job}",
                 f"PATH={os.environ['PATH']}", "con=null", "con0=null,fd:1", "quiet"]
        done = subprocess.run(["timeout", "-k", "5", str(LIMIT_S), *map(str, words)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", env={**os.environ, "TMPDIR": "/dev/shm"})
    return COLOURS.sub("", done.stdout)


class StackedLinksTest(unittest.TestCase):
    def test_addresses_are_carried_by_vlans_and_bonds(self):
        began = time.monotonic()
        said = run_in_guest(places.program("unit_vip"), "[links]")
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


if __name__ == "__main__":
    if not kernel().exists():
        print("skipped: VLANs and bonds: no user-mode-linux here (scripts/setup installs it)")
        sys.exit(rig.SKIPPED)
    unittest.main(verbosity=2)
