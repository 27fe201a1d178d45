"""HAProxy before the same servers as a balancer of ours, for comparison: TCP, one thread, and a
socket for its operator."""

import socket
from pathlib import Path

from . import places, processes
from .places import Lab

PROGRAM = Path("/usr/sbin/haproxy")
PORT = 3317
READY_S = 10

# Its servers are not checked: a TCP check is what makes MariaDB block a host.
CONFIG = """
global
  nbthread 1
  maxconn 4000
  stats socket {socket} mode 600 level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen be
  bind {address}:{port}
  balance leastconn
{servers}
"""


def control(lab: Lab, node: str) -> Path:
    return lab.run(node) / "haproxy.sock"


def start(lab: Lab, node: str, servers: tuple) -> None:
    file = lab.of(node) / "haproxy.conf"
    lab.run(node).mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"  server {each} {places.address(each)}:{places.MYSQL_PORT}"
                      for each in servers)
    file.write_text(CONFIG.format(socket=control(lab, node), address=places.address(node),
                                  port=PORT, servers=lines))
    processes.spawn(lab, node, "haproxy", [PROGRAM, "-db", "-f", file])
    processes.wait_until(lambda: answers(lab, node), READY_S, f"haproxy on {node} answers")


def answers(lab: Lab, node: str) -> bool:
    try:
        return "be" in say(lab, node, "show stat")
    except OSError:
        return False


def say(lab: Lab, node: str, words: str) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(control(lab, node)))
        link.sendall(f"{words}\n".encode())
        return b"".join(iter(lambda: link.recv(65536), b"")).decode()
