"""One search library on one set of vectors: builds its index once, then measures recall and speed whenever it is told to.

  search_peers.py prepare FOLDER cifar TRAIN.npy TEST.npy | clustered COUNT DIMENSION    vectors, queries and their nearest ten
  search_peers.py FOLDER hnswlib|faiss|faiss-exact|usearch|scann|svs                      a line in, a JSON object out

One thread; times are CPU seconds of this process. Each library gets its usual settings (M 16, efConstruction 200, SVS degree 64) and its
own knob is turned.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

SECONDS, CALL, SINGLE = 0.7, 1000, 300
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 200)


def normalised(array):
    array = np.ascontiguousarray(array, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def prepare(folder, kind, first, second):
    if kind == "cifar":
        stored, queries = normalised(np.load(first)), normalised(np.load(second)[:3000])
    else:
        count, dimension, random = int(first), int(second), np.random.default_rng(1)
        centres = random.standard_normal((count // 100, dimension), dtype=np.float32)
        vectors = centres[random.integers(len(centres), size=count + 1000)]
        vectors = normalised(vectors + 0.6 * random.standard_normal(vectors.shape, dtype=np.float32))
        stored, queries = vectors[:count], vectors[count:]
    nearest = []
    for start in range(0, len(queries), 200):
        scores = queries[start : start + 200] @ stored.T
        nearest.append(np.argpartition(-scores, 10, axis=1)[:, :10])
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("stored", stored), ("queries", queries), ("nearest", np.concatenate(nearest).astype(np.int32))):
        np.save(folder / f"{name}.npy", array)


def hnswlib(stored):
    import hnswlib

    index = hnswlib.Index("ip", stored.shape[1])
    index.init_index(len(stored), M=16, ef_construction=200)
    index.set_num_threads(1)
    index.add_items(stored)
    return [(ef, lambda ef=ef: index.set_ef(ef), lambda q: index.knn_query(q, 10, num_threads=1)[0]) for ef in EFS]


def faiss(stored):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(stored.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    index.add(stored)
    return [(ef, lambda ef=ef: setattr(index.hnsw, "efSearch", ef), lambda q: index.search(q, 10)[1]) for ef in EFS]


def faiss_exact(stored):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(stored.shape[1])
    index.add(stored)
    return [("exact", lambda: None, lambda q: index.search(q, 10)[1])]


def usearch(stored):
    from usearch.index import Index

    index = Index(ndim=stored.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=200)
    index.add(np.arange(len(stored)), stored, threads=1)
    found = lambda q: np.atleast_2d(index.search(q, 10, threads=1).keys)  # noqa: E731
    return [(ef, lambda ef=ef: setattr(index, "expansion_search", ef), found) for ef in EFS]


def scann(stored):
    import scann

    builder = scann.scann_ops_pybind.builder(stored, 100, "dot_product")
    leaves = int(len(stored) ** 0.5)
    builder = builder.tree(num_leaves=leaves, num_leaves_to_search=10, training_sample_size=min(len(stored), 250_000))
    index = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
    now = {}

    def found(queries):
        return index.search_batched(queries, 10, now["reorder"], now["leaves"])[0]

    knobs = [(search, reorder) for search in (4, 7, 10, 15, 20, 30, 50) for reorder in (50, 100, 200)]
    return [(f"{s}/{r}", lambda s=s, r=r: now.update(leaves=s, reorder=r), found) for s, r in knobs]


def svs(stored):
    import svs

    parameters = svs.VamanaBuildParameters(graph_max_degree=64, window_size=128, alpha=0.95)
    index = svs.Vamana.build(parameters, stored, svs.DistanceType.MIP, num_threads=1)
    found = lambda q: index.search(np.atleast_2d(q), 10)[0]  # noqa: E731
    return [(w, lambda w=w: setattr(index, "search_window_size", w), found) for w in EFS]


LIBRARIES = {"hnswlib": hnswlib, "faiss": faiss, "faiss-exact": faiss_exact, "usearch": usearch, "scann": scann, "svs": svs}


def speed(ask, queries):
    ask()
    started, asked = time.process_time(), 0
    while time.process_time() - started < SECONDS:
        ask()
        asked += queries
    return asked / (time.process_time() - started)


def curve(knobs, queries, nearest):
    points = []
    for name, turn, found in knobs:
        turn()
        answers = np.asarray(found(queries))
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(answers, nearest)])
        single = speed(lambda: [found(queries[i : i + 1]) for i in range(SINGLE)], SINGLE)
        points.append({"ef": name, "recall": recall, "single": single, "batch": speed(lambda: found(queries[:CALL]), CALL)})
        if recall >= 0.9999:
            break
    return points


def main():
    if sys.argv[1] == "prepare":
        return prepare(Path(sys.argv[2]), *sys.argv[3:6])
    folder, library = Path(sys.argv[1]), sys.argv[2]
    stored, queries, nearest = (np.load(folder / f"{name}.npy") for name in ("stored", "queries", "nearest"))
    started = time.process_time()
    knobs = LIBRARIES[library](stored)
    build = time.process_time() - started
    for _ in sys.stdin:
        print(json.dumps({"build": build, "curve": curve(knobs, queries, nearest)}), flush=True)


if __name__ == "__main__":
    main()
