"""The load balancers of a lab and the web backends behind them: two of each, no agents."""

import json
import signal
import subprocess

from . import network, places, processes
from .places import Lab, LabError

LISTEN = "10.77.0.60"
PORT = 80
BACKEND_PORT = 8080
READY_S = 10

CONFIG = """# Written by the lab; the same file for both balancers.
[cluster]
name = "lab"
key_file = "{folder}/cluster.key"
profile = "fast"
[node.lb1]
addresses = ["10.77.0.61"]
[node.lb2]
addresses = ["10.77.0.62"]
[node.app1]
addresses = ["10.77.0.21"]
[[group]]
name = "lb"
members = ["lb1", "lb2"]
[[group.vip]]
address = "{listen}"
[log]
target = "stderr"
"""

POOL = """
[[pool]]
name = "web"
group = "lb"
listen = "{listen}:{port}"
check = {{ http = "/healthz", interval_ms = 200, fast_interval_ms = 50, rise = 1, fall = 2 }}
drain = {{ silence_ms = {silence_ms} }}
backend = [ {backends} ]
"""


def backend(name: str, weight: int = 100) -> str:
    address = f"{places.address(name)}:{BACKEND_PORT}"
    return f'{{ name = "{name}", address = "{address}", weight = {weight} }}'


def write_config(lab: Lab, backends=None, silence_ms: int = 100) -> None:
    chosen = backends if backends is not None else [backend("app1"), backend("app2")]
    lab.config.write_text(
        CONFIG.format(folder=lab.folder, listen=LISTEN) +
        POOL.format(listen=LISTEN, port=PORT, silence_ms=silence_ms, backends=", ".join(chosen)))


def build(lab: Lab) -> None:
    """The wires, the backends, and the balancers, of which lb1 has the address."""
    lab.folder.mkdir(parents=True)
    lab.write_description(ready=False, mysql=False, agents=False)
    network.build(lab)
    write_config(lab)
    for node in ("app1", "app2"):
        start_web(lab, node)
    for node in ("lb1", "lb2"):
        start(lab, node)
    network.give_address(lab, "lb1", LISTEN)
    lab.write_description(ready=True)


def start_web(lab: Lab, node: str) -> None:
    script = places.SOURCE / "tests" / "lab" / "lab" / "web.py"
    processes.spawn(lab, node, "web", ["python3", "-B", script, node, BACKEND_PORT])


def spawn(lab: Lab, node: str, folder: str = "lb"):
    return processes.spawn(lab, node, "lb", [
        places.program("tasuki-lb"), "--config", lab.config, "--node", node, "--state-dir",
        lab.of(node) / f"{folder}-state", "--runtime-dir", lab.of(node) / f"{folder}-run"])


def start(lab: Lab, node: str) -> None:
    spawn(lab, node)
    processes.wait_until(lambda: tasuki(lab, node, "list", check=False).returncode == 0, READY_S,
                         f"tasuki-lb on {node} answers")


def upgrade(lab: Lab, node: str) -> None:
    """Another process of the same program takes its place, with all it has."""
    log = lab.log(node, "lb")
    size = log.stat().st_size
    for process in processes.running(lab, node, "lb"):
        processes.send_signal(process, signal.SIGUSR2)
    processes.wait_until(lambda: " takes over " in log.read_text()[size:] and
                         "threads" in log.read_text()[size:], READY_S,
                         f"another process serves on {node}")
    processes.wait_until(lambda: tasuki(lab, node, "list", check=False).returncode == 0, READY_S,
                         f"tasuki-lb on {node} answers again")


def socket(lab: Lab, node: str):
    return lab.of(node) / "lb-run" / "control.sock"


def tasuki(lab: Lab, node: str, *words, check: bool = True) -> subprocess.CompletedProcess:
    command = [places.program("tasuki"), "lb", *words, "--socket", socket(lab, node)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if check and done.returncode != 0:
        raise LabError(f"tasuki lb {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done


def backends(lab: Lab, node: str = "lb1", pool: str = "") -> dict:
    """Of the pool with that name, or of the first one."""
    document = json.loads(tasuki(lab, node, "list", "-o", "json").stdout)
    (found,) = [one for one in document["pools"] if pool in (one["name"], "")][:1]
    return {one["name"]: one for one in found["backends"]}
