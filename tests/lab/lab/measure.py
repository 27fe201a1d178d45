"""The measuring tools, run in the client's namespace: the observer and the load."""

import json
import subprocess
from contextlib import contextmanager

from . import places, processes
from .places import Lab, LabError


class Tool:
    """A measuring program that says `start` when it measures and its summary when it is stopped."""

    def __init__(self, lab: Lab, program: str, *words, where="client"):
        command = [places.program(program), *words]
        self.begin(program, processes.in_namespace(lab, where, command))

    def begin(self, name: str, command: list, outside=None):
        self.name = name
        self.child = subprocess.Popen(command, text=True, cwd=outside, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        self.events = []
        self.summary = {}
        self.words = ""
        self.wait_for("start")

    def wait_for(self, event: str) -> dict:
        """Reads on until an event of this kind; forever, if the tool lives and it does not come."""
        for line in self.child.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return self.events[-1]
        raise LabError(f"{self.name} ended: {self.child.stderr.read().strip()}")

    def stop(self) -> dict:
        self.child.terminate()
        return self.finish()

    def finish(self) -> dict:
        """Waits until it has ended by itself, or as it was told."""
        if not self.summary:
            text, self.words = self.child.communicate(timeout=30)
            if self.child.returncode != 0:
                raise LabError(f"{self.name}: exit {self.child.returncode}: {self.words}")
            self.events += [json.loads(line) for line in text.splitlines()]
            self.summary = self.events[-1]
        return self.summary


class Observer(Tool):
    """Watches the virtual address; begins with its first answer."""

    def __init__(self, lab: Lab, *options):
        super().__init__(lab, "tasuki_observer", *options)
        self.wait_for("answers")


class Load(Tool):
    """An application that writes through the virtual address."""

    def __init__(self, lab: Lab, *options, ids=None):
        self.lab = lab
        self.ids = ids or lab.folder / "load.ids"
        super().__init__(lab, "tasuki_load", "run", "--ids", str(self.ids), *map(str, options))

    def verify(self, node: str) -> dict:
        """Asked of one server directly, on its socket: the address may be anywhere."""
        done = subprocess.run(
            [str(places.program("tasuki_load")), "verify", "--ids", str(self.ids), "--socket",
             str(self.lab.mysql_socket(node))], capture_output=True, text=True, timeout=60)
        if done.returncode not in (0, 1):
            raise LabError(f"tasuki_load verify: {done.stderr.strip()}")
        lines = done.stdout.splitlines()
        return {**json.loads(lines[-1]), "missing": lines[:-1], "exit": done.returncode}


@contextmanager
def stopped_at_end(tool):
    """The tool is stopped at the end of the block, also when the block fails."""
    try:
        yield tool
    finally:
        tool.stop()
