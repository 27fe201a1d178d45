"""The peer: Debian's keepalived, VRRPv3 in unicast between db1 and db2, nobody pre-empts.

Version 3 because only it takes an interval below a second. Everything else is its default: what a
careful person would write for a fast fail-over, not a configuration made to lose.
"""

import shutil

from lab import cli, places, processes, stage
from lab.places import LabError

name = "keepalived"
NODES = ("db1", "db2")

CONFIG = """global_defs {{
    router_id {node}
    vrrp_version 3
}}
vrrp_instance address {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 50
    priority {priority}
    advert_int {interval:g}
    unicast_src_ip {own}
    unicast_peer {{
        {peer}
    }}
    virtual_ipaddress {{
        {first}/32 dev eth0
    }}
{others}}}
"""

# Beyond those of one advertisement: moved with it, and not named in it.
OTHERS = """    virtual_ipaddress_excluded {{
{lines}
    }}
"""


def set_up(lab, options, before=lambda node: None):
    if not shutil.which("keepalived"):
        raise LabError("keepalived is not installed: apt-get install keepalived")
    stage.up(lab, cli.up_options("--no-mysql", "--no-agents"), say=lambda line: None)
    for node, peer, priority in (("db1", "db2", 150), ("db2", "db1", 100)):
        before(node)
        start(lab, node, peer, priority, options)


def start(lab, node, peer, priority, options):
    folder = lab.of(node)
    (folder / "run").mkdir(parents=True, exist_ok=True)
    config = folder / "keepalived.conf"
    first, *others = places.vips(options.addresses)
    lines = "\n".join(f"        {each}/32 dev eth0" for each in others)
    config.write_text(CONFIG.format(node=node, priority=priority, own=places.address(node),
                                    peer=places.address(peer), first=first,
                                    others=OTHERS.format(lines=lines) if others else "",
                                    interval=options.interval_ms / 1000))
    processes.spawn(lab, node, "keepalived", [
        "keepalived", "--dont-fork", "--vrrp", "--log-console", "--use-file", config,
        "--pid", folder / "run/keepalived.pid", "--vrrp_pid", folder / "run/vrrp.pid"])


def hand_over(lab, node):
    """A clean stop: it sends priority 0, and its peer need not wait for silence."""
    processes.stop(processes.running(lab, node, "keepalived"))
