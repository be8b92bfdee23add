"""Writes a ResNet-50 of random weights under torchvision's names: `random_resnet50.py FILE.safetensors`. Speed does not ask what was learned."""

import json
import struct
import sys

import numpy as np

generator = np.random.default_rng(1)
tensors = {}


def convolution(name, out, inner, side):
    deviation = (2 / (inner * side * side)) ** 0.5
    tensors[f"{name}.weight"] = (generator.standard_normal((out, inner, side, side)) * deviation).astype("<f4")


def norm(name, channels):
    for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
        tensors[f"{name}.{part}"] = np.full(channels, value, "<f4")


convolution("conv1", 64, 3, 7)
norm("bn1", 64)
inner = 64
for stage, (blocks, middle) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
    for block in range(blocks):
        name = f"layer{stage}.{block}"
        for index, (out, into, side) in enumerate(((middle, inner, 1), (middle, middle, 3), (4 * middle, middle, 1)), 1):
            convolution(f"{name}.conv{index}", out, into, side)
            norm(f"{name}.bn{index}", out)
        # Small, as sixteen residuals that each double the variance would overflow an average.
        tensors[f"{name}.bn3.weight"] *= np.float32(0.2)
        if block == 0:
            convolution(f"{name}.downsample.0", 4 * middle, inner, 1)
            norm(f"{name}.downsample.1", 4 * middle)
        inner = 4 * middle

head, at = {}, 0
for name, tensor in tensors.items():
    head[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
    at += tensor.nbytes
text = json.dumps(head).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for tensor in tensors.values():
        file.write(tensor.tobytes())
