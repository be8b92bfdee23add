"""Writes jpeg.json: small JPEG files and the pixels that Pillow, which decodes by libjpeg-turbo, gives for them; and the sha256 of the
pixels that it gives for real photographs in a folder of test pictures, by name.

Run by hand when cases change: python3 models/tests/golden/jpeg.py PICTURES (needs pillow and numpy).
"""
import base64
import hashlib
import io
import json
import pathlib
import sys

import numpy as np
import PIL
from PIL import Image, ImageOps, features

CASES = {
    "full colour": (37, 29, {"subsampling": 0}),
    "half colour": (37, 29, {"subsampling": 1}),
    "quarter colour": (37, 29, {"subsampling": 2}),
    "quarter colour, coarse": (37, 29, {"subsampling": 2, "quality": 30}),
    "progressive": (41, 23, {"subsampling": 2, "progressive": True}),
    "restarts": (64, 40, {"subsampling": 2, "restart_marker_blocks": 3}),
    "one pixel": (1, 1, {}),
    "narrow": (3, 50, {"subsampling": 2}),
}
REAL_IN_A_FOLDER = 3


def picture_of(width, height):
    """Slopes, edges and a fine pattern in each colour."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    slope = 255 * (x + 2 * y * c) // (width + 2 * height * c)
    edge = np.where((x // 9 + y // 7 + c) % 2 == 0, 200, 30)
    return Image.fromarray(np.where((x + y) % 40 < 25, slope, edge).astype(np.uint8))


def text(data):
    return base64.b64encode(data).decode()


def made():
    for name, (width, height, options) in CASES.items():
        file = io.BytesIO()
        picture_of(width, height).save(file, "JPEG", **{"quality": 85} | options)
        pixels = Image.open(file).convert("RGB").tobytes()
        yield {"name": name, "width": width, "height": height, "file": text(file.getvalue()), "rgb": text(pixels)}


def real(root):
    for folder in sorted({path.parent for path in root.rglob("*.jpg")}):
        for path in sorted(folder.glob("*.jpg"))[:REAL_IN_A_FOLDER]:
            with Image.open(path) as picture:
                if picture.format == "JPEG" and picture.mode in ("RGB", "L"):
                    pixels = ImageOps.exif_transpose(picture).convert("RGB").tobytes()
                    yield path.relative_to(root).as_posix(), hashlib.sha256(pixels).hexdigest()


def main():
    root = pathlib.Path(sys.argv[1])
    told = f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"
    golden = {"by": told, "made": list(made()), "real": dict(real(root))}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
