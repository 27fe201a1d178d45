"""The command line of scripts/lab."""

import argparse
import os
import signal
import sys

from . import network, places, show, stage
from .places import LabError, open_lab


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="scripts/lab", description="Real servers and agents in network namespaces. The lab is "
        f"in {places.FOLDER} (variable TASUKI_LAB); --name makes further ones beside it.")
    top.add_argument("--name", default="", help="name of the lab, for several at once")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_up(commands.add_parser("up", help="build it: network, MariaDB, agents, bootstrap"))
    commands.add_parser("down", help="end and remove everything of it")
    commands.add_parser("status", help="processes, roles, addresses, cuts")
    node = {"choices": list(places.NUMBER), "metavar": "NODE"}
    for name, help_text in (("kill", "power loss: links down, SIGKILL of all its processes"),
                            ("revive", "boot: links up, MariaDB and agent started")):
        commands.add_parser(name, help=help_text).add_argument("node", **node)
    for name, help_text in (("start", "start a process"), ("stop", "SIGTERM it and wait"),
                            ("kill-process", "send it a signal, SIGKILL unless said otherwise")):
        part = commands.add_parser(name, help=help_text)
        part.add_argument("node", **node)
        part.add_argument("role", choices=stage.ROLES)
        if name == "kill-process":
            part.add_argument("--signal", default="KILL", help="KILL, STOP, CONT, TERM, ...")
    cut = commands.add_parser("cut", help="silently drop all frames between a node and others")
    cut.add_argument("one", **node)
    cut.add_argument("others", nargs="+", choices=[*places.NUMBER, "all"], metavar="NODE|all")
    cut.add_argument("--one-way", action="store_true", help="only from the first to the others")
    cut.add_argument("--path", type=int, choices=network.PATHS, help="one network path only")
    commands.add_parser("heal", help="take back every cut")
    link = commands.add_parser("link", help="take a node's carrier away, or give it back")
    link.add_argument("node", **node)
    link.add_argument("state", choices=("down", "up"))
    run = commands.add_parser("exec", help="run a command inside a node's namespace")
    run.add_argument("node", **node)
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    ask = commands.add_parser("sql", help="a statement, or a session, as root on a node's MariaDB")
    ask.add_argument("node", choices=places.DATABASES, metavar="NODE")
    ask.add_argument("statement", nargs="?")
    return top


def add_up(part: argparse.ArgumentParser) -> None:
    part.add_argument("--profile", choices=("fast", "safe"), default="fast")
    for key in ("interval", "lease", "step-down"):
        part.add_argument(f"--{key}-ms", type=int)
    part.add_argument("--addresses", type=int, default=1, metavar="N",
                      help=f"virtual addresses of the group; {places.VIP} is the first")
    part.add_argument("--enforcement", choices=("best", "ebpf", "nftables", "lifetime", "agent"),
                      default="best", help="what takes the address from a node without a lease")
    part.add_argument("--on-no-acker", choices=("degrade", "block"), default="degrade")
    part.add_argument("--no-mysql", action="store_true", help="a group with an address only")
    part.add_argument("--hook", action="store_true", help="a program moves the addresses")
    part.add_argument("--notify", action="store_true", help="a program is told what happens")
    part.add_argument("--two-voters", action="store_true", help="the witness has no vote")
    part.add_argument("--fence", action="store_true",
                      help="two voters, each with a program that kills the other's node")
    part.add_argument("--pools", action="store_true",
                      help="wit runs a load balancer that follows the databases")
    part.add_argument("--pair", action="store_true",
                      help="with --pools: db3 runs another one, and each member may")
    part.add_argument("--no-guard", action="store_true", help="agents without tasuki-guard")
    part.add_argument("--no-agents", action="store_true", help="network and MariaDB only")


def up_options(*words: str) -> argparse.Namespace:
    return parser().parse_args(["up", *words])


def act(options: argparse.Namespace) -> int:
    lab = open_lab(options.name)
    if options.command == "up":
        stage.up(lab, options)
        return 0
    if options.command == "down":
        print(f"removed {lab.folder}" if stage.clean(lab) else "there was no lab")
        return 0
    stage.require(lab)
    if options.command == "exec":
        words = options.words[1:] if options.words[:1] == ["--"] else options.words
        words = words or ["bash"]
        os.execvp("ip", ["ip", "netns", "exec", lab.namespace(options.node), *words])
    if options.command == "sql":
        return ask(lab, options)
    act_on_node(lab, options)
    return 0


def ask(lab, options) -> int:
    words = ["mariadb", "--no-defaults", "-uroot", f"-S{lab.mysql_socket(options.node)}"]
    os.execvp(words[0], words + (["-t", "-e", options.statement] if options.statement else []))


def act_on_node(lab, options) -> None:
    match options.command:
        case "status":
            print(show.status(lab))
        case "kill":
            stage.kill_node(lab, options.node)
        case "revive":
            stage.revive_node(lab, options.node)
        case "start":
            stage.start(lab, options.node, options.role)
        case "stop":
            stage.stop(lab, options.node, options.role)
        case "kill-process":
            stage.kill_process(lab, options.node, options.role, signal_number(options.signal))
        case "cut":
            paths = network.PATHS if options.path is None else (options.path,)
            all_of_them = network.everybody_but(lab, options.one)
            others = all_of_them if "all" in options.others else options.others
            network.cut(lab, [options.one], others, options.one_way, paths)
        case "heal":
            network.heal(lab)
        case "link":
            network.set_link(lab, options.node, options.state)


def signal_number(word: str) -> int:
    if word.isdigit():
        return int(word)
    try:
        return signal.Signals[f"SIG{word.upper().removeprefix('SIG')}"]
    except KeyError:
        raise LabError(f"no signal is called {word}") from None


def main() -> int:
    options = parser().parse_args()
    if os.geteuid() != 0:
        print("scripts/lab: network namespaces need root: run it with sudo", file=sys.stderr)
        return 1
    try:
        return act(options)
    except LabError as error:
        print(f"scripts/lab: {error}", file=sys.stderr)
        return 1
