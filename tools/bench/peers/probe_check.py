"""Are two paths of fits the same? Objective and gradient of both by one definition, in float64, and what both predict on test pictures.

Reads features.npy, labels.npy and test-features.npy of a folder, our fits (safetensors) and scikit-learn's (.npz), C one a line from stdin; prints
one JSON object: the largest relative difference of objectives, ours less theirs where theirs is lower, both largest entries of the gradient of
the mean objective, and the smallest share of equal predictions, each over all C.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def main():
    folder, ours, theirs = map(Path, sys.argv[1:4])
    features, labels = np.load(folder / "features.npy").astype(np.float64), np.load(folder / "labels.npy")
    test = np.load(folder / "test-features.npy").astype(np.float64)
    ours, theirs = load(ours), np.load(theirs)
    rows = []
    for place, line in enumerate(sys.stdin):
        c = float(line)
        fits = [(fit["weight"][place], fit["bias"][place]) for fit in (ours, theirs)]
        (f, g), (f_peer, g_peer) = (judge(features, labels, c, *fit) for fit in fits)
        same = np.mean(np.equal(*[(test @ weight.T + bias).argmax(1) for weight, bias in fits]))
        rows.append((abs(f / f_peer - 1), f / f_peer - 1, g, g_peer, same))
        print(f"C {c:.3g}: objectives {f:.9f} {f_peer:.9f}, gradients {g:.1e} {g_peer:.1e}, {100 * same:.2f} % equal", file=sys.stderr)
    off, worse, gradient, peer_gradient, same = zip(*rows)
    print(json.dumps({"off": max(off), "worse": max(worse), "gradient": max(gradient), "peer_gradient": max(peer_gradient), "same": min(same)}))


def judge(features, labels, c, weight, bias):
    scores = features @ weight.T + bias
    scores -= scores.max(1, keepdims=True)
    chances = np.exp(scores)
    sums = chances.sum(1, keepdims=True)
    count = len(labels)
    own = np.arange(count), labels
    loss = (np.log(sums[:, 0]) - scores[own]).mean() + (weight**2).sum() / (2 * c * count)
    chances /= sums
    chances[own] -= 1
    gradient = chances.T @ features / count + weight / (c * count)
    return loss, max(np.abs(gradient).max(), np.abs(chances.mean(0)).max())


def load(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    part = lambda of: raw[8 + length + of["data_offsets"][0] : 8 + length + of["data_offsets"][1]]  # noqa: E731
    return {name: np.frombuffer(part(of), np.float64).reshape(of["shape"]) for name, of in header.items() if name != "__metadata__"}


if __name__ == "__main__":
    main()
