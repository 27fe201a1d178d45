"""The rows of a benchmark: the format that other programs read, and the table for people."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
tests = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(tests / "lab"), str(tests / "bench")]

from bench import cli, rows  # noqa: E402


class RowsTest(unittest.TestCase):
    def test_a_row_has_the_agreed_keys_first_and_its_own_after_them(self):
        row = rows.row("vip", "node-loss", "tasuki", 100, [3.0, 1.0, 2.5], dual_max=0.0)
        self.assertEqual(list(row)[:9], ["bench", "case", "subject", "interval_ms", "unit",
                                         "median", "max", "runs", "commit"])
        self.assertEqual((row["median"], row["max"], row["runs"], row["dual_max"]),
                         (2.5, 3.0, 3, 0.0))

    def test_the_file_has_one_object_a_line_and_is_appended_to(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "out.json"
            for case in ("planned", "node-loss"):
                rows.write_json(path, [rows.row("vip", case, "tasuki", 100, [1.0])])
            lines = path.read_text().splitlines()
        self.assertEqual([json.loads(line)["case"] for line in lines], ["planned", "node-loss"])

    def test_the_table_is_aligned_and_says_dash_for_what_is_not_there(self):
        shown = rows.table([{"case": "planned", "median": 12.345}, {"case": "x", "median": None}],
                           {"case": "case", "median": "gap ms"})
        self.assertEqual(shown.splitlines(),
                         ["case     gap ms", "---------------", "planned  12.3", "x        -"])

    def test_an_unknown_subject_is_refused(self):
        sys.argv = ["bench", "vip", "--only", "heartbeat"]
        self.assertEqual(cli.main(), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
