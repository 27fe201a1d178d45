"""The agents of the lab: their one configuration file, the cluster key, the first record."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import hooks, mariadb, places, processes
from .places import AGENTS, Lab, LabError

CLUSTER = """# Written by the lab; the same file for every node.
[cluster]
name = "lab"
key_file = "{folder}/{{node}}/cluster.key"
profile = "{profile}"
{timing}
[node.db1]
addresses = ["10.77.0.1", "10.78.0.1"]
[node.db2]
addresses = ["10.77.0.2", "10.78.0.2"]
[node.db3]
addresses = ["10.77.0.3", "10.78.0.3"]
voter = false
[node.wit]
addresses = ["10.77.0.9", "10.78.0.9"]
witness = true

[heartbeat]
port = 7800

[[group]]
name = "db"
members = ["db1", "db2", "db3"]
"""

VIP = """
[[group.vip]]
address = "{address}"
interface = "eth0"
"""

MYSQL = """
[group.mysql]
socket = "{folder}/{{node}}/run/mysqld.sock"
port = 3306
user = "tasuki"
password_file = "{folder}/mysql.pw"
replication_user_prefix = "repl_"
replication_password_file = "{folder}/repl.pw"
on_no_acker = "{on_no_acker}"
never_master = ["db3"]
"""

POOLS = """
[[pool]]
name = "write"
nodes = [{nodes}]
listen = [{listen}]
follow = { group = "db", role = "master" }
check = { interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }
[[pool]]
name = "held"
nodes = [{nodes}]
listen = [{listen}]
follow = { group = "db", role = "master" }
check = { interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }
[[pool.user]]
name = "app"
password_file = "{secret}"
[[pool]]
name = "read"
nodes = [{nodes}]
listen = [{listen}]
follow = { group = "db", role = "replica", max_lag_ms = 2000 }
check = { interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2, user = "app" }
[[pool]]
name = "web"
nodes = [{nodes}]
listen = [{listen}]
check = { interval_ms = 300, fast_interval_ms = 50, rise = 1, fall = 2 }
drain = { silence_ms = 100 }
backend = [ { name = "db3", address = "10.77.0.3:8080" },
            { name = "wit", address = "10.77.0.9:8080" } ]
"""
PORTS = {"write": 3307, "held": 3310, "read": 3308, "web": 8081}

# On whichever member has the address of the group.
SHOP = """
[[pool]]
name = "shop"
group = "db"
listen = "10.77.0.50:8081"
backend = [ { name = "wit", address = "10.77.0.9:8080" } ]
"""

TAIL = """
[vip]
enforcement = "{enforcement}"

[http]
listen = "127.0.0.1:7801"

[agent]
state_dir = "{folder}/{{node}}/state"
runtime_dir = "{folder}/{{node}}/run"

[log]
target = "stderr"
"""


def balancers_of(options) -> tuple:
    return ("wit", "db3") if options.pair else ("wit",)


def literal(text: str) -> str:
    """As it is, after all placeholders of the configuration are filled in."""
    return text.replace("{", "{{").replace("}", "}}")


def pools(nodes: tuple) -> str:
    parts = POOLS.replace("{nodes}", ", ".join(f'"{node}"' for node in nodes)).split("[[pool]]")
    for at, port in enumerate(PORTS.values(), 1):
        addresses = ", ".join(f'"{places.address(node)}:{port}"' for node in nodes)
        parts[at] = parts[at].replace("{listen}", addresses)
    # The place of the secrets is told with all the others.
    return literal("[[pool]]".join(parts)).replace("{{secret}}", "{folder}/app.pw")


def write_config(lab: Lab, options) -> None:
    timing = "".join(f"{key} = {value}\n" for key in ("interval_ms", "lease_ms", "step_down_ms")
                     if (value := getattr(options, key, None)))
    vips = [VIP.replace("{address}", each) for each in places.vips(options.addresses)]
    vips = hooks.method(lab, vips) if options.hook else vips
    parts = [CLUSTER, *vips, TAIL] if options.no_mysql else [CLUSTER, *vips, MYSQL, TAIL]
    parts += [pools(balancers_of(options))] if options.pools else []
    parts += [literal(SHOP)] if options.pair else []
    parts += [hooks.notify(lab)] if options.notify else []
    if options.two_voters or options.fence:
        parts[0] = parts[0].replace("witness = true", "voter = false")
    parts += [hooks.fence(lab)] if options.fence else []
    lab.config.write_text("".join(parts).format(folder=lab.folder, profile=options.profile,
                                                timing=timing,
                                                enforcement=options.enforcement,
                                                on_no_acker=options.on_no_acker))
    for name, account in (("mysql.pw", "tasuki"), ("repl.pw", "repl"), ("app.pw", "app")):
        secret(lab.folder / name, mariadb.PASSWORD[account] + "\n")


def secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def key_file(lab: Lab, node: str) -> Path:
    return lab.of(node) / "cluster.key"


def make_key(lab: Lab) -> None:
    """One key, in a file of its own for each node, as on real machines."""
    first, *others = AGENTS
    for node in AGENTS:
        lab.of(node).mkdir(parents=True, exist_ok=True)
    tasuki(lab, None, "init", "--key-file", key_file(lab, first))
    for node in others:
        secret(key_file(lab, node), key_file(lab, first).read_text())


def start(lab: Lab, node: str) -> None:
    for part in ("state", "run", "log"):
        (lab.of(node) / part).mkdir(parents=True, exist_ok=True)
    processes.spawn(lab, node, "agent", [places.program("tasukid"), "--config", lab.config,
                                         "--node", node])


def wait_ready(lab: Lab, node: str, seconds: float = 10.0) -> None:
    def ready() -> bool:
        if not processes.running(lab, node, "agent"):
            raise LabError(f"tasukid of {node} ended: {tail(lab, node)}")
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(lab.control_socket(node))) == 0

    processes.wait_until(ready, seconds, f"tasukid of {node} opens its control socket")


def tail(lab: Lab, node: str, lines: int = 5) -> str:
    try:
        text = lab.log(node, "agent").read_text(errors="replace")
    except OSError:
        return "no log"
    return " | ".join(text.splitlines()[-lines:])


TIMED_OUT = 124


def tasuki(lab: Lab, node, *arguments, check: bool = True, seconds: float = 30):
    """One command of the operator's, sent to a node's agent; node None sends it to nobody."""
    where = ["--socket", lab.control_socket(node)] if node else []
    command = [str(part) for part in (places.program("tasuki"), *where, *arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, TIMED_OUT, "",
                                           f"no answer within {seconds:g} s")
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: exit {done.returncode}: "
                       f"{(done.stderr or done.stdout).strip()}")
    return done


def status(lab: Lab, node: str) -> dict:
    """The status document as one agent tells it; empty if that agent does not answer."""
    done = tasuki(lab, node, "status", "-o", "json", check=False, seconds=5)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


def metrics(lab: Lab, node: str) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(str(lab.control_socket(node)))
        link.sendall(b"GET /metrics HTTP/1.1\r\nHost: tasuki\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: link.recv(65536), b"")).decode()


def group(lab: Lab, node: str, name: str = "db") -> dict:
    for entry in status(lab, node).get("groups", []):
        if entry["name"] == name:
            return entry
    return {}


def healthy(lab: Lab, node: str) -> bool:
    return tasuki(lab, node, "status", check=False, seconds=5).returncode == 0


def bootstrap(lab: Lab, master: str = "db1") -> None:
    tasuki(lab, master, "bootstrap", "--master", f"db={master}", "--yes")


def switchover(lab: Lab, node: str, target: str, name: str = "db") -> None:
    """Returns when the command does; exit code 5 (still running) is left to the caller's wait."""
    done = tasuki(lab, node, "switchover", name, "--to", target, "--yes", check=False, seconds=60)
    if done.returncode not in (0, 5):
        raise LabError(f"switchover of {name} to {target}: exit {done.returncode}: "
                       f"{done.stderr.strip() or done.stdout.strip()}")


def wait_healthy(lab: Lab, node: str = "db1", seconds: float = 30.0) -> float:
    began = time.monotonic()
    try:
        processes.wait_until(lambda: healthy(lab, node), seconds, "tasuki status says healthy", 0.1)
    except LabError as error:
        answer = tasuki(lab, node, "status", check=False, seconds=5)
        raise LabError(f"{error}\n{answer.stdout}{answer.stderr}") from None
    return time.monotonic() - began


def start_relays(lab: Lab) -> dict:
    """Ports 7811, 7812, 7813 and 7819 for db1, db2, db3 and wit, or 20 further where taken."""
    ports = {}
    for node in AGENTS:
        port = 7810 + places.NUMBER[node]
        while not is_free(port):
            port += 20
        ports[node] = port
    wanted = [f"{port}={lab.namespace(node)}" for node, port in ports.items()]
    processes.spawn(lab, "host", "relay", [sys.executable, "-B", "-m", "lab.relay", lab.folder,
                                           *wanted], outside=Path(__file__).parents[1])
    return ports


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


