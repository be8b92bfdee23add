#!/usr/bin/env python3
"""Carries a file in pieces small enough for a narrow door, and makes a checkpoint fit through it.

  parcel.py split FILE FOLDER [--piece-mib 15] [--total-mib 58] [--finished]     FILE -> FOLDER/<name>.000, .001, … and <name>.sha256
  parcel.py join FOLDER FILE                                                     the way back; checks every piece

A checkpoint larger than --total-mib loses what it can best do without: of a finished run the optimiser's velocities (they come back as
zeros), of one that goes on half the digits of large weights and of velocities. Other files are carried as they are. Standard library only.
"""

import argparse
import hashlib
import json
import math
import struct
import sys
from array import array
from pathlib import Path

MIB = 1 << 20
WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}


class ParcelError(Exception):
    """What was wrong, where, and what to do about it."""


def read_tensors(data):
    """Header metadata and {name: (kind, shape, bytes)} of a safetensors file."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    about, body = header.pop("__metadata__", {}), memoryview(data)[8 + length :]
    return about, {name: (t["dtype"], t["shape"], bytes(body[slice(*t["data_offsets"])])) for name, t in header.items()}


def write_tensors(about, tensors):
    """A safetensors file."""
    header, at = {"__metadata__": about}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def narrowed(tensor, kind):
    """An F32 matrix or kernel in half the bytes; vectors are small and stay as they are."""
    old, shape, data = tensor
    if old != "F32" or len(shape) < 2:
        return tensor
    if kind == "BF16":
        return "BF16", shape, array("H", data)[1::2].tobytes()  # the upper half of each number
    numbers = array("f", data)
    try:
        return "F16", shape, struct.pack(f"<{len(numbers)}e", *numbers)
    except OverflowError:
        return narrowed(tensor, "BF16")


def widened(tensor):
    """The same numbers as F32."""
    kind, shape, data = tensor
    if kind == "BF16":
        halves = array("H", bytes(2 * len(data)))
        halves[1::2] = array("H", data)
        return "F32", shape, halves.tobytes()
    if kind == "F16":
        return "F32", shape, array("f", struct.unpack(f"<{len(data) // 2}e", data)).tobytes()
    return tensor


def halved(tensors):
    return {name: narrowed(t, "BF16" if name.startswith("velocity/") else "F16") for name, t in tensors.items()}


def still(tensors):
    return {name: t for name, t in tensors.items() if not name.startswith("velocity/")}


def fit(data, limit, finished):
    """The file's bytes if they fit, else the first reduction of a checkpoint that does, and what was done in words."""
    if len(data) <= limit:
        return data, "whole"
    about, tensors = read_tensors(data)
    dropped = {name: shape for name, (_, shape, _) in tensors.items() if name.startswith("velocity/")}
    smaller = [("halves", lambda: halved(tensors), {}), ("halves without velocities", lambda: halved(still(tensors)), dropped)]
    if finished:
        smaller[0] = ("whole weights without velocities", lambda: still(tensors), dropped)
    for words, reduced, gone in smaller:
        fitted = write_tensors({**about, "parcel_dropped": json.dumps(gone)}, reduced())
        if len(fitted) <= limit:
            return fitted, words
    raise ParcelError(f"{len(fitted) / MIB:.0f} MiB even in halves without velocities; the limit is {limit / MIB:.0f} MiB: raise --total-mib")


def unfit(data):
    """Undoes `fit`, as far as that is possible."""
    about, tensors = read_tensors(data)
    if "parcel_dropped" not in about:
        return data
    dropped = json.loads(about.pop("parcel_dropped"))
    tensors = {name: widened(tensor) for name, tensor in tensors.items()}
    tensors.update({name: ("F32", shape, bytes(4 * math.prod(shape))) for name, shape in dropped.items()})
    return write_tensors(about, tensors)


def weights_alone(data):
    """A checkpoint whose velocities are zeros, which packs to nothing: enough to begin another run at its weights."""
    about, tensors = read_tensors(data)
    zeros = {name: (kind, shape, bytes(len(body))) for name, (kind, shape, body) in tensors.items() if name.startswith("velocity/")}
    return write_tensors(about, {**tensors, **zeros})


def split(path, folder, piece, total, finished):
    """Writes the pieces and their sums; returns what was done in words."""
    data, words = path.read_bytes(), "whole"
    if path.suffix == ".safetensors":
        data, words = fit(data, total, finished)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{path.name}.*"):
        old.unlink()
    sums = []
    for index in range(max(1, -(-len(data) // piece))):
        part, name = data[index * piece : (index + 1) * piece], f"{path.name}.{index:03}"
        (folder / name).write_bytes(part)
        sums.append(f"{hashlib.sha256(part).hexdigest()}  {name}\n")
    (folder / f"{path.name}.sha256").write_text("".join(sums))
    return f"in {len(sums)} of at most {piece / MIB:.0f} MiB: {len(data) / MIB:.1f} MiB in all, {words}"


def join(folder, path):
    """Puts the pieces named as `path` is together again."""
    sums = folder / f"{path.name}.sha256"
    if not sums.exists():
        raise ParcelError(f"{sums} is not there: it lists the pieces")
    data = b""
    for line in sums.read_text().splitlines():
        digest, name = line.split()
        part = (folder / name).read_bytes() if (folder / name).exists() else b""
        if hashlib.sha256(part).hexdigest() != digest:
            raise ParcelError(f"{folder / name} is missing or damaged: carry it again")
        data += part
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(unfit(data) if path.suffix == ".safetensors" else data)
    return f"{path}: {path.stat().st_size / MIB:.1f} MiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    splitting = verbs.add_parser("split")
    splitting.add_argument("file", type=Path)
    splitting.add_argument("folder", type=Path)
    splitting.add_argument("--piece-mib", type=float, default=15)
    splitting.add_argument("--total-mib", type=float, default=58)
    splitting.add_argument("--finished", action="store_true")
    joining = verbs.add_parser("join")
    joining.add_argument("folder", type=Path)
    joining.add_argument("file", type=Path)
    a = parser.parse_args()
    try:
        if a.verb == "join":
            print(join(a.folder, a.file))
        else:
            print(split(a.file, a.folder, int(a.piece_mib * MIB), int(a.total_mib * MIB), a.finished))
    except (ParcelError, OSError) as error:
        print(f"parcel.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
