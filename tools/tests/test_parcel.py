"""A checkpoint goes through the narrow door and comes back as far as it was promised to."""

import math
import random
import sys
import tempfile
import unittest
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gpu-kit"))
import parcel  # noqa: E402

SHAPES = {"encoder/conv": [16, 16, 3, 3], "encoder/bn": [64], "velocity/conv": [16, 16, 3, 3], "velocity/bn": [64], "head/0": [32, 32]}


def checkpoint():
    random.seed(1)
    numbers = {name: array("f", [random.gauss(0, 0.1) for _ in range(math.prod(shape))]) for name, shape in SHAPES.items()}
    tensors = {name: ("F32", SHAPES[name], values.tobytes()) for name, values in numbers.items()}
    return parcel.write_tensors({"format": "x", "step": "3"}, tensors)


def numbers(tensor):
    return array("f", tensor[2])


class Journey(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "checkpoint.safetensors"
        self.file.write_bytes(checkpoint())

    def travel(self, limit, finished=False):
        """Splits, joins, and returns what was said with the tensors from before and after."""
        words = parcel.split(self.file, self.folder / "pieces", 5_000, limit, finished)
        parcel.join(self.folder / "pieces", self.folder / "back" / self.file.name)
        about, after = parcel.read_tensors((self.folder / "back" / self.file.name).read_bytes())
        self.assertEqual(about, {"format": "x", "step": "3"})
        before = parcel.read_tensors(self.file.read_bytes())[1]
        self.assertEqual({n: t[:2] for n, t in after.items()}, {n: t[:2] for n, t in before.items()})
        for piece in (self.folder / "pieces").iterdir():
            self.assertLessEqual(piece.stat().st_size, 5_000)
        return words, before, after

    def test_weights_to_begin_at_are_whole_and_their_velocities_nothing(self):
        data = self.file.read_bytes()
        before, after = (parcel.read_tensors(d) for d in (data, parcel.weights_alone(data)))
        self.assertEqual(before[0], after[0])
        for name, tensor in after[1].items():
            expected = bytes(len(tensor[2])) if name.startswith("velocity/") else before[1][name][2]
            self.assertEqual((tensor[1], tensor[2]), (SHAPES[name], expected), name)

    def test_what_fits_comes_back_byte_for_byte(self):
        words, before, after = self.travel(1 << 30)
        self.assertTrue(words.endswith("whole"))
        self.assertEqual(before, after)

    def test_a_run_that_goes_on_keeps_everything_in_halves(self):
        words, before, after = self.travel(16_000)
        self.assertTrue(words.endswith("halves"))
        for name in SHAPES:
            digits = 2**-7 if name.startswith("velocity/") else 2**-11
            for x, y in zip(numbers(before[name]), numbers(after[name])):
                self.assertLessEqual(abs(x - y), abs(x) * digits + 1e-7, name)

    def test_a_finished_run_keeps_its_weights_whole(self):
        words, before, after = self.travel(20_000, finished=True)
        self.assertTrue(words.endswith("whole weights without velocities"))
        for name in SHAPES:
            if name.startswith("velocity/"):
                self.assertEqual(set(numbers(after[name])), {0.0})
            else:
                self.assertEqual(before[name], after[name])

    def test_what_cannot_fit_is_refused(self):
        with self.assertRaisesRegex(parcel.ParcelError, "raise --total-mib"):
            parcel.split(self.file, self.folder / "pieces", 5_000, 1_000, False)

    def test_a_damaged_or_missing_piece_is_named(self):
        parcel.split(self.file, self.folder / "pieces", 5_000, 1 << 30, False)
        piece = self.folder / "pieces" / "checkpoint.safetensors.001"
        for damage in (lambda: piece.write_bytes(b"x"), piece.unlink):
            damage()
            with self.assertRaisesRegex(parcel.ParcelError, "001 is missing or damaged"):
                parcel.join(self.folder / "pieces", self.folder / "back" / self.file.name)

    def test_numbers_too_large_for_half_precision_survive(self):
        large = ("F32", [1, 2], array("f", [1e30, -3.0]).tobytes())
        x, y = numbers(parcel.widened(parcel.narrowed(large, "F16")))
        self.assertAlmostEqual(x / 1e30, 1, delta=2**-7)
        self.assertEqual(y, -3.0)


if __name__ == "__main__":
    unittest.main()
