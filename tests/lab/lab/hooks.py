"""The operator's programs of a lab: one that moves the addresses, one that is told what happens,
one that switches a machine off.

Each node has its own copy in its folder, beside the record that it writes and the files that make
it slow (`NAME.takes`, in seconds) or let an acquire fail (`NAME.fails`, with what it says then).
"""

import json
import sys

from .places import AGENTS, SOURCE, Lab

COMMON = r"""#!/bin/sh
here=$(dirname "$0")
name=$(basename "$0")
note() { printf '{"at": %s, "what": "%s", "words": "%s", "environment": "%s"}\n' \
    "$(date +%s.%N)" "$1" "$2" "$(env | grep '^TASUKI_' | sort | tr '\n"' '; ')" \
    >> "$here/$name.record"; }
note begun "$*"
sleep "$(cat "$here/$name.takes" 2>/dev/null || echo 0)"
"""

MOVE = COMMON + r"""if [ "$1" = acquire ] && [ -e "$here/$name.fails" ]; then
    cat "$here/$name.fails" >&2
    exit 3
fi
for address in $TASUKI_ADDRESSES; do
    case $1 in
    acquire) ip addr replace "$address" dev "$TASUKI_INTERFACES" || exit ;;
    release) [ -z "$(ip addr show to "$address")" ] ||
        ip addr del "$address" dev "$TASUKI_INTERFACES" || exit ;;
    esac
done
note ended "$*"
"""

FENCE = COMMON + r"""if [ -e "$here/$name.fails" ]; then
    cat "$here/$name.fails" >&2
    exit 3
fi
TASUKI_LAB={folder} {python} -B {source}/scripts/lab kill "$2" || exit
note ended "$*"
"""

METHOD = """method = "hook"
"""

HOOK = """
[group.hook]
program = "{folder}/{{node}}/move"
timeout_ms = 5000
"""

NOTIFY = """
[notify]
program = "{folder}/{{node}}/notify"
timeout_ms = 1000
"""

FENCED = """
[fence]
program = "{folder}/{{node}}/fence"
timeout_ms = 10000
after_ms = 1000
delay_ms = 1000
"""


def install(lab: Lab, name: str, text: str) -> None:
    for node in AGENTS:
        lab.of(node).mkdir(parents=True, exist_ok=True)
        path = lab.of(node) / name
        path.write_text(text)
        path.chmod(0o755)


def method(lab: Lab, vips: list) -> list:
    install(lab, "move", MOVE)
    return [vip + METHOD for vip in vips] + [HOOK]


def notify(lab: Lab) -> str:
    install(lab, "notify", COMMON)
    return NOTIFY


def fence(lab: Lab) -> str:
    places = {"folder": lab.folder, "python": sys.executable, "source": SOURCE}
    text = FENCE
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", str(place))
    install(lab, "fence", text)
    return FENCED


def record(lab: Lab, node: str, name: str) -> list:
    """What the program has written, with the environment as a dict."""
    try:
        lines = (lab.of(node) / f"{name}.record").read_text().splitlines()
    except OSError:
        return []
    out = [json.loads(line) for line in lines]
    for entry in out:
        entry["environment"] = dict(pair.split("=", 1)
                                    for pair in entry["environment"].split(";") if pair)
    return out


def make_slow(lab: Lab, node: str, name: str, seconds: float) -> None:
    (lab.of(node) / f"{name}.takes").write_text(str(seconds))


def make_fail(lab: Lab, node: str, name: str, words: str) -> None:
    (lab.of(node) / f"{name}.fails").write_text(words + "\n")


def make_work(lab: Lab, node: str, name: str) -> None:
    for part in ("takes", "fails"):
        (lab.of(node) / f"{name}.{part}").unlink(missing_ok=True)
