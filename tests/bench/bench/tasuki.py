"""The subject: our own agents, profile `fast`, with the same interval as the peer."""

from lab import agents, cli, network, places, processes, stage

name = "tasuki"
INTERVAL_MS = 100


def set_up():
    lab = places.open_lab("b-tasuki")
    stage.clean(lab)
    stage.up(lab, cli.up_options("--no-mysql", "--interval-ms", str(INTERVAL_MS)),
             say=lambda line: None)
    processes.wait_until(lambda: network.holders(lab) == ["db1"], 10, "db1 holds the address")
    return lab


def hand_over(lab, node):
    target = "db2" if node == "db1" else "db1"
    agents.tasuki(lab, node, "switchover", "db", "--to", target, "--yes")
