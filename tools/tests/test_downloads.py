"""Pinned downloads: only the right bytes are taken, and the words say what to do when they cannot be had. Nothing here goes online."""

import os
import sys
import tempfile
import unittest
import zipfile
from hashlib import sha256
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import photographs  # noqa: E402
import wheels  # noqa: E402

NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}


class Downloads(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name)
        path = self.cache / "thing-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("thing/lib/libthing.so.1.0", "library")
            archive.writestr("thing/other.py", "code")
        self.wheel = wheels.Wheel("simclr-no-such-thing", "1.0", sha256(path.read_bytes()).hexdigest(), path.name, 1)

    def test_a_finished_download_is_not_fetched_again(self):
        with mock.patch.object(wheels, "_pip_download", side_effect=AssertionError("went online")):
            self.assertEqual(wheels.fetch(self.wheel, self.cache), self.cache / self.wheel.file)

    def test_a_broken_download_is_not_taken_and_offline_says_what_to_do(self):
        (self.cache / self.wheel.file).write_bytes(b"half a wheel")
        with mock.patch.dict(os.environ, NOWHERE), mock.patch("builtins.print"):
            with self.assertRaisesRegex(wheels.FetchError, f"(?s)offline, put {self.wheel.file} into"):
                wheels.fetch(self.wheel, self.cache)
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_only_wanted_members_are_unpacked(self):
        target = self.cache / "out"
        wheels.unpack(self.cache / self.wheel.file, target, lambda name: "libthing.so" if ".so" in name else None)
        self.assertEqual([path.name for path in target.iterdir()], ["libthing.so"])

    def test_too_small_a_disk_is_said_before_anything_is_fetched(self):
        with self.assertRaisesRegex(wheels.FetchError, "free some space"):
            wheels.require_space(self.cache, 10**12)

    def test_another_platform_is_told_so(self):
        with mock.patch("platform.machine", return_value="aarch64"):
            with self.assertRaisesRegex(wheels.FetchError, "aarch64"):
                wheels.require_linux_x86_64()


class Png(unittest.TestCase):
    def test_rows_come_back_as_they_were(self):
        rows = [bytes((7 * x + 31 * y + c) % 256 for x in range(9) for c in range(3)) for y in range(5)]
        width, height, colour, back = photographs.read_png(photographs.write_png(9, 5, 2, rows))
        self.assertEqual((width, height, colour, [bytes(row) for row in back]), (9, 5, 2, rows))

    def test_filters_are_undone(self):
        """The same two rows of three grey pixels, written with each of the five filters by hand."""
        rows = [[10, 12, 9], [11, 15, 8]]
        filtered = {0: [11, 15, 8], 1: [11, 4, 249], 2: [1, 3, 255], 3: [6, 4, 252], 4: [1, 3, 252]}
        for kind, second in filtered.items():
            raw = bytes([0, *rows[0], kind, *second])
            self.assertEqual([list(row) for row in photographs._unfilter(raw, 3, 2, 1)], rows, f"filter {kind}")


if __name__ == "__main__":
    unittest.main()
