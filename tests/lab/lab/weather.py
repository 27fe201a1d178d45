"""Bad weather: the wires of nodes lose frames by chance and deliver late (this kernel has no netem).

A port is taken off its bridge; a pair of interfaces is put between both, joined to it by the
program tasuki_wire. Cuts do not see such wires.
"""

from contextlib import contextmanager

from . import network, places
from .measure import Tool
from .places import Lab


def names(node: str, path: int) -> tuple:
    port = network.port(node, path)
    return port, f"x{port}", f"y{port}"


@contextmanager
def bad(lab: Lab, nodes: list, loss: float, delay_ms: float, jitter_ms: float):
    """`loss` in percent of the frames, each way, on all paths of these nodes."""
    wires = [(path, *names(node, path)) for node in nodes for path in network.PATHS]
    network.batch(lab.switch, [line for path, port, near, far in wires for line in (
        f"link add {near} type veth peer name {far}", f"link set {near} up",
        f"link set {far} master br{path} up", f"link set {port} nomaster")])
    tool = None
    try:
        tool = Tool(lab, "tasuki_wire", *(f"{port},{near}" for _, port, near, _ in wires), "--loss",
                    str(loss), "--delay-ms", str(delay_ms), "--jitter-ms", str(jitter_ms),
                    where="sw")
        yield tool
    finally:
        if tool:
            tool.stop()
        network.batch(lab.switch, [line for path, port, near, _ in wires for line in (
            f"link del {near}", f"link set {port} master br{path}")])
