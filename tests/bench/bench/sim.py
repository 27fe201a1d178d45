"""How fast the simulator is: simulated seconds in one second of a processor core.

Processor time is counted, not the clock on the wall: what else the machine does matters little. Each
run plays seeds of its own, of the mix that the tests play: 3 to 9 voters, intervals of 100 to
500 ms, a third with databases.
"""

import subprocess

from lab import places

from . import rows

SUBJECTS = {"tasuki": None}
COLUMNS = {"case": "case", "subject": "subject", "median": "median", "least": "least",
           "unit": "unit", "runs": "runs"}
NEEDS_ROOT = False
SEEDS = 60


def run(options) -> list:
    program = places.program("sim")
    speeds = []
    for number in range(options.runs):
        done = subprocess.run([program, "--speed", "--threads", "1", "--seeds", str(SEEDS),
                               "--first", str(1 + number * SEEDS)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise places.LabError(f"a seed failed: run {program} --first {1 + number * SEEDS} "
                                  f"--seeds {SEEDS}")
        speeds.append(float(done.stdout))
        print(f"run {number + 1}: {speeds[-1]:.0f}", flush=True)
    return [rows.row("sim", "mixed", "tasuki", 0, speeds, unit="x/core", least=min(speeds))]
