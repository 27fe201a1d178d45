"""Where everything of one lab is: names, addresses, folders, programs. Touches nothing.

A lab has a name. Its namespaces are called `tasuki-<name>-<node>` (`tasuki-<node>` for the lab
without a name) and its folder is /dev/shm/tasuki-lab[-<name>], so that several labs stand side by
side. The folder may be chosen with the variable TASUKI_LAB; its last part then gives the name.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
NUMBER = {"db1": 1, "db2": 2, "db3": 3, "wit": 9, "client": 100,
          "lb1": 61, "lb2": 62, "app1": 21, "app2": 22}
NODES = ("db1", "db2", "db3", "wit", "client")
BALANCED = ("lb1", "lb2", "app1", "app2", "client")
DATABASES = ("db1", "db2", "db3")
AGENTS = ("db1", "db2", "db3", "wit")
VIP = "10.77.0.50"
MYSQL_PORT = 3306
HTTP_PORT = 7801
FOLDER = "/dev/shm/tasuki-lab"
SYSTEM_PYTHON = "/usr/bin/python3"  # which has the modules of Debian's packages


def vips(count: int) -> list:
    """So many virtual addresses: VIP, and others that no node has for its own."""
    return [VIP, *(f"10.77.{1 + each // 250}.{1 + each % 250}" for each in range(count - 1))]


class LabError(Exception):
    """Something a person has to know: where it failed, and what to do."""


@dataclass(frozen=True)
class Lab:
    folder: Path
    name: str = ""
    nodes: tuple = NODES

    @property
    def switch(self) -> str:
        return self.namespace("sw")

    def namespace(self, node: str) -> str:
        return f"tasuki-{self.name}-{node}" if self.name else f"tasuki-{node}"

    def namespaces(self) -> list:
        return [self.switch] + [self.namespace(node) for node in self.nodes]

    def of(self, node: str) -> Path:
        return self.folder / node

    def run(self, node: str) -> Path:
        return self.of(node) / "run"

    def log(self, node: str, role: str) -> Path:
        return self.of(node) / "log" / f"{role}.log"

    def mysql_socket(self, node: str) -> Path:
        return self.run(node) / "mysqld.sock"

    def control_socket(self, node: str) -> Path:
        return self.run(node) / "control.sock"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def description(self) -> Path:
        return self.folder / "lab.json"

    @property
    def config(self) -> Path:
        return self.folder / "tasuki.toml"

    def read_description(self) -> dict:
        try:
            return json.loads(self.description.read_text())
        except (OSError, ValueError):
            return {}

    def write_description(self, **values) -> None:
        self.description.write_text(json.dumps({**self.read_description(), **values}) + "\n")


def address(node: str, path: int = 0) -> str:
    return f"10.{77 + path}.0.{NUMBER[node]}"


def address6(node: str) -> str:
    return f"fd77::{NUMBER[node]}"


def mac(node: str, path: int = 0) -> str:
    """Fixed, so that a capture can be read: the last byte is the node's number."""
    return f"02:{77 + path:02d}:00:00:00:{NUMBER[node]:02x}"


def open_lab(name: str = "", nodes: tuple = NODES) -> Lab:
    folder = Path(os.environ.get("TASUKI_LAB") or FOLDER).absolute()
    if name:
        folder = folder.with_name(f"{Path(FOLDER).name}-{name}")
    label = re.sub(r"^tasuki-lab-?", "", folder.name)
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,20}", label):
        raise LabError(f"lab folder {folder}: its name may hold letters, digits, - and _ only")
    return Lab(folder=folder, name=label, nodes=nodes)


def program(name: str) -> Path:
    """One of our programs as it is shipped, unless TASUKI_BUILD names another build folder."""
    build = Path(os.environ.get("TASUKI_BUILD") or SOURCE / "build/release")
    for part in ("", "tests", "tests/lab", "tests/sim"):
        if (build / part / name).is_file():
            return build / part / name
    raise LabError(f"{name} is not built in {build}: cmake --preset release && "
                   f"ninja -C build/release {name} (or set TASUKI_BUILD)")
