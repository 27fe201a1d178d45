"""Programs in a folder of a test's own, as a package installs them, and what its upgrade does."""

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from lab import places
from watched import AddressCase

ROLES = {"agent": "tasukid", "guard": "tasuki-guard"}
GONE = " (deleted)"


class InstalledCase(AddressCase):
    """All nodes run from copies, which a test may exchange."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="tasuki-")))
        for name in ("tasuki", "tasuki_observer", *ROLES.values()):
            shutil.copy2(places.program(name), self.folder)
        self.enterContext(mock.patch.dict(os.environ, TASUKI_BUILD=str(self.folder)))
        super().setUp()

    def exchange(self, role, process):
        """Another file under the same name, while the process goes on with the former one."""
        place = self.folder / ROLES[role]
        fresh = place.with_suffix(".dpkg-new")
        shutil.copy2(place, fresh)
        with open(fresh, "ab") as file:
            file.write(b"another version")  # behind what is loaded
        os.rename(fresh, place)
        self.assertEqual(os.readlink(f"/proc/{process.pid}/exe"), f"{place}{GONE}")

    def assert_runs_what_is_installed(self, role, process):
        place = self.folder / ROLES[role]
        self.assertEqual(os.readlink(f"/proc/{process.pid}/exe"), str(place))
        self.assertTrue(os.path.samestat(os.stat(f"/proc/{process.pid}/exe"), os.stat(place)))
