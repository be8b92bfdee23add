"""Thumbnails for the page: small files go as they are, large PNG files are shrunk, what cannot be read gets none."""

import base64
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import photographs  # noqa: E402


def decoded(uri):
    head, body = uri.split(",", 1)
    return head, base64.b64decode(body)


class Thumbnails(unittest.TestCase):
    def test_a_small_file_goes_as_it_is(self):
        png = photographs.write_png(2, 1, 2, [bytes(6)])
        self.assertEqual(decoded(photographs.thumbnail(png)), ("data:image/png;base64", png))

    def test_a_large_png_is_shrunk_to_every_nth_pixel(self):
        rows = [os.urandom(3 * 300) for _ in range(200)]
        head, small = decoded(photographs.thumbnail(photographs.write_png(300, 200, 2, rows)))
        width, height, kind, shrunk = photographs.read_png(small)
        self.assertEqual((width, height, kind), (75, 50, 2))
        self.assertEqual(bytes(shrunk[1][3:6]), rows[4][12:15])
        self.assertLess(len(small), photographs.THUMBNAIL_BYTES)

    def test_what_cannot_be_read_gets_none(self):
        large = os.urandom(photographs.THUMBNAIL_BYTES + 1)
        for picture in (b"", b"text", b"\xff\xd8\xff" + large, photographs.SIGNATURE + large):
            self.assertIsNone(photographs.thumbnail(picture))


if __name__ == "__main__":
    unittest.main()
