"""The subject: our own agents, profile `fast`, with the peer's interval."""

from lab import agents, cli, stage

name = "tasuki"


def timing(options) -> list:
    """Words for `lab up`: the interval, and the lease where it is not the profile's."""
    lease = ["--lease-ms", str(options.lease_ms)] if options.lease_ms else []
    return ["--interval-ms", str(options.interval_ms), *lease]


def set_up(lab, options):
    stage.up(lab, cli.up_options("--no-mysql", *timing(options)), say=lambda line: None)


def hand_over(lab, node):
    agents.switchover(lab, node, "db2" if node == "db1" else "db1")
