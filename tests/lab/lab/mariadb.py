"""A real MariaDB on each database node: small, equal, and ready to be led by the agents.

The data folder is made once and kept in the user's cache; a lab gets sparse copies of it, so all
three servers hold the same data and an empty binary log: replication starts from zero. A server
boots read-only, with replication not started and semi-sync only in the replica's role.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from . import places, processes
from .places import Lab, LabError

SERVER = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
PASSWORD = {"tasuki": "tasuki-lab", "repl": "repl-lab", "app": "app-lab"}

# The agent's account has exactly what it needs, so that the lab proves the list of the manual.
AGENT_GRANTS = {
    "*.*": "PROCESS, RELOAD, CREATE USER, BINLOG MONITOR, BINLOG ADMIN, BINLOG REPLAY, REPLICA MONITOR, "
           "REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, CONNECTION ADMIN",
    "mysql.*": "SELECT",
    "tasuki.*": "SELECT, CREATE, INSERT, UPDATE",
}

ACCOUNTS = """use mysql;
FLUSH PRIVILEGES;
CREATE DATABASE app;
CREATE USER tasuki@localhost IDENTIFIED BY '{tasuki}';
{grants}
{replicas}
CREATE USER app@'%' IDENTIFIED BY '{app}';
GRANT ALL ON app.* TO app@'%' WITH MAX_USER_CONNECTIONS 60;
CREATE TABLE app.writes (client INT NOT NULL, seq BIGINT NOT NULL, node INT NOT NULL DEFAULT 0, \
PRIMARY KEY (client, seq)) ENGINE=InnoDB;
"""

SMALL = """[mysqld]
user = root
skip-name-resolve
innodb_data_file_path = ibdata1:4M:autoextend
innodb_autoextend_increment = 1
innodb_log_file_size = 4M
innodb_log_buffer_size = 2M
innodb_buffer_pool_size = 8M
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_buffer_pool_load_at_startup = OFF
aria_pagecache_buffer_size = 1M
key_buffer_size = 8K
performance_schema = OFF
table_open_cache = 64
max_connections = 100
"""

# relay_log_recovery stays off: it throws away received, acknowledged events when an acker restarts.
# init-rpl-role=SLAVE with the semi-sync replica on makes crash recovery truncate an unacknowledged
# tail instead of committing it.
NODE = """
server_id = {number}
report_host = {address}
port = {port}
extra_port = 3309
extra_max_connections = 4
socket = {run}/mysqld.sock
pid_file = {run}/mysqld.pid
datadir = {folder}/data
tmpdir = {folder}/tmp
log_error = {folder}/log/mysqld.log
read_only = ON
skip_slave_start
log_bin = binlog
log_slave_updates = ON
relay_log = relay
binlog_format = ROW
gtid_strict_mode = ON
sync_binlog = 1
innodb_flush_log_at_trx_commit = 3
sync_relay_log = 1
relay_log_recovery = OFF
init_rpl_role = SLAVE
rpl_semi_sync_master_enabled = OFF
rpl_semi_sync_slave_enabled = ON
rpl_semi_sync_master_wait_point = AFTER_SYNC
"""


def accounts() -> str:
    replicas = "\n".join(
        f"CREATE USER repl_{node}@'%' IDENTIFIED BY '{PASSWORD['repl']}';\n"
        f"GRANT REPLICATION SLAVE ON *.* TO repl_{node}@'%';" for node in places.DATABASES)
    grants = "\n".join(f"GRANT {names} ON {scope} TO tasuki@localhost;"
                       for scope, names in AGENT_GRANTS.items())
    return ACCOUNTS.format(grants=grants, replicas=replicas, **PASSWORD)


def template() -> Path:
    """The data folder that every server starts from; made when there is none for this version."""
    version = subprocess.run([SERVER, "--version"], capture_output=True, text=True).stdout
    key = hashlib.sha256((version + SMALL + accounts()).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tasuki-lab"
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / f"mariadb-{key}"
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            make_template(ready)
    return ready


def make_template(ready: Path) -> None:
    work = Path("/dev/shm") / f"tasuki-template-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        (work / "my.cnf").write_text(SMALL)
        quiet(["mariadb-install-db", f"--defaults-file={work}/my.cnf", "--user=root",
               f"--datadir={work}/data", "--auth-root-authentication-method=socket",
               "--skip-test-db", "--skip-name-resolve"])
        quiet([SERVER, f"--defaults-file={work}/my.cnf", f"--datadir={work}/data", "--bootstrap",
               "--skip-log-bin"], text=accounts())
        unfinished = ready.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        quiet(["cp", "-a", "--sparse=always", work / "data", unfinished])
        unfinished.rename(ready)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def quiet(command: list, text: str = "") -> None:
    done = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True)
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise LabError(f"{command[0]} failed ({done.returncode}): {done.stderr[-2000:]}")


def prepare(lab: Lab, node: str, source: Path) -> None:
    for part in ("run", "log", "tmp"):
        (lab.of(node) / part).mkdir(parents=True, exist_ok=True)
    quiet(["cp", "-a", "--sparse=always", source, lab.of(node) / "data"])
    (lab.of(node) / "my.cnf").write_text(SMALL + NODE.format(
        number=places.NUMBER[node], address=places.address(node), port=places.MYSQL_PORT,
        run=lab.run(node), folder=lab.of(node)))


def start(lab: Lab, node: str) -> None:
    processes.spawn(lab, node, "mysqld", [SERVER, f"--defaults-file={lab.of(node)}/my.cnf"])


def answers(lab: Lab, node: str) -> bool:
    """The server has sent its greeting on the Unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0.5)
            probe.connect(str(lab.mysql_socket(node)))
            return bool(probe.recv(4))
    except OSError:
        return False


def wait_ready(lab: Lab, node: str, seconds: float = 30.0) -> None:
    def ready() -> bool:
        if not processes.running(lab, node, "mysqld"):
            raise LabError(f"mysqld of {node} ended: {last_error(lab, node)}")
        return answers(lab, node)

    processes.wait_until(ready, seconds, f"mysqld of {node} answers on its socket")


def last_error(lab: Lab, node: str) -> str:
    try:
        lines = (lab.log(node, "mysqld")).read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " | ".join([line for line in lines if "[ERROR]" in line][:6] or lines[-3:])


def sql(lab: Lab, node: str, statement: str, check: bool = True) -> list:
    """Rows as lists of strings, asked as root on the node's own socket."""
    done = subprocess.run(["mariadb", "--no-defaults", "-uroot", f"-S{lab.mysql_socket(node)}",
                           "--skip-column-names", "--batch", "-e", statement],
                          capture_output=True, text=True, timeout=30)
    if done.returncode != 0 and check:
        raise LabError(f"{node}: {statement[:80]}: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def session(lab: Lab, node: str, statement: str):
    """A connection of root that has carried out the statement and stays open for the block: what
    it locks stays locked."""
    child = subprocess.Popen(
        ["mariadb", "--no-defaults", "-uroot", f"-S{lab.mysql_socket(node)}", "--batch",
         "--unbuffered", "--skip-column-names"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)
    try:
        child.stdin.write(f"{statement}; SELECT 'done';\n")
        child.stdin.flush()
        if child.stdout.readline().strip() != "done":
            raise LabError(f"{node}: {statement[:80]}: refused")
        yield
    finally:
        child.communicate(timeout=10)


def replicate(lab: Lab, node: str, master: str) -> None:
    """By hand, for tests of the lab itself; the agents do this on their own."""
    sql(lab, node, f"CHANGE MASTER TO master_host='{places.address(master)}', "
                   f"master_port={places.MYSQL_PORT}, master_user='repl_{node}', "
                   f"master_password='{PASSWORD['repl']}', master_use_gtid=slave_pos, "
                   "master_connect_retry=1, master_heartbeat_period=0.5; START SLAVE")


def open_master(lab: Lab, node: str) -> None:
    sql(lab, node, "SET GLOBAL rpl_semi_sync_master_timeout=18446744073709551615; "
                   "SET GLOBAL rpl_semi_sync_master_enabled=1; SET GLOBAL read_only=0")
