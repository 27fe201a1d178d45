"""The subject: our own agents, profile `fast`, with the peer's interval."""

from lab import agents, cli, stage

name = "tasuki"


def timing(options) -> list:
    """Words for `lab up`: the interval, and what else is not the profile's."""
    words = ["--interval-ms", str(options.interval_ms)]
    for key in ("lease_ms", "step_down_ms"):
        if value := getattr(options, key):
            words += [f"--{key.replace('_', '-')}", str(value)]
    return words


def set_up(lab, options, before=lambda node: None, enforcement="best"):
    stage.up(lab, cli.up_options("--no-mysql", "--addresses", str(options.addresses),
                                 "--enforcement", enforcement, *timing(options)),
             say=lambda line: None, before_agent=before)


def hand_over(lab, node):
    agents.switchover(lab, node, "db2" if node == "db1" else "db1")
