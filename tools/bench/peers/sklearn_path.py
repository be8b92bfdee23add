"""The probe's path of penalties with scikit-learn: L-BFGS in float64, each fit warm-started from the one before.

Reads `features` and `labels` from .npy files, C one a line from stdin; writes weights and biases as .npz; prints one JSON object with the CPU
seconds of the fits alone.
"""

import argparse
import json
import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features")
    parser.add_argument("labels")
    parser.add_argument("out")
    parser.add_argument("--tolerance", type=float, required=True, help="largest entry of the gradient of the mean objective")
    arguments = parser.parse_args()
    features = np.load(arguments.features).astype(np.float64)
    labels = np.load(arguments.labels)
    model = LogisticRegression(solver="lbfgs", tol=arguments.tolerance, max_iter=100_000, warm_start=True)
    weights, biases, iterations, seconds = [], [], [], 0.0
    for line in sys.stdin:
        model.C = float(line)
        start = time.process_time()
        model.fit(features, labels)
        seconds += time.process_time() - start
        weights.append(model.coef_.copy())
        biases.append(model.intercept_.copy())
        iterations.append(int(model.n_iter_.max()))
        print(f"C {model.C:.3g}: {iterations[-1]} iterations, {seconds:.1f} CPU seconds so far", file=sys.stderr, flush=True)
    np.savez(arguments.out, weight=np.stack(weights), bias=np.stack(biases))
    print(json.dumps({"cpu_seconds": seconds, "iterations": iterations}))


if __name__ == "__main__":
    main()
