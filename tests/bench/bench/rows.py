"""Results as one JSON object a line, and as a table for people.

Keys that every row has: bench, case, subject, interval_ms, unit, median, max, runs, commit. A
benchmark adds its own after them; keys are added, never dropped.
"""

import json
import statistics
import subprocess

from lab import places


def commit() -> str:
    done = subprocess.run(["git", "-C", str(places.SOURCE), "describe", "--always", "--dirty"],
                          capture_output=True, text=True)
    return done.stdout.strip() or "none"


def row(bench: str, case: str, subject: str, interval_ms: int, values: list, unit: str = "ms",
        **further) -> dict:
    return {"bench": bench, "case": case, "subject": subject, "interval_ms": interval_ms,
            "unit": unit, "median": round(statistics.median(values), 2),
            "max": round(max(values), 2), "runs": len(values), "commit": commit(),
            "values": [round(value, 2) for value in values], **further}


def write_json(path: str, rows: list) -> None:
    with open(path, "a", encoding="utf-8") as out:
        for entry in rows:
            out.write(json.dumps(entry) + "\n")


def table(rows: list, columns: dict) -> str:
    """`columns` maps a key of the rows to its heading, in order."""
    cells = [list(columns.values())]
    cells += [[text(entry.get(key)) for key in columns] for entry in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = []
    for line in cells:
        padded = [cell.ljust(width) if index < 2 else cell.rjust(width)
                  for index, (cell, width) in enumerate(zip(line, widths))]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def text(value) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
