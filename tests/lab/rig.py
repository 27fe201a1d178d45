"""What the lab's own tests share: a lab for a test class, and a skip for who is not root."""

import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import cli, places, stage  # noqa: E402

SKIPPED = 77


class LabCase(unittest.TestCase):
    """The lab is up, with `options`, for all tests of the class."""

    name = "test"
    options = ("--no-agents",)

    @classmethod
    def setUpClass(cls):
        cls.lab = places.open_lab(cls.name)
        stage.clean(cls.lab)
        stage.up(cls.lab, cli.up_options(*cls.options), say=lambda line: None)

    @classmethod
    def tearDownClass(cls):
        stage.clean(cls.lab)


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
