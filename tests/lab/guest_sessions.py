#!/usr/bin/env python3
"""In a user-mode-linux guest, where a process may have more descriptors than the machine allows it:
that many sessions which say nothing, through one tasuki-lb, and what they cost it.

  guest_sessions.py SESSIONS TASUKI_LB TASUKI
"""

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path("/run/sessions")
DOOR, BACK = ("127.0.0.1", 8000), ("127.0.0.1", 9000)
ASKED = 100  # of them, at the end
BOUND_S = 60
CONFIG = """
[cluster]
name = "guest"
[node.a]
addresses = ["127.0.0.1"]
[[pool]]
name = "web"
nodes = ["a"]
listen = "127.0.0.1:8000"
check = { kind = "none" }
backend = [ { name = "one", address = "127.0.0.1:9000" } ]
[log]
target = "stderr"
"""


def serve() -> None:
    """Answers with what it hears."""
    door = socket.create_server(BACK, backlog=4096)
    poll = select.epoll()
    poll.register(door, select.EPOLLIN)
    links = {}
    while True:
        for number, _ in poll.poll():
            if number == door.fileno():
                link, _ = door.accept()
                links[link.fileno()] = link
                poll.register(link, select.EPOLLIN)
                continue
            said = links[number].recv(100)
            if said:
                links[number].sendall(said)
            else:
                links.pop(number).close()


def resident_kib(process) -> int:
    return int(Path(f"/proc/{process.pid}/status").read_text().split("VmRSS:")[1].split()[0])


def wait_for(fits, what: str):
    end = time.monotonic() + BOUND_S
    while not fits():
        if time.monotonic() > end:
            sys.exit(f"sessions: not within {BOUND_S} s: {what}")
        time.sleep(0.1)


def shown(command: str) -> dict:
    done = subprocess.run([command, "lb", "list", "-o", "json", "--socket",
                           FOLDER / "run/control.sock"], capture_output=True, text=True)
    return json.loads(done.stdout)["pools"][0] if done.returncode == 0 else {}


def main(count: int, balancer: str, command: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    most = 3 * count
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    FOLDER.mkdir()
    (FOLDER / "tasuki.toml").write_text(CONFIG)
    server = os.fork()
    if server == 0:
        serve()
    subject = subprocess.Popen([balancer, "--config", FOLDER / "tasuki.toml", "--node", "a",
                                "--state-dir", FOLDER / "state", "--runtime-dir", FOLDER / "run",
                                "--threads", "2"])
    wait_for(lambda: shown(command), "it answers")
    before = resident_kib(subject)
    links = []
    for _ in range(count):
        links.append(socket.create_connection(DOOR, timeout=BOUND_S))
    wait_for(lambda: shown(command)["backends"][0]["sessions"] == count, "all are sessions")
    time.sleep(1)
    each = (resident_kib(subject) - before) / count
    for link in links[::count // ASKED]:
        link.sendall(b"still there")
        if link.recv(100) != b"still there":
            sys.exit("sessions: one of them is dead")
    print(f"sessions: {shown(command)['backends'][0]['sessions']} open, {each:.2f} KiB each",
          flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
