"""The guardians of the lab: one beside each agent, started before it."""

import socket

from . import places, processes
from .places import Lab, LabError


def path(lab: Lab, node: str):
    return lab.run(node) / "guard.sock"


def start(lab: Lab, node: str) -> None:
    for part in ("run", "log"):
        (lab.of(node) / part).mkdir(parents=True, exist_ok=True)
    processes.spawn(lab, node, "guard", [places.program("tasuki-guard"), "--runtime-dir",
                                         lab.run(node)])


def wait_ready(lab: Lab, node: str, seconds: float = 10.0) -> None:
    def ready() -> bool:
        if not processes.running(lab, node, "guard"):
            raise LabError(f"tasuki-guard of {node} ended: {log(lab, node)}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
            return probe.connect_ex(str(path(lab, node))) == 0

    processes.wait_until(ready, seconds, f"tasuki-guard of {node} opens its socket")


def log(lab: Lab, node: str) -> str:
    try:
        return lab.log(node, "guard").read_text(errors="replace")
    except OSError:
        return ""
