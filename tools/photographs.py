"""Real photographs to try things on: overlapping crops of those that scikit-image ships, as PNG files.

Goes in: the pinned wheel of scikit-image, as pip brings it. Comes out: a folder of small PNG files named `<photograph>-<place>.png`.
Crops PNG itself (8 bits, not interlaced), so that nothing needs to be installed. Knows nothing of encoders or servers.
"""

import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from wheels import FetchError, Wheel, exclusive, fetch, require_space, swap_in

SCIKIT_IMAGE = Wheel(
    "scikit-image", "0.26.0", "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
    "scikit_image-0.26.0-cp312-cp312-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl", 14,
)
NAMES = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "ihc", "moon", "motorcycle_left")
# Where a crop of SHARE of each side begins, as a share of what is left over: neighbours in place overlap by half and more.
PLACES = {"north-west": (0, 0), "north-east": (1, 0), "centre": (0.5, 0.5), "south-west": (0, 1), "south-east": (1, 1)}
SHARE = 0.7
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def photographs(third_party):
    """The folder of crops, made on the first call."""
    final = third_party / "photographs"
    with exclusive(third_party):
        if final.exists():
            return final
        require_space(third_party, 60)
        wheel = fetch(SCIKIT_IMAGE, third_party / "wheels")
        print(f"cropping {len(NAMES)} photographs", flush=True)
        with tempfile.TemporaryDirectory(dir=third_party, prefix=".making-") as folder, zipfile.ZipFile(wheel) as archive:
            fresh = Path(folder) / "photographs"
            fresh.mkdir()
            for name in NAMES:
                _write_crops(archive.read(f"skimage/data/{name}.png"), fresh, name)
            swap_in(fresh, final)
        wheel.unlink()
    return final


def _write_crops(png, folder, name):
    width, height, kind, rows = read_png(png)
    size = CHANNELS[kind]
    wide, high = int(width * SHARE), int(height * SHARE)
    for place, (x, y) in PLACES.items():
        left, top = int((width - wide) * x), int((height - high) * y)
        crop = [row[left * size : (left + wide) * size] for row in rows[top : top + high]]
        (folder / f"{name}-{place}.png").write_bytes(write_png(wide, high, kind, crop))


def read_png(png):
    """Width, height, colour type and the rows of bytes of an 8-bit PNG without interlacing."""
    if not png.startswith(SIGNATURE):
        raise FetchError("a photograph in the wheel is not a PNG file")
    at, data, header = len(SIGNATURE), b"", None
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            data += body
        at += length + 12
    if header is None:
        raise FetchError("a PNG file without a header")
    width, height, depth, colour, _, _, interlaced = header
    if depth != 8 or interlaced or colour not in CHANNELS:
        raise FetchError(f"a photograph in the wheel has {depth} bits and colour type {colour}, which is not read here")
    return width, height, colour, _unfilter(zlib.decompress(data), width * CHANNELS[colour], height, CHANNELS[colour])


def _unfilter(raw, stride, height, size):
    rows, above = [], bytearray(stride)
    for index in range(height):
        start = index * (stride + 1)
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        if kind == 1:
            for i in range(size, stride):
                row[i] = (row[i] + row[i - size]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above))
        elif kind == 3:
            for i in range(stride):
                left = row[i - size] if i >= size else 0
                row[i] = (row[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            _paeth(row, above, size, stride)
        rows.append(row)
        above = row
    return rows


def _paeth(row, above, size, stride):
    """The filter that predicts each byte from its left, upper and upper-left neighbour (PNG specification, 9.4)."""
    for i in range(stride):
        left, upper = (row[i - size] if i >= size else 0), above[i]
        corner = above[i - size] if i >= size else 0
        estimate = left + upper - corner
        to_left, to_upper, to_corner = abs(estimate - left), abs(estimate - upper), abs(estimate - corner)
        best = left if to_left <= to_upper and to_left <= to_corner else upper if to_upper <= to_corner else corner
        row[i] = (row[i] + best) & 255


def write_png(width, height, colour, rows):
    """A PNG file of 8-bit rows."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 6)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
