"""What a balancer costs: the same requests directly, through HAProxy in TCP mode, and through tasuki.

Everything is on the loopback of one namespace, one thread each: wrk or sysbench asks, nginx (on
several ports, or ports in TIME_WAIT would be measured) or MariaDB answers. The subjects take turns
within each round, so that what else the machine does meets all of them.

keepalive: 1 KiB over 64 connections that stay; p99-keepalive: its 99th percentile; connection-per-
request: the same, each over a connection of its own; bulk: 4 MiB over 8 connections; mysql-select:
point selects of 8 sessions (tasuki reads the protocol there, HAProxy does not).
"""

import re
import statistics
import subprocess
import time

from lab import balancers, mariadb, network, places, processes, stage
from lab.places import LabError

from . import rows

SUBJECTS = {"direct": 9001, "haproxy": 9100, "tasuki": 9200}
MYSQL = {"direct": 3306, "haproxy": 9101, "tasuki": 9201}
COLUMNS = {"case": "case", "subject": "subject", "median": "median", "low": "quartile",
           "high": "quartile", "unit": "unit", "share": "of direct", "calls": "calls a request",
           "runs": "runs"}
TIMING = {"lease_ms": 0, "step_down_ms": 0}
BACKENDS = range(9001, 9009)
SECONDS = 2
NODE = "lb1"
SMALL = 1024
BULK = 4 * 1024 * 1024

NGINX = """
daemon off; worker_processes 1; error_log {log}/error.log; pid {log}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on; root {web};
  client_body_temp_path {log}; proxy_temp_path {log}; fastcgi_temp_path {log};
  uwsgi_temp_path {log}; scgi_temp_path {log};
  server {{ {listen} }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend web
  bind 127.0.0.1:9100
  default_backend web
backend web
  balance roundrobin
{servers}
frontend db
  bind 127.0.0.1:9101
  default_backend db
backend db
  server db 127.0.0.1:3306
"""

TASUKI = """
[[pool]]
name = "web"
nodes = ["lb1"]
listen = "127.0.0.1:9200"
backend = [ {servers} ]
[[pool]]
name = "db"
nodes = ["lb1"]
listen = "127.0.0.1:9201"
protocol = "mysql"
backend = [ {{ name = "db", address = "127.0.0.1:3306" }} ]
"""


def ask(lab, *command) -> str:
    done = subprocess.run(processes.in_namespace(lab, NODE, command), capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        raise LabError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def wrk(lab, port: int, path: str, connections: int, *more) -> str:
    return ask(lab, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", *more,
               f"http://127.0.0.1:{port}/{path}")


def wrk_once(lab, port: int) -> str:
    """A connection for each request. wrk calls the end of each a read error, though it has its
    answer."""
    said = wrk(lab, port, "small", 32, "-H", "Connection: close")
    return re.sub(r"Socket errors: connect 0, read \d+, write 0, timeout 0", "", said)


def rate(said: str) -> float:
    if re.search(r"Non-2xx|Socket errors", said):
        raise LabError(f"wrk saw errors:\n{said}")
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1])


def p99_ms(said: str) -> float:
    value, unit = re.search(r"99% +([\d.]+)(us|ms|s)", said).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def sysbench(lab, port: int, verb: str, *more) -> str:
    return ask(lab, "sysbench", "oltp_point_select", "--mysql-host=127.0.0.1",
               f"--mysql-port={port}", "--mysql-user=app", "--mysql-password=app-lab",
               "--mysql-db=app", "--tables=1", "--table-size=1000", "--db-ps-mode=disable",
               "--threads=8", *more, verb)


def measure(lab, subject: str) -> dict:
    port = SUBJECTS[subject]
    kept = wrk(lab, port, "small", 64)
    once = wrk_once(lab, port)
    bulk = wrk(lab, port, "bulk", 8)
    selects = sysbench(lab, MYSQL[subject], "run", f"--time={SECONDS}")
    return {"keepalive": rate(kept), "p99-keepalive": p99_ms(kept),
            "connection-per-request": rate(once), "bulk": rate(bulk) * BULK / 1e6,
            "mysql-select": float(re.search(r"transactions: +\d+ +\(([\d.]+) per", selects)[1])}


UNITS = {"keepalive": "req/s", "p99-keepalive": "ms", "connection-per-request": "req/s",
         "bulk": "MB/s", "mysql-select": "req/s"}


def calls_a_request(lab, subject: str) -> float:
    """System calls of the balancer for one request over a connection that stays."""
    role = "lb" if subject == "tasuki" else subject
    pid = processes.running(lab, NODE, role)[0].pid
    trace = subprocess.Popen(["strace", "-c", "-f", "-p", str(pid)], stderr=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, text=True)
    time.sleep(0.5)
    said = wrk(lab, SUBJECTS[subject], "small", 16)
    trace.send_signal(2)
    counted = trace.communicate(timeout=20)[1]
    total = int(re.search(r"^100\.00 +[\d.]+ +[\d]* +(\d+)", counted, re.MULTILINE)[1])
    return total / int(re.search(r"(\d+) requests in", said)[1])


def set_up(lab) -> None:
    lab.folder.mkdir(parents=True)
    lab.write_description(ready=False, mysql=True, agents=False)
    network.build(lab)
    web, log = lab.of(NODE) / "web", lab.of(NODE) / "log"
    for folder in (web, log):
        folder.mkdir(parents=True, exist_ok=True)
    (web / "small").write_bytes(b"x" * SMALL)
    (web / "bulk").write_bytes(b"x" * BULK)
    listen = " ".join(f"listen 127.0.0.1:{port};" for port in BACKENDS)
    start(lab, "nginx", NGINX.format(log=log, web=web, listen=listen), "/usr/sbin/nginx", "-c")
    servers = "\n".join(f"  server web{port} 127.0.0.1:{port}" for port in BACKENDS)
    start(lab, "haproxy", HAPROXY.format(servers=servers), "/usr/sbin/haproxy", "-db", "-f")
    servers = ", ".join(f'{{ name = "web{port}", address = "127.0.0.1:{port}" }}'
                        for port in BACKENDS)
    cluster = balancers.CONFIG.format(folder=lab.folder, listen=balancers.LISTEN)
    lab.config.write_text(cluster + TASUKI.format(servers=servers))
    processes.spawn(lab, NODE, "lb", [
        places.program("tasuki-lb"), "--config", lab.config, "--node", NODE, "--threads", 1,
        "--state-dir", lab.of(NODE) / "lb-state", "--runtime-dir", lab.of(NODE) / "lb-run"])
    set_up_mysql(lab)
    for port in (*SUBJECTS.values(), *MYSQL.values()):
        processes.wait_until(lambda: listens(lab, port), 10, f"somebody listens on {port}")
    time.sleep(2)  # until all backends have been checked


def start(lab, name: str, text: str, *command) -> None:
    file = lab.of(NODE) / f"{name}.conf"
    file.write_text(text)
    processes.spawn(lab, NODE, name, [*command, file])


def set_up_mysql(lab) -> None:
    mariadb.prepare(lab, NODE, mariadb.template())
    mariadb.start(lab, NODE)
    mariadb.wait_ready(lab, NODE)
    mariadb.sql(lab, NODE, "SET GLOBAL read_only=0; SET GLOBAL sync_binlog=0")
    sysbench(lab, MYSQL["direct"], "prepare")


def listens(lab, port: int) -> bool:
    return bool(ask(lab, "ss", "-Hltn", "sport", "=", f":{port}").strip())


def in_turns(runs: int, subjects: list, measure, units: dict) -> dict:
    """What `measure` says of each subject, by case and subject: all of them in each round."""
    found = {}
    for number in range(runs):
        for subject in subjects:
            one = measure(subject)
            print(f"round {number + 1}: {subject}: " + ", ".join(
                f"{case} {value:.1f} {units[case]}" for case, value in one.items()), flush=True)
            for case, value in one.items():
                found.setdefault((case, subject), []).append(value)
    return found


def run(options) -> list:
    chosen = [name for name in SUBJECTS if not options.subjects or name in options.subjects]
    lab = places.open_lab("b-lb", (NODE,))
    stage.clean(lab)
    try:
        set_up(lab)
        found = in_turns(options.runs, chosen, lambda subject: measure(lab, subject), UNITS)
        calls = {subject: calls_a_request(lab, subject) for subject in chosen
                 if subject != "direct"}
    finally:
        stage.clean(lab)
    return [summary(found, case, subject, calls) for case in UNITS for subject in chosen]


def summary(found: dict, case: str, subject: str, calls: dict) -> dict:
    values = found[case, subject]
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    direct = found.get((case, "direct"))
    share = statistics.median(values) / statistics.median(direct) if direct else None
    return rows.row("lb", case, subject, 0, values, unit=UNITS[case], low=round(low, 2),
                    high=round(high, 2), share=None if share is None else f"{share:.2f}",
                    calls=calls.get(subject) if case == "keepalive" else None)
