"""A client on a node itself: asks the virtual address by ICMP from within the node's namespace,
each millisecond, and tells whether the node itself answers or another one does.

Its process stays outside with a socket made inside, so that no fault of the node's programs befalls
it. Like the observer it prints `start` and, on SIGTERM, a summary: spans of answers in
CLOCK_MONOTONIC ms.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from . import namespaces, places
from .measure import Tool

INTERVAL_NS = 1_000_000
JOIN_MS = 50  # as the observer's: a longer silence ends a span
SO_TIMESTAMPNS, SOL_RAW, ICMP_FILTER = 35, 255, 1
ECHO_REPLY, ECHO_REQUEST = 0, 8


class Inside(Tool):
    """Asks from within the namespace of a node; begins with the first answer."""

    def __init__(self, lab, node, address=places.VIP):
        self.begin("lab.inside", [sys.executable, "-B", "-m", "lab.inside", lab.namespace(node),
                                  address], outside=Path(__file__).parents[1])
        self.wait_for("answers")

    @property
    def own_spans(self) -> list:
        """When the node itself answered."""
        return self.summary["here"]


def shared_ms(ones, others) -> float:
    """For how long any of one's spans and any of the others' go on together, counted once."""
    total, covered = 0.0, float("-inf")
    for start, end in sorted((max(a[0], b[0]), min(a[1], b[1])) for a in ones for b in others):
        total += max(0.0, end - max(start, covered))
        covered = max(covered, end)
    return total


def dual_ms(observer, inside, mac: str) -> float:
    """For how long the node with this MAC answered itself while the observer saw another serve."""
    elsewhere = [span for source in observer.summary["sources"] if source["source"] != mac
                 for span in source["spans"]]
    return round(shared_ms(inside.own_spans, elsewhere), 3)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(identity: int, sequence: int) -> bytes:
    head = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, identity, sequence & 0xFFFF)
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def open_wire(namespace: str) -> socket.socket:
    with namespaces.inside(namespace):
        wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    wire.setblocking(False)
    wire.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("I", ~(1 << ECHO_REPLY) & 0xFFFFFFFF))
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return wire


class Questioner:
    def __init__(self, namespace: str, address: str):
        self.wire = open_wire(namespace)
        self.address = address
        self.packed = socket.inet_aton(address)
        self.identity = os.getpid() & 0xFFFF
        self.asked = 0
        self.spans = {"here": [], "elsewhere": []}
        self.own_pause = 0

    def ask(self):
        try:
            self.wire.sendto(echo_request(self.identity, self.asked), (self.address, 0))
        except OSError:
            pass  # dropped before it left, or no route: no answer either
        self.asked += 1

    def receive_all(self):
        while True:
            try:
                packet, [(_, _, stamp)], _, _ = self.wire.recvmsg(256, 256)
            except BlockingIOError:
                return
            source, target, body = packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4:]
            if source == self.packed and struct.unpack_from("!H", body, 4)[0] == self.identity:
                # A node that has the address asks itself under it.
                self.note("here" if target == source else "elsewhere", *struct.unpack("qq", stamp))

    def note(self, where, seconds, nanoseconds):
        ago = time.time_ns() - (seconds * 10**9 + nanoseconds)
        at = (time.monotonic_ns() - ago) / 1e6
        if not any(self.spans.values()):
            say("answers", at_ms=round(at, 3))
        spans = self.spans[where]
        if not spans or at - spans[-1][1] > JOIN_MS:
            spans.append([at, at, 0])
        spans[-1][1] = max(spans[-1][1], at)
        spans[-1][2] += 1

    def run(self, ended):
        due = last = time.monotonic_ns()
        while not ended:
            now = time.monotonic_ns()
            if now >= due:
                self.own_pause = max(self.own_pause, now - last)
                last = now
                self.ask()
                due += INTERVAL_NS * (1 + (now - due) // INTERVAL_NS)
            select.select([self.wire], [], [], max(0, due - time.monotonic_ns()) / 1e9)
            self.receive_all()


def say(event, **further):
    print(json.dumps({"event": event, **further}), flush=True)


def main():
    namespace, address = sys.argv[1:]
    ended = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.append(True))
    questioner = Questioner(namespace, address)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    say("start")
    questioner.run(ended)
    spans = {kind: [[round(first, 3), round(last, 3), answers] for first, last, answers in each]
             for kind, each in questioner.spans.items()}
    say("summary", asked=questioner.asked, own_pause_ms=questioner.own_pause / 1e6, **spans)


if __name__ == "__main__":
    main()
