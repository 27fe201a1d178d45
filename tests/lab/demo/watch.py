"""The client's side of a story: who answers for the address, and which writes are acknowledged."""

import json
import queue
import re
import threading

from lab import measure, places
from lab.places import LabError

from .timeline import AgentLogs, Timeline

NODE_OF = {places.mac(node): node for node in places.NUMBER}
GAP = re.compile(r"at +([\d.]+) s: no write was acknowledged for (\d+) ms")


class Followed:
    """Reads what a measuring tool says while it runs, without ever letting its pipes fill up."""

    def __init__(self, tool):
        self.tool = tool
        self.said = queue.SimpleQueue()
        self.readers = [threading.Thread(target=self.read, args=(kind, stream), daemon=True)
                        for kind, stream in (("event", tool.child.stdout),
                                             ("words", tool.child.stderr))]
        for reader in self.readers:
            reader.start()

    def read(self, kind: str, stream) -> None:
        for line in stream:
            self.said.put((kind, line))

    def lines(self):
        while not self.said.empty():
            yield self.said.get()

    def stop(self) -> None:
        self.tool.child.terminate()
        for reader in self.readers:
            reader.join(30)
        if self.tool.child.wait(30) != 0:
            raise LabError(f"{self.tool.name}: exit {self.tool.child.returncode}")


class Watch:
    """Observer, load and agents' logs of one story, brought together on its timeline."""

    def __init__(self, lab, timeline: Timeline, rate: int):
        self.timeline = timeline
        self.gaps = []
        self.announced = set()
        self.stopped = False
        self.logs = AgentLogs(lab)
        self.observer = Followed(measure.Observer(lab))
        try:
            self.load = Followed(measure.Load(lab, "--rate", rate, "--connections", 8, "--gap-ms",
                                              50))
        except BaseException:
            self.observer.stop()
            raise

    def pump(self, everything: bool = False) -> None:
        for kind, line in self.observer.lines():
            if kind == "event":
                self.observed(json.loads(line))
        for kind, line in self.load.lines():
            if kind == "event":
                self.load.tool.summary = json.loads(line)
            elif found := GAP.search(line):
                self.gap(float(found[1]) * 1000, float(found[2]))
        self.logs.pump(self.timeline)
        self.timeline.tell(everything)

    def observed(self, event: dict) -> None:
        node = NODE_OF.get(event.get("source"), event.get("source"))
        match event["event"]:
            case "answers":
                self.timeline.add(event["at_ms"], "client", f"{node} answers for {places.VIP}")
            case "silent":
                self.timeline.add(event["at_ms"], "client",
                                  f"{node} no longer answers for {places.VIP}")
            case "announcement" if node not in self.announced:
                self.announced.add(node)
                self.timeline.add(event["at_ms"], "client", f"{node} announces {places.VIP}")
            case "summary":
                self.observer.tool.summary = event

    def gap(self, from_ms: float, length_ms: float) -> None:
        self.gaps.append((from_ms, length_ms))
        self.timeline.add(from_ms + length_ms, "client",
                          f"writes are acknowledged again, after {length_ms:.0f} ms without")

    def stop(self) -> None:
        """The application ends before the observer, so that its whole life was observed."""
        if self.stopped:
            return
        self.stopped = True
        try:
            self.load.stop()
        finally:
            self.observer.stop()
            self.pump(everything=True)
            self.logs.close()

    def outage_ms(self, old: str, new: str) -> float:
        """Between the last write acknowledged by the old master and the first by the new one; on
        one and the same master the longest time without any, from the fault on."""
        if old != new:
            spans = self.load.tool.summary["servers"]
            last = max(s["last_ms"] for s in spans if s["server_id"] == places.NUMBER[old])
            first = min(s["first_ms"] for s in spans if s["server_id"] == places.NUMBER[new])
            return first - last
        summary = self.load.tool.summary
        longest = (summary["gap_from_ms"], summary["longest_gap_ms"])
        return max((length for start, length in [*self.gaps, longest]
                    if start + length >= self.timeline.origin), default=0.0)
