"""What happened, in ms since the fault: told live, sorted by time, for a person who is tired.

Sources tell of an event some time after it, each with its own delay: an entry is held back for a
moment so that an earlier one that arrives later still comes before it.
"""

import os
import re
import textwrap
import time
from datetime import datetime

from lab import places

WIDTH = 100
HOLD_BACK_S = 0.5
COLOURS = {"lab": "31", "client": "36", "db1": "33", "db2": "32", "db3": "35", "wit": "34"}
LOG_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (\w+) (.*)")


class Teller:
    """Prints for people: to the stream given, in colours only if that is a terminal."""

    def __init__(self, stream):
        self.stream = stream
        self.colours = stream.isatty()

    def say(self, text: str = "", colour: str = "") -> None:
        if colour and self.colours:
            text = f"\x1b[{colour}m{text}\x1b[0m"
        try:
            print(text, file=self.stream, flush=True)
        except BrokenPipeError:  # nobody reads any more: as Ctrl-C, and silent from here on
            self.stream = open(os.devnull, "w", encoding="ascii", errors="replace")
            raise KeyboardInterrupt from None

    def title(self, text: str) -> None:
        self.say()
        self.say(text, "1")

    def event(self, ms: float, who: str, what: str) -> None:
        head = f"{ms:10.1f} ms  {who:<7}"
        first, *rest = textwrap.wrap(what, WIDTH - len(head) - 1) or [""]
        self.say(f"{head} {first}", COLOURS.get(who, ""))
        for line in rest:
            self.say(" " * len(head) + f" {line}", COLOURS.get(who, ""))


class Timeline:
    """Entries come in with CLOCK_MONOTONIC ms and go out in order, from the fault on."""

    def __init__(self, teller: Teller):
        self.teller = teller
        self.origin = None
        self.waiting = []

    def begin(self, what: str) -> None:
        self.origin = time.monotonic() * 1000
        self.teller.event(0.0, "lab", what)

    def add(self, at_ms: float, who: str, what: str) -> None:
        if self.origin is not None and at_ms >= self.origin:
            self.waiting.append((at_ms, who, what))

    def tell(self, everything: bool = False) -> None:
        until = time.monotonic() * 1000 - HOLD_BACK_S * 1000
        due = [entry for entry in self.waiting if everything or entry[0] <= until]
        self.waiting = [entry for entry in self.waiting if not everything and entry[0] > until]
        # By time alone: what one node says within a millisecond stays in the order it was said.
        for at_ms, who, what in sorted(due, key=lambda entry: entry[0]):
            self.teller.event(at_ms - self.origin, who, what)


class AgentLogs:
    """The steps of an operation and the changes of role, as each agent logs them."""

    def __init__(self, lab):
        # The logs tell the time of day; a difference taken once turns it into the lab's clock.
        self.ahead_ms = (time.time() - time.monotonic()) * 1000
        self.rest = {node: b"" for node in places.AGENTS}
        self.files = {}
        for node in places.AGENTS:
            self.files[node] = open(lab.log(node, "agent"), "rb")
            self.files[node].seek(0, 2)

    def pump(self, timeline: Timeline) -> None:
        for node, file in self.files.items():
            *lines, self.rest[node] = (self.rest[node] + file.read()).split(b"\n")
            for line in lines:
                if found := LOG_LINE.match(line.decode(errors="replace")):
                    self.entry(timeline, node, *found.groups())

    def entry(self, timeline: Timeline, node: str, stamp: str, level: str, text: str) -> None:
        at_ms = datetime.fromisoformat(stamp).timestamp() * 1000 - self.ahead_ms
        text = text.removeprefix("group db: ")
        timeline.add(at_ms, node, text if level == "info" else f"{level}: {text}")

    def close(self) -> None:
        for file in self.files.values():
            file.close()
