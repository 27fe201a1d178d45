#!/usr/bin/env python3
"""The first process of a user-mode-linux guest: loads modules, runs one command, powers off.

The guest's root is the host's, read-only. The variable TASUKI_JOB names a JSON file with `modules`
(the folder of this kernel's modules), `load` (their names, with parameters behind them) and
`command` (its words). What the command says goes to the console, and its exit code follows as a
line of its own.
"""

import ctypes
import json
import os
import subprocess
import traceback
from pathlib import Path

FINIT_MODULE = 313  # x86_64
POWER_OFF = 0x4321FEDC
libc = ctypes.CDLL(None, use_errno=True)


def mount(kind, where):
    if libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None) != 0:
        print(f"guest: no {kind} at {where}: {os.strerror(ctypes.get_errno())}", flush=True)


def load(folder, names):
    """Each with what it needs, which modules.dep lists with the first to be loaded last."""
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[Path(path).name.split(".")[0].replace("-", "_")] = [path, *others.split()]
    loaded = set()
    for wanted in names:
        name, _, words = wanted.partition(" ")
        for path in reversed(needs.get(name, [])):
            if path in loaded:
                continue
            parameters = words.encode() if path == needs[name][0] else b""
            with open(folder / path, "rb") as module:
                if libc.syscall(FINIT_MODULE, module.fileno(), parameters, 0) != 0:
                    print(f"guest: {name}: {os.strerror(ctypes.get_errno())}", flush=True)
            loaded.add(path)


def main():
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"),
                        ("bpf", "/sys/fs/bpf")):
        mount(kind, where)
    job = json.loads(Path(os.environ["TASUKI_JOB"]).read_text())
    load(Path(job["modules"]), job["load"])
    print(f"guest: Linux {os.uname().release}, up for {Path('/proc/uptime').read_text().split()[0]} s",
          flush=True)
    done = subprocess.run(job["command"], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    print(f"guest: exit code {done.returncode}", flush=True)


try:
    main()
except BaseException:  # whatever it is, nobody would see it after the power is off
    traceback.print_exc()
finally:
    libc.sync()
    libc.reboot(POWER_OFF)
