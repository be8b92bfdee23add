"""Writes resize.json: what Pillow and torchvision's arithmetic make of small synthetic pictures.

Run by hand when cases change: python3 models/tests/golden/resize.py (needs pillow and numpy).
"""
import json
import pathlib

import numpy as np
import PIL
from PIL import Image

CASES = [  # width, height, resize, side, filter
    (37, 29, 16, 14, "bicubic"),
    (37, 29, 16, 14, "bilinear"),
    (29, 37, 40, 27, "bicubic"),
    (29, 37, 40, 27, "bilinear"),
    (300, 20, 10, 8, "bicubic"),
    (20, 300, 30, 24, "bicubic"),
    (101, 75, 25, 20, "bilinear"),
    (5, 3, 16, 13, "bicubic"),
    (32, 32, 32, 32, "bicubic"),
    (1, 1, 4, 4, "bicubic"),
    (500, 375, 24, 21, "bicubic"),
]


def synthetic(width, height):
    """The picture tests/recipe.rs builds too: edges, ramps and noise-like texture."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    noise = (x * 7919 + y * 104729 + c * 1299709) % 251
    edge = np.where((x // 5 + y // 7) % 2 == 0, 255, 0)
    return np.where((x + y + c) % 3 == 0, edge, noise).astype(np.uint8)


def prepared(width, height, resize, side, name):
    short = min(width, height)
    size = (resize * width // short, resize * height // short)
    kind = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}[name]
    resized = Image.fromarray(synthetic(width, height)).resize(size, kind)
    left, top = (int(round((length - side) / 2.0)) for length in size)
    return np.asarray(resized.crop((left, top, left + side, top + side)))


cases = [
    {"width": w, "height": h, "resize": r, "side": s, "filter": f, "rgb": prepared(w, h, r, s, f).tobytes().hex()}
    for w, h, r, s, f in CASES
]
out = pathlib.Path(__file__).with_name("resize.json")
out.write_text(json.dumps({"pillow": PIL.__version__, "cases": cases}, indent=0) + "\n")
