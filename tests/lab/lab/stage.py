"""What can be done to a lab and to a node of it: up, down, kill, revive, start, stop."""

import shutil
import signal
import time
from pathlib import Path

from . import agents, balancers, guards, mariadb, network, places, processes
from .places import Lab, LabError

ROLES = ("mysqld", "agent", "guard")


def up(lab: Lab, options, say=print, before_agent=lambda node: None) -> None:
    began = time.monotonic()
    described = lab.read_description()
    if described.get("ready") and processes.running(lab):
        raise LabError(f"a lab is already up in {lab.folder}: use it, or `scripts/lab down` first")
    if clean(lab):
        say(f"cleaned what an earlier run left in {lab.folder}")
    with_agents = not options.no_agents
    if with_agents:
        for program in ("tasukid", "tasuki", "tasuki-guard"):
            places.program(program)  # say at once that it is not built
    lab.folder.mkdir(parents=True)
    lab.write_description(ready=False, mysql=not options.no_mysql, agents=with_agents,
                          guards=with_agents and not options.no_guard)
    network.build(lab)
    say(f"{since(began)} network  {' '.join(lab.nodes)} on 10.77.0.0/24, 10.78.0.0/24")
    if not options.no_mysql:
        start_servers(lab)
        say(f"{since(began)} mariadb  {' '.join(places.DATABASES)} answer, read-only, same data")
    agents.write_config(lab, options)
    if with_agents:
        for node in places.AGENTS:
            before_agent(node)
        start_agents(lab, say, began, alone=options.two_voters)
    if options.pools:
        for node in ("wit", "db3"):
            balancers.start_web(lab, node)
        for node in agents.balancers_of(options):
            balancers.start(lab, node)
        ports = " ".join(f"{name}:{port}" for name, port in agents.PORTS.items())
        say(f"{since(began)} balancer {' '.join(agents.balancers_of(options))}: {ports}")
    lab.write_description(ready=True)
    say(f"{since(began)} up in {lab.folder}")


def since(began: float) -> str:
    return f"{time.monotonic() - began:5.2f} s"


def start_servers(lab: Lab) -> None:
    source = mariadb.template()
    for node in places.DATABASES:
        mariadb.prepare(lab, node, source)
        mariadb.start(lab, node)
    for node in places.DATABASES:
        mariadb.wait_ready(lab, node)


def start_agents(lab: Lab, say, began: float, alone: bool) -> None:
    agents.make_key(lab)
    if lab.read_description().get("guards"):
        for node in places.AGENTS:
            guards.start(lab, node)
        for node in places.AGENTS:
            guards.wait_ready(lab, node)
    for node in places.AGENTS:
        agents.start(lab, node)
    for node in places.AGENTS:
        agents.wait_ready(lab, node)
    say(f"{since(began)} agents   {' '.join(places.AGENTS)} listen")
    agents.bootstrap(lab)
    ports = agents.start_relays(lab)
    lab.write_description(relays=ports)
    if alone:  # never called healthy
        processes.wait_until(lambda: network.holders(lab), 30, "somebody holds the address")
    else:
        agents.wait_healthy(lab)
    active = agents.group(lab, "db1").get("active")
    say(f"{since(began)} healthy  {active} is active for {places.VIP}")
    pages = "  ".join(f"{node} http://127.0.0.1:{port}/" for node, port in ports.items())
    say(f"        pages    {pages}")


def clean(lab: Lab) -> bool:
    """Ends everything of this lab and removes it; True if there was something."""
    left = processes.running(lab)
    present = network.existing(lab)
    for node in (*lab.nodes, "sw"):
        left += [stray for stray in processes.strangers(lab, node)
                 if stray.pid not in {process.pid for process in left}]
    processes.kill(left)
    network.remove(lab)
    existed = lab.folder.exists()
    if existed:
        remove_folder(lab.folder)
    return bool(left or present or existed)


def remove_folder(folder: Path) -> None:
    """Only what looks like a lab: TASUKI_LAB may point anywhere."""
    names = {entry.name for entry in folder.iterdir()}
    if names and "lab.json" not in names:
        raise LabError(f"{folder} is not a lab (no lab.json in it): remove it yourself")
    shutil.rmtree(folder)


def require(lab: Lab) -> dict:
    described = lab.read_description()
    if not described:
        raise LabError(f"no lab in {lab.folder}: `scripts/lab up` first")
    return described


def kill_node(lab: Lab, node: str) -> None:
    """Power loss: everything stands still before the wires go, one after the other, so that nobody
    can say goodbye over the second one, nor a guardian for an agent that is dying."""
    victims = all_of(lab, node)
    for process in sorted(victims, key=lambda each: each.role != "guard"):
        processes.send_signal(process, signal.SIGSTOP)
    network.set_link(lab, node, "down")
    processes.kill(victims)


def all_of(lab: Lab, node: str) -> list:
    known = processes.running(lab, node)
    pids = {process.pid for process in known}
    return known + [p for p in processes.strangers(lab, node) if p.pid not in pids]


def revive_node(lab: Lab, node: str) -> None:
    """A boot: addresses as configured, runtime folder empty, state and data as they were."""
    described = require(lab)
    if processes.running(lab, node):
        raise LabError(f"{node} is running: `kill` it first, or `start {node} mysqld|agent`")
    shutil.rmtree(lab.run(node), ignore_errors=True)
    lab.run(node).mkdir(parents=True)
    network.reset_node(lab, node)
    network.set_link(lab, node, "up")
    if described.get("mysql") and node in places.DATABASES:
        start(lab, node, "mysqld")
    if described.get("guards") and node in places.AGENTS:
        start(lab, node, "guard")
    if described.get("agents") and node in places.AGENTS:
        start(lab, node, "agent")


def start(lab: Lab, node: str, role: str) -> None:
    if processes.running(lab, node, role):
        raise LabError(f"{role} of {node} is running already")
    room = {"mysqld": mariadb, "agent": agents, "guard": guards}[role]
    room.start(lab, node)
    room.wait_ready(lab, node)


def find(lab: Lab, node: str, role: str) -> list:
    found = processes.running(lab, node, role)
    if not found:
        raise LabError(f"{role} of {node} is not running: `scripts/lab start {node} {role}`")
    return found


def stop(lab: Lab, node: str, role: str) -> None:
    processes.stop(find(lab, node, role))


def build_servers(lab: Lab, servers) -> None:
    """The wires, and these servers of MariaDB with all they need, led by nobody."""
    clean(lab)
    lab.folder.mkdir(parents=True)
    lab.write_description(ready=False, mysql=True, agents=False)
    network.build(lab)
    source = mariadb.template()
    for node in servers:
        mariadb.prepare(lab, node, source)
        mariadb.start(lab, node)
    for node in servers:
        mariadb.wait_ready(lab, node)


def kill_process(lab: Lab, node: str, role: str, number: int = signal.SIGKILL) -> None:
    found = find(lab, node, role)
    if number == signal.SIGKILL:
        processes.kill(found)
    else:
        for process in found:
            processes.send_signal(process, number)


