"""The wires: a namespace for each node, two bridges in a namespace of their own, and faults.

Each node has eth0 on bridge br0 (10.77.0.N, fd77::N) and eth1 on bridge br1 (10.78.0.N). The other
ends of the wires are called <node>-0 and <node>-1 in the switch. A cut is a pair of port names in
an nftables set that the bridges consult: both ends keep their carrier, as with a broken switch.
"""

import subprocess

from . import namespaces, places
from .places import Lab, LabError

PATHS = (0, 1)


def run(*command, text: str = "", check: bool = True) -> str:
    done = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
    return done.stdout


def batch(namespace: str, lines: list, force: bool = False) -> None:
    where = ["-n", namespace] if namespace else []
    run("ip", *where, *(["-force"] if force else []), "-batch", "-",
        text="\n".join(lines) + "\n", check=not force)


def port(node: str, path: int) -> str:
    return f"{node}-{path}"


def existing(lab: Lab) -> list:
    present = {line.split()[0] for line in run("ip", "netns", "list").splitlines() if line}
    return [name for name in lab.namespaces() if name in present]


def build(lab: Lab) -> None:
    batch("", [f"netns add {name}" for name in lab.namespaces()])
    wires = [f"link add br{path} type bridge forward_delay 0 mcast_snooping 0" for path in PATHS]
    for node in lab.nodes:
        for path in PATHS:
            wires += [f"link add {port(node, path)} type veth peer name eth{path} "
                      f"address {places.mac(node, path)} netns {lab.namespace(node)}",
                      f"link set {port(node, path)} master br{path} up"]
    batch(lab.switch, wires + [f"link set br{path} up" for path in PATHS])
    for node in lab.nodes:
        batch(lab.namespace(node), ["link set lo up", *addresses(node)])
    run("ip", "netns", "exec", lab.switch, "nft", "-f", "-", text=CUTS)


def addresses(node: str) -> list:
    lines = []
    for path in PATHS:
        lines += [f"addr add {places.address(node, path)}/24 dev eth{path}",
                  f"link set eth{path} up"]
    return lines + [f"addr add {places.address6(node)}/64 dev eth0 nodad"]


def reset_node(lab: Lab, node: str) -> None:
    """What a boot does to the addresses: only the configured ones are left."""
    flush = [f"addr flush dev eth{path}" for path in PATHS]
    batch(lab.namespace(node), flush + addresses(node))


def remove(lab: Lab) -> None:
    batch("", [f"netns del {name}" for name in existing(lab)], force=True)


def set_link(lab: Lab, node: str, state: str, paths=PATHS) -> None:
    """At the switch, so that the node loses its carrier and the others see nothing."""
    batch(lab.switch, [f"link set {port(node, path)} {state}" for path in paths])


CUTS = """
table bridge tasuki_lab {
    set cuts { type ifname . ifname; }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname . oifname @cuts counter drop
    }
}
"""


def everybody_but(lab: Lab, one: str) -> list:
    return [node for node in lab.nodes if node != one]


def cut(lab: Lab, sources: list, targets: list, one_way: bool = False, paths=PATHS) -> None:
    """No frame from any source to any target, nor back unless one_way. All at one moment."""
    pairs = [(one, other) for one in sources for other in targets if one != other]
    if not one_way:
        pairs += [(other, one) for one, other in pairs]
    elements = ", ".join(f'"{port(a, path)}" . "{port(b, path)}"'
                         for a, b in pairs for path in paths)
    nft(lab, f"add element bridge tasuki_lab cuts {{ {elements} }}")


def heal(lab: Lab) -> None:
    nft(lab, "flush set bridge tasuki_lab cuts")


def nft(lab: Lab, text: str) -> str:
    return run("ip", "netns", "exec", lab.switch, "nft", "-f", "-", text=text)


def cuts(lab: Lab) -> list:
    listing = run("ip", "netns", "exec", lab.switch, "nft", "list", "set", "bridge", "tasuki_lab",
                  "cuts", check=False)
    words = listing.replace(",", " ").replace("{", " ").replace("}", " ").split()
    names = [word.strip('"') for word in words if word.startswith('"')]
    return list(zip(names[::2], names[1::2]))


def down_links(lab: Lab) -> set:
    listing = run("ip", "-n", lab.switch, "-o", "link", "show", "type", "veth", check=False)
    return {line.split()[1].split("@")[0] for line in listing.splitlines()
            if ",UP" not in line.split("<")[1].split(">")[0]}


def holders(lab: Lab, address: str = places.VIP) -> list:
    """Nodes on which the address is configured (whether they answer is another matter)."""
    return [node for node in lab.nodes if f" {address}/" in run(
        "ip", "-n", lab.namespace(node), "-o", "addr", "show", check=False)]


def give_address(lab: Lab, node: str, address: str = places.VIP) -> None:
    """By hand, for tests of the lab itself: the address, and an announcement of it."""
    run("ip", "-n", lab.namespace(node), "addr", "replace", f"{address}/32", "dev", "eth0")
    namespaces.announce(lab.namespace(node), address)


def take_address(lab: Lab, node: str, address: str = places.VIP) -> None:
    run("ip", "-n", lab.namespace(node), "addr", "del", f"{address}/32", "dev", "eth0")
