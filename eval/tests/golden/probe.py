"""Makes probe.safetensors: features, labels and marks, and what scikit-learn fits on them (lbfgs, tol 1e-10).

  python3 -m pip install numpy==2.4.6 scikit-learn==1.9.1
  python3 eval/tests/golden/probe.py

Features are like an encoder's: not negative, many close to zero, correlated. Rows whose mark for a class is difficult (1) are left out of that
class's fit. For each C, `objective` is that of the mean: the summed losses divided by the rows, plus half of 1/(C rows) times the squared weights.
"""

import json
import struct
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

TRAIN, TEST, LENGTH, CLASSES, MARKS = 900, 500, 20, 6, 4
C = np.array([0.003, 0.3, 30.0, 3000.0])
ABSENT, DIFFICULT, PRESENT = 0, 1, 2


def main():
    random = np.random.default_rng(1)
    rows = TRAIN + TEST
    labels = random.integers(0, CLASSES, rows)
    hidden = random.standard_normal((CLASSES, 8))[labels] * 0.9 + random.standard_normal((rows, 8))
    features = np.maximum(hidden @ random.standard_normal((8, LENGTH)) * 0.4 + 0.3 * random.standard_normal((rows, LENGTH)), 0)
    features = (features * 10 ** random.uniform(-1, 0.3, LENGTH)).astype(np.float32)
    shown = hidden[:, :MARKS] + 0.7 * random.standard_normal((rows, MARKS)) > 0.8
    marks = np.where(shown, PRESENT, ABSENT).astype(np.uint8)
    marks[random.random(marks.shape) < 0.07] = DIFFICULT
    wide = features.astype(np.float64)
    train, test = slice(TRAIN), slice(TRAIN, None)
    objective, predicted, marks_objective, marks_predicted = [], [], [], []
    for c in C:
        model = fitted(wide[train], labels[train], c)
        scores = wide @ model.coef_.T + model.intercept_
        predicted.append(scores[test].argmax(1).astype(np.int32))
        most = scores[train].max(1)
        losses = most + np.log(np.exp(scores[train] - most[:, None]).sum(1)) - scores[train][np.arange(TRAIN), labels[train]]
        objective.append((losses.sum() + (model.coef_**2).sum() / (2 * c)) / TRAIN)
        total, shows = 0.0, []
        for mark in range(MARKS):
            known = np.flatnonzero(marks[train, mark] != DIFFICULT)
            truth = marks[known, mark] == PRESENT
            model = fitted(wide[known], truth, c)
            score = wide @ model.coef_[0] + model.intercept_[0]
            total += np.logaddexp(0, np.where(truth, -1, 1) * score[known]).sum() + (model.coef_**2).sum() / (2 * c)
            shows.append(score[test] > 0)
        marks_objective.append(total / TRAIN)
        marks_predicted.append(np.stack(shows, 1).astype(np.uint8))
    save(
        Path(__file__).with_name("probe.safetensors"),
        {
            "c": C,
            "objective": np.array(objective),
            "marks_objective": np.array(marks_objective),
            "features": features,
            "labels": labels.astype(np.int32),
            "predicted": np.stack(predicted),
            "marks": marks,
            "marks_predicted": np.stack(marks_predicted),
        },
    )
    print(objective, marks_objective)


def fitted(features, truth, c):
    return LogisticRegression(C=c, solver="lbfgs", tol=1e-10, max_iter=1_000_000).fit(features, truth)


def save(path, arrays):
    """The safetensors format: a length, a JSON header, the numbers; widest types first, so that all are aligned."""
    names = {"float64": "F64", "float32": "F32", "int32": "I32", "uint8": "U8"}
    header, blob = {}, b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[str(array.dtype)], "shape": list(array.shape), "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


if __name__ == "__main__":
    main()
