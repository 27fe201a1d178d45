#!/usr/bin/env python3
"""In a user-mode-linux guest: an agent that is a cluster by itself arms a real watchdog device. It
serves beyond the device's limit, ends in good order, and at last it is killed: that ends the guest.

Arguments: the device, tasukid and tasuki. Each step that is survived is told in a line of its own.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

LIMIT_S = 10  # of the agent
WELL_BEYOND_S = LIMIT_S + 2
READY_S = 10
FOLDER = Path("/run/guest")
VIP = "10.77.0.50"
# A guest takes seconds to load a program, which a reload has to outlast: hence the lease.
CONFIG = """
[cluster]
name = "guest"
key_file = "{folder}/cluster.key"
lease_ms = 8000
[node.one]
addresses = ["10.77.0.1"]
[[group]]
name = "db"
members = ["one"]
[[group.vip]]
address = "{vip}"
interface = "eth0"
[agent]
state_dir = "{folder}/state"
runtime_dir = "{folder}/run"
watchdog = "{device}"
[log]
target = "stderr"
"""


def say(text):
    print(f"watchdog: {text}", flush=True)


def ip(words):
    return subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True).stdout


def serves():
    return f" {VIP}/" in ip("-o addr show dev eth0")


def wait_until(condition, what):
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"watchdog: {what}: not within {READY_S} s")
        time.sleep(0.1)


class Node:
    def __init__(self, device, tasukid, tasuki):
        # From the host's files it would take longer still.
        self.tasukid, self.tasuki = shutil.copy2(tasukid, "/run"), tasuki
        self.socket = FOLDER / "run/control.sock"
        for part in ("state", "run"):
            (FOLDER / part).mkdir(parents=True)
        self.config = FOLDER / "tasuki.toml"
        self.config.write_text(CONFIG.format(folder=FOLDER, vip=VIP, device=device))
        self.tell("init", "--key-file", str(FOLDER / "cluster.key"))

    def tell(self, *words):
        done = subprocess.run([self.tasuki, "--socket", str(self.socket), *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise SystemExit(f"watchdog: tasuki {' '.join(words)}: {done.stdout}")

    def start(self):
        self.agent = subprocess.Popen([self.tasukid, "--config", str(self.config), "--node", "one"])
        wait_until(self.socket.exists, "the agent listens")

    def serve(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not serves():
                raise SystemExit("watchdog: the address is gone")
            time.sleep(0.2)

    def stop(self):
        self.agent.terminate()
        if self.agent.wait(READY_S) != 0:
            raise SystemExit(f"watchdog: the agent ended with {self.agent.returncode}")


def main():
    for words in ("link set lo up", "link add eth0 type veth peer name far", "link set far up",
                  "addr add 10.77.0.1/24 dev eth0", "link set eth0 up"):
        ip(words)
    node = Node(*sys.argv[1:])
    node.start()
    node.tell("bootstrap", "--master", "db=one", "--yes")
    wait_until(serves, "the address is served")
    node.tell("reload")
    node.serve(WELL_BEYOND_S)
    say("served beyond the limit")
    node.stop()
    time.sleep(WELL_BEYOND_S)
    say("lives beyond the limit after a good end")
    node.start()
    wait_until(serves, "the address is served again")
    os.kill(node.agent.pid, signal.SIGKILL)
    began = time.monotonic()
    while time.monotonic() - began < 2 * LIMIT_S:
        say(f"alive {time.monotonic() - began:.1f} s after the agent was killed")
        time.sleep(0.1)


main()
