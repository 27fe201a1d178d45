"""Four faults, each on a healthy cluster under writes, and the way back to health after it."""

import subprocess
import time
from dataclasses import dataclass

from lab import agents, mariadb, places, processes, stage
from lab.places import Lab, LabError

from .timeline import Teller, Timeline
from .watch import Watch

RATE = 500
ROWS_BEFORE = 300  # the load really runs when the fault comes
ROWS_WANTED = 1200  # some of them may be unknown to the client, at least 1,000 are acknowledged
STORY_S = 90
HEALTH_S = 60
BOOT_SILENCE_S = 10.5  # a voter that has lost its grants in a boot does not vote for 10 s


class StoryFailed(Exception):
    """What was promised did not happen."""


@dataclass(frozen=True)
class Story:
    name: str
    title: str
    takes_over: bool = True


STORIES = (
    Story("kill-mysqld", "kill -9 of the master's mariadbd"),
    Story("lose-node", "the whole active node falls silent: power loss"),
    Story("switchover", "a planned switchover"),
    Story("lose-standby", "the only standby that acknowledges falls silent: power loss", False),
)


class Stage:
    """The lab during one story."""

    def __init__(self, lab: Lab, teller: Teller, story: Story):
        self.lab = lab
        self.teller = teller
        self.story = story
        self.old = active(lab)
        self.other = {"db1": "db2", "db2": "db1"}[self.old]
        self.timeline = Timeline(teller)
        self.command = None
        self.revived = 0.0

    def act(self) -> None:
        match self.story.name:
            case "kill-mysqld":
                self.timeline.begin(f"kill -9 of mariadbd on {self.old}")
                stage.kill_process(self.lab, self.old, "mysqld")
            case "lose-node":
                self.timeline.begin(f"{self.old} is lost: links down, all its processes killed")
                stage.kill_node(self.lab, self.old)
            case "switchover":
                words = [places.program("tasuki"), "--socket", self.lab.control_socket("wit"),
                         "switchover", "db", "--to", self.other, "--yes"]
                self.timeline.begin(f"tasuki switchover db --to {self.other} --yes")
                self.command = subprocess.Popen(list(map(str, words)), text=True,
                                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            case "lose-standby":
                self.timeline.begin(f"{self.other} is lost: links down, all its processes killed")
                stage.kill_node(self.lab, self.other)

    def put_back(self) -> None:
        match self.story.name:
            case "kill-mysqld":
                stage.start(self.lab, self.old, "mysqld")
            case "lose-node":
                stage.revive_node(self.lab, self.old)
                self.revived = time.monotonic()
            case "lose-standby":
                stage.revive_node(self.lab, self.other)
                self.revived = time.monotonic()


def run(lab: Lab, teller: Teller, story: Story, place_in_all: str) -> dict:
    """One story from health to health; what it found, as numbers."""
    place = Stage(lab, teller, story)
    teller.title(f"{place_in_all}  {story.name}: {story.title}")
    teller.say(f"   {place.old} is active, its standby is {place.other}; "
               f"the application wants {RATE} writes a second")
    watch = Watch(lab, place.timeline, RATE)
    try:
        epoch = tell(place, watch)
    finally:
        watch.stop()
    new = place.other if story.takes_over else place.old
    facts = judge(place, watch, new, epoch)
    place.put_back()
    took = wait_settled(lab, place.revived)
    teller.say(f"   healthy and ready for the next fault {took:.1f} s after it was all put back")
    return facts


def tell(place: Stage, watch: Watch) -> int:
    """From the first write to enough writes after the fault; the epoch at the end."""
    lab = place.lab
    base = rows(lab, place.old)
    wait(watch, lambda: rows(lab, place.old) >= base + ROWS_BEFORE, "the application writes")
    place.act()
    new = place.other if place.story.takes_over else place.old
    wait(watch, lambda: agents.group(lab, "wit").get("active") == new, f"{new} is active")
    seen = [rows(lab, new)]

    def goes_on() -> bool:
        seen.append(rows(lab, new))
        return seen[-1] > seen[-2] > seen[0] and seen[-1] >= base + ROWS_WANTED

    wait(watch, goes_on, f"writes go on at {new}")
    wait(watch, lambda: agents.group(lab, new).get("operation") is None, "the operation ends")
    if place.command and place.command.wait(30) != 0:
        raise StoryFailed(f"tasuki switchover: exit {place.command.returncode}: "
                          f"{place.command.stdout.read().strip()}")
    return agents.group(lab, new)["epoch"]


def wait(watch: Watch, condition, what: str) -> None:
    deadline = time.monotonic() + STORY_S
    while not condition():
        if time.monotonic() > deadline:
            raise StoryFailed(f"{what}: not within {STORY_S} s")
        for _ in range(3):
            watch.pump()
            time.sleep(0.1)


def judge(place: Stage, watch: Watch, new: str, epoch: int) -> dict:
    verified = watch.load.tool.verify(new)
    outage = watch.outage_ms(place.old, new)
    dual = watch.observer.tool.summary["dual_active_ms"]
    both = watch.load.tool.summary["dual_acked_ms"]
    acked, lost = verified["acked"], verified["lost"]
    moved = f"{place.old} -> {new}" if place.old != new else f"{place.old} stays"
    healthy = lost == 0 and dual == 0 and both == 0
    place.teller.say(f"   {moved}, epoch {epoch}: no write for {outage:.0f} ms; {acked:,} writes "
                     f"kept, {lost} lost; two answered: {dual:.0f} ms",
                     "1;32" if healthy else "1;31")
    if not healthy:
        raise StoryFailed(f"lost {lost}, two nodes answered for {dual} ms, two masters "
                          f"acknowledged for {both} ms {' '.join(verified['missing'][:3])}")
    if acked < 1000:
        raise StoryFailed(f"only {acked} writes were acknowledged: is the machine overloaded?")
    return {"story": place.story.name, "write_outage_ms": round(outage), "acked": acked,
            "lost": lost, "dual_active_ms": round(dual), "old": place.old, "new": new,
            "epoch": epoch}


def rows(lab: Lab, node: str) -> int:
    answer = mariadb.sql(lab, node, "SELECT COUNT(*) FROM app.writes", check=False)
    return int(answer[0][0]) if answer else 0


def active(lab: Lab) -> str:
    found = agents.group(lab, "wit").get("active")
    if found not in ("db1", "db2"):
        raise LabError(f"neither db1 nor db2 is active but {found}")
    return found


def wait_settled(lab: Lab, revived: float = 0.0) -> float:
    """Healthy in the active node's eyes, and the next story can have its failover."""
    began = time.monotonic()

    def settled() -> bool:
        group = agents.group(lab, active(lab))
        ready = group.get("ready", {})
        return bool(ready.get("failover") and ready.get("lossless") and not group["operation"]
                    and agents.healthy(lab, active(lab)))

    processes.wait_until(settled, HEALTH_S, "the cluster is healthy and ready to fail over", 0.3)
    took = time.monotonic() - began
    if revived:
        time.sleep(max(0.0, revived + BOOT_SILENCE_S - time.monotonic()))
        processes.wait_until(settled, HEALTH_S, "the cluster stays healthy", 0.3)
    return took
