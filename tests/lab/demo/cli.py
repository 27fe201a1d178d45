"""The command line of scripts/demo."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback

from lab import cli, places, processes, stage
from lab.places import LabError, open_lab

from . import drain, held, stories
from .timeline import Teller


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="scripts/demo", description="Faults on real MariaDB servers and real agents in "
        "network namespaces of this machine: what happens, and how long writes stop. Needs root; "
        "touches nothing outside the namespaces it makes.")
    top.add_argument("--name", default="", help="name of the lab, as in scripts/lab")
    top.add_argument("--once", action="store_true",
                     help="remove everything at the end instead of leaving the cluster running")
    top.add_argument("--json", action="store_true",
                     help="one JSON object a story on standard output, words on standard error")
    return top


def interrupted(number, frame) -> None:
    raise KeyboardInterrupt


def somebody_elses(lab) -> bool:
    """Only what an earlier demonstration left is replaced without a question."""
    described = lab.read_description()
    return bool(described.get("ready") and not described.get("demo") and processes.running(lab))


def prepare(lab, teller: Teller) -> None:
    if lab.read_description().get("demo"):
        teller.say("removing the cluster that an earlier demonstration left")
        stage.clean(lab)
    teller.title("A cluster: three MariaDB servers, a witness, one address for the application")
    stage.up(lab, cli.up_options("--pools"),
             say=lambda line: "http" in line or teller.say(f"   {line}"))  # pages: at the end
    lab.write_description(demo=True)
    stories.wait_settled(lab)


def play(lab, teller: Teller) -> list:
    count = len(stories.STORIES) + 2
    facts = [stories.run(lab, teller, story, f"{number} of {count}")
             for number, story in enumerate(stories.STORIES, 1)]
    drained = drain.run(lab, teller, f"{count - 1} of {count}  drain: a web server and a replica are "
                        "taken out under load")
    stories.wait_settled(lab)
    return facts + [drained, held.run(lab, teller, f"{count} of {count}  switchover-held: a planned "
                                      "switchover that no session notices")]


def summary(teller: Teller, facts: list) -> None:
    *faults, drained, kept = facts
    teller.title("story           writes stopped   acknowledged   lost   two answered")
    for row in faults:
        teller.say(f"{row['story']:<14}{row['write_outage_ms']:>13} ms{row['acked']:>15,}"
                   f"{row['lost']:>7}{row['dual_active_ms']:>12} ms")
    teller.title("story           sessions left within   requests   lost")
    teller.say(f"{'drain':<14}{drained['sessions']:>10}{drained['drained_ms']:>11} ms"
               f"{drained['requests']:>11,}{drained['errors']:>7}")
    teller.title("story             longest statement   statements   errors")
    teller.say(f"{'switchover-held':<18}{kept['longest_ms']:>14} ms{kept['statements']:>13,}"
               f"{kept['errors']:>9}")


def farewell(lab, teller: Teller) -> None:
    script = "scripts/lab" + (f" --name {lab.name}" if lab.name else "")
    teller.title("The cluster is still running. Look at it:")
    for node, port in lab.read_description().get("relays", {}).items():
        teller.say(f"   http://127.0.0.1:{port}/   status page of {node}")
    teller.say(f"   {script} status")
    teller.say(f"   {places.program('tasuki')} --socket {lab.control_socket('db1')} status")
    teller.say("   (why db, history, switchover db --yes instead of status; see --help)")
    teller.say(f"Break it:   {script} kill db1; {script} revive db1; {script} --help")
    teller.say(f"End it:     {script} down")


def keep_logs(lab, teller: Teller) -> None:
    kept = tempfile.mkdtemp(prefix="tasuki-demo-")
    for node in places.AGENTS:
        if (lab.of(node) / "log").exists():
            shutil.copytree(lab.of(node) / "log", f"{kept}/{node}")
    teller.say(f"The logs of all nodes are kept in {kept}: look there at */agent.log first.")


def clean(lab, teller: Teller) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stage.clean(lab)
    teller.say("everything is removed")


def failed(lab, teller: Teller, options, error: Exception) -> None:
    teller.say()
    teller.say(f"scripts/demo: {error}", "1;31")
    if options.once:
        keep_logs(lab, teller)
        clean(lab, teller)
        return
    script = "scripts/lab" + (f" --name {lab.name}" if lab.name else "")
    teller.say(f"Look at: {script} status; the agents' logs {lab.folder}/*/log/agent.log;")
    teller.say(f"{places.program('tasuki')} --socket {lab.control_socket('db2')} history")
    teller.say(f"End it with: {script} down")


def perform(lab, teller: Teller, options) -> int:
    try:
        prepare(lab, teller)
        facts = play(lab, teller)
    except Exception as error:
        if not isinstance(error, (LabError, stories.StoryFailed)):
            traceback.print_exc()
        failed(lab, teller, options, error)
        return 1
    summary(teller, facts)
    if options.once:
        clean(lab, teller)
    else:
        farewell(lab, teller)
    if options.json:
        for row in facts:
            print(json.dumps(row, separators=(",", ":")), flush=True)
    return 0


def main() -> int:
    options = parser().parse_args()
    teller = Teller(sys.stderr if options.json else sys.stdout)
    if os.geteuid() != 0:
        print("scripts/demo: network namespaces need root: run it with sudo", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    lab = open_lab(options.name)
    if somebody_elses(lab):
        print(f"scripts/demo: a lab is up in {lab.folder}: `scripts/lab down` first, or choose "
              "another with --name", file=sys.stderr)
        return 1
    try:
        return perform(lab, teller, options)
    except KeyboardInterrupt:
        teller.say()
        teller.say("interrupted")
        clean(lab, teller)
        return 130
