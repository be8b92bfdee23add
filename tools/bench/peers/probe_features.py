"""512 features of each picture of CIFAR-10: the shipped encoder's 128 embeddings, and 384 random ReLU features of the pixels at the same spread.

Reads what `simclr-eval embed` wrote; writes features.npy and labels.npy, and the same as features.safetensors, and test-features.npy.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def main():
    embedded, pictures, out = map(Path, sys.argv[1:4])
    projection = np.random.default_rng(0).standard_normal((3072, 384)).astype(np.float32) / np.sqrt(3072) * 4
    scale = None
    for split, names in (("train", [f"data_batch_{number}.bin" for number in range(1, 6)]), ("test", ["test_batch.bin"])):
        raw = np.concatenate([np.fromfile(pictures / name, np.uint8).reshape(-1, 3073) for name in names])
        embeddings = np.load(embedded / f"{split}.npy")
        assert (np.load(embedded / f"{split}-labels.npy") == raw[:, 0]).all(), "the embeddings are of other pictures"
        random = np.maximum((raw[:, 1:].astype(np.float32) / 255 - 0.47) @ projection, 0)
        scale = scale or embeddings.std() / random.std()
        features = np.concatenate([embeddings, random * scale], 1).astype(np.float32)
        if split == "test":
            np.save(out / "test-features.npy", features)
            continue
        labels = raw[:, 0].astype(np.int32)
        np.save(out / "features.npy", features)
        np.save(out / "labels.npy", labels)
        save(out / "features.safetensors", {"features": ("F32", features), "labels": ("I32", labels)})


def save(path, arrays):
    header, start = {}, 0
    for name, (kind, array) in arrays.items():
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        start += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


if __name__ == "__main__":
    main()
