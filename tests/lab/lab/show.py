"""What `scripts/lab status` prints: one line a node, then the wires, then what the agents say."""

from . import agents, mariadb, network, places, processes
from .places import Lab

QUESTION = ("SELECT @@read_only, @@rpl_semi_sync_master_enabled, @@gtid_binlog_pos; "
            "SHOW SLAVE STATUS")


def status(lab: Lab) -> str:
    described = lab.read_description()
    holders = network.holders(lab)
    lines = [f"lab {lab.name or '(default)'} in {lab.folder}"
             + ("" if described.get("ready") else "  UNFINISHED: `scripts/lab down`")]
    down = network.down_links(lab)
    for node in lab.nodes:
        lines.append(node_line(lab, node, node in holders, down))
    cuts = network.cuts(lab)
    if cuts:
        lines.append("cut      " + ", ".join(f"{a} > {b}" for a, b in cuts))
    for node, port in described.get("relays", {}).items():
        lines.append(f"page     {node} http://127.0.0.1:{port}/")
    if described.get("agents"):
        lines.append(agents_say(lab))
    return "\n".join(lines)


def node_line(lab: Lab, node: str, holds: bool, down: set) -> str:
    parts = [f"{node:<8} {places.address(node):<12}"]
    parts += [f"{p.role}={p.pid}" for p in processes.running(lab, node)]
    missing = [path for path in network.PATHS if network.port(node, path) in down]
    if missing:
        parts.append("LINK DOWN " + ",".join(f"eth{path}" for path in missing))
    if node in places.DATABASES and processes.running(lab, node, "mysqld"):
        parts.append(server(lab, node))
    if holds:
        parts.append(f"has {places.VIP}")
    return "  ".join(parts)


def server(lab: Lab, node: str) -> str:
    if not mariadb.answers(lab, node):
        return "mysql does not answer"
    rows = mariadb.sql(lab, node, QUESTION, check=False)
    if not rows:
        return "mysql does not answer"
    read_only, semi_sync, position = rows[0][:3]
    text = ("read-only" if read_only == "1" else "WRITABLE") + f" gtid={position or '-'}"
    if semi_sync == "1":
        text += " semi-sync"
    if len(rows) > 1:
        source, io, sql = rows[1][1], rows[1][10], rows[1][11]
        text += f" from {source} io={io} sql={sql}"
    return text


def agents_say(lab: Lab) -> str:
    for node in places.AGENTS:
        if processes.running(lab, node, "agent"):
            said = agents.tasuki(lab, node, "status", check=False, seconds=3).stdout.rstrip()
            if said:
                return said
    return "no agent is running that answers"
