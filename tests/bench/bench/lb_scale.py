"""What many sessions and many backends cost a balancer.

idle-session: memory of the balancer's process for a session that says nothing, with 20,000 of them
open, or as many as the descriptors of a process allow here; keepalive-8, keepalive-1000: requests of
1 KiB over connections that stay, through a pool of so many backends; connection-8, connection-1000:
each over a connection of its own. One nginx answers on all ports; one thread each, by turns.
"""

import re
import resource
import subprocess
import time

from lab import balancers, network, places, processes, stage
from lab.places import LabError

from . import lb, rows

SUBJECTS = {"haproxy": 9100, "tasuki": 9200}
COLUMNS = {"case": "case", "subject": "subject", "median": "median", "unit": "unit",
           "of_eight": "of 8 backends", "runs": "runs"}
TIMING = {"lease_ms": 0, "step_down_ms": 0}
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
SESSIONS = min(20_000, (DESCRIPTORS - 3000) // 2)
FIRST = 20_001  # above the range of other listeners, below that of clients
FEW, MANY = 8, 1000
UNITS = {"keepalive-8": "req/s", "keepalive-1000": "req/s", "connection-8": "req/s",
         "connection-1000": "req/s", "idle-session": "KiB"}

HAPROXY = """
global
  nbthread 1
  maxconn {maxconn}
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  default-server check inter 5s
"""

CLIENT = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
links = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(sys.argv[2]))]
print("open", flush=True)
sys.stdin.read()
"""


def ports(count: int) -> range:
    return range(FIRST, FIRST + count)


def haproxy_pool(at: int, count: int) -> str:
    servers = "\n".join(f"  server web{port} 127.0.0.1:{port}" for port in ports(count))
    return f"listen pool{count}\n  bind 127.0.0.1:{at}\n  balance roundrobin\n{servers}\n"


def tasuki_pool(at: int, count: int) -> str:
    servers = ",\n  ".join(f'{{ name = "web{port}", address = "127.0.0.1:{port}" }}'
                           for port in ports(count))
    return (f'[[pool]]\nname = "pool{count}"\nnodes = ["lb1"]\nlisten = "127.0.0.1:{at}"\n'
            f'check = {{ interval_ms = 5000 }}\nbackend = [ {servers} ]\n')


def set_up(lab) -> None:
    lab.folder.mkdir(parents=True)
    lab.write_description(ready=False, mysql=False, agents=False)
    network.build(lab)
    web, log = lab.of(lb.NODE) / "web", lab.of(lb.NODE) / "log"
    for folder in (web, log):
        folder.mkdir(parents=True, exist_ok=True)
    (web / "small").write_bytes(b"x" * lb.SMALL)
    listen = " ".join(f"listen 127.0.0.1:{port};" for port in ports(MANY))
    text = lb.NGINX.format(log=log, web=web, listen=listen).replace("4096", str(DESCRIPTORS - 100))
    text = text.replace("worker_processes 1;", f"worker_processes 1; worker_rlimit_nofile {DESCRIPTORS};")
    text = text.replace("access_log off;", "access_log off; client_header_timeout 600s;")
    lb.start(lab, "nginx", text, "/usr/sbin/nginx", "-c")
    lb.start(lab, "haproxy", HAPROXY.format(maxconn=SESSIONS + 200) + haproxy_pool(9100, FEW) + haproxy_pool(9101, MANY),
             "/usr/sbin/haproxy", "-db", "-f")
    cluster = balancers.CONFIG.format(folder=lab.folder, listen=balancers.LISTEN)
    lab.config.write_text(cluster + tasuki_pool(9200, FEW) + tasuki_pool(9201, MANY))
    processes.spawn(lab, lb.NODE, "lb", [
        places.program("tasuki-lb"), "--config", lab.config, "--node", lb.NODE,
        "--threads", 1, "--state-dir", lab.of(lb.NODE) / "lb-state", "--runtime-dir",
        lab.of(lb.NODE) / "lb-run"])
    for port in (9100, 9101, 9200, 9201):
        processes.wait_until(lambda: lb.listens(lab, port), 10, f"somebody listens on {port}")
    time.sleep(8)  # until all backends have been checked


def resident_kib(lab, subject: str) -> int:
    role = "lb" if subject == "tasuki" else subject
    pids = [one.pid for one in processes.running(lab, lb.NODE, role)]
    said = open(f"/proc/{max(pids)}/smaps_rollup", encoding="ascii").read()
    return int(re.search(r"^Rss: +(\d+)", said, re.MULTILINE)[1])


def idle_session_kib(lab, subject: str) -> float:
    before = resident_kib(lab, subject)
    client = subprocess.Popen(
        processes.in_namespace(lab, lb.NODE, [places.SYSTEM_PYTHON, "-c", CLIENT,
                                              SUBJECTS[subject], SESSIONS]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if client.stdout.readline() != "open\n":
            raise LabError(f"{subject} does not take {SESSIONS} sessions")
        time.sleep(1)
        if subject == "tasuki":
            sessions = sum(one["sessions"] for one in balancers.backends(lab, lb.NODE).values())
            if sessions != SESSIONS:
                raise LabError(f"{sessions} of {SESSIONS} sessions stand")
        return (resident_kib(lab, subject) - before) / SESSIONS
    finally:
        client.communicate()
        time.sleep(2)


def measure(lab, subject: str) -> dict:
    port = SUBJECTS[subject]
    return {"keepalive-8": lb.rate(lb.wrk(lab, port, "small", 64)),
            "keepalive-1000": lb.rate(lb.wrk(lab, port + 1, "small", 64)),
            "connection-8": lb.rate(lb.wrk_once(lab, port)),
            "connection-1000": lb.rate(lb.wrk_once(lab, port + 1))}


def run(options) -> list:
    chosen = [name for name in SUBJECTS if not options.subjects or name in options.subjects]
    lab = places.open_lab("b-lbs", (lb.NODE,))
    stage.clean(lab)
    try:
        set_up(lab)
        found = lb.in_turns(options.runs, chosen, lambda subject: measure(lab, subject), UNITS)
        print(f"{SESSIONS} idle sessions", flush=True)
        for subject in chosen:
            found["idle-session", subject] = [idle_session_kib(lab, subject)]
    finally:
        stage.clean(lab)
    return [summary(found, case, subject) for case in UNITS for subject in chosen]


def summary(found: dict, case: str, subject: str) -> dict:
    values = found[case, subject]
    entry = rows.row("lb-scale", case, subject, 0, values, unit=UNITS[case])
    if case.endswith("-1000"):
        few = rows.row("lb-scale", case, subject, 0, found[case.replace("1000", "8"), subject])
        entry["of_eight"] = f"{entry['median'] / few['median']:.2f}"
    return entry
