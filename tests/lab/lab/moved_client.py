"""One MySQL client in a namespace that keeps its connection, and is told what to say."""

import json
import subprocess

from . import places, processes
from .places import Lab, LabError

BODY = """
import json, sys
import pymysql
link = pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user='app', password='app-lab',
                       database='app', autocommit=True, connect_timeout=5, read_timeout=20,
                       client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
print('"connected"', flush=True)
for line in sys.stdin:
    text = json.loads(line)
    try:
        if text is None:
            link._execute_command(0x1f, b'')  # COM_RESET_CONNECTION
            link._read_ok_packet()
            rows = []
        else:
            cursor = link.cursor()
            cursor.execute(text)
            rows = [list(row) for row in cursor.fetchall()]
            while cursor.nextset():
                cursor.fetchall()
        print(json.dumps(rows, default=str), flush=True)
    except pymysql.err.Error as error:
        print(json.dumps({'lost': error.args[0], 'text': str(error)}), flush=True)
"""


class Moved:
    def __init__(self, lab: Lab, node: str, address: str, port: int):
        self.process = subprocess.Popen(
            processes.in_namespace(lab, node, [places.SYSTEM_PYTHON, "-B", "-c", BODY, address,
                                               port]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != '"connected"\n':
            raise LabError(f"no client of {address}:{port}")

    def say(self, text):
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def run(self, text):
        self.say(text)
        said = self.hear()
        if isinstance(said, dict):
            raise LabError(f"{text}: {said['text']}")
        return said

    def row(self, text):
        return self.run(text)[0]

    def one(self, text):
        return self.row(text)[0]

    def reset(self):
        self.run(None)

    def lost(self, text) -> int:
        """The number of the error that it ends with; 0 if it does not."""
        self.say(text)
        said = self.hear()
        return said["lost"] if isinstance(said, dict) else 0

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
