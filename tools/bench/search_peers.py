"""Recall against speed of similarity search, ours beside hnswlib, faiss, usearch, ScaNN and SVS, on the same vectors.

Figures are queries per CPU second of one thread at recall@10 of 0.99 and 0.999, read off each library's curve; those that do not get there
are left out. Exact search has figures of its own, beside faiss's. `EMBEDDINGS=folder` names a folder with train.npy and test.npy as
`simclr-eval embed` writes them, which saves embedding CIFAR-10. Curves are kept for `tools/bench/search_plot.py`.
"""

import functools
import json
import math
import os
import shutil
import subprocess
from pathlib import Path

from frame import Figure, bench
from service import SMALL, build, shipped_encoder
from train_loop import real_cifar10
from wheels import ROOT, FetchError, venv

HERE = Path(__file__).resolve().parent
WORK = ROOT / "target" / "bench" / "search"
PEERS = {
    "hnswlib": "hnswlib 0.8.0, M 16, efConstruction 200",
    "faiss": "faiss-cpu 1.15.1 HNSWFlat, M 16, efConstruction 200",
    "usearch": "usearch 2.26.6 f32, connectivity 16, expansion 200",
    "scann": "ScaNN 1.4.2, tree of √n leaves, 4-bit codes, reordered",
    "svs": "SVS 0.5.0 Vamana f32, degree 64",
}
SETS = {"cifar": "50,000 embeddings of CIFAR-10 by the small shipped encoder", "clustered": "1,000,000 clustered vectors of 128 numbers"}
CLUSTERED = 1_000_000, 128
EXACT = "faiss-exact", "faiss-cpu 1.15.1 IndexFlatIP"
EFS = ["10", "16", "24", "32", "48", "64", "96", "128", "200"]
ROUNDS = 2


@functools.cache
def python():
    return str(venv(ROOT / "target" / "bench-venv" / "search", HERE / "peers" / "search-requirements.txt"))


@functools.cache
def vectors(name):
    """The folder with stored.npy, queries.npy and nearest.npy of a set."""
    if name == "clustered":
        return clustered(*CLUSTERED)
    return prepared(WORK / name, cifar)


def clustered(count, dimension):
    return prepared(WORK / f"clustered-{count}-{dimension}", lambda: ["clustered", str(count), str(dimension)])


def prepared(folder, source):
    if not (folder / "nearest.npy").exists():
        told([python(), str(HERE / "peers" / "search_peers.py"), "prepare", str(folder), *source()])
    return folder


def cifar():
    folder = Path(os.environ.get("EMBEDDINGS", WORK / "embeddings"))
    if not (folder / "test.npy").exists():
        encoder = shipped_encoder(SMALL)
        # Embeddings of noise crowd together as no pictures' do.
        data = real_cifar10()
        if data is None:
            raise FetchError("pictures are needed: put CIFAR-10's binary files into data/cifar10, or name EMBEDDINGS=folder")
        told([build("simclr-eval", "simclr-eval"), "embed", "--encoder", str(encoder), "--dataset", f"cifar10={data}", "--out", str(folder)])
    return ["cifar", str(folder / "train.npy"), str(folder / "test.npy")]


def told(command):
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise FetchError(f"{' '.join(map(str, command[:3]))} failed:\n{result.stderr.strip()[-800:]}")
    return result.stdout


@functools.cache
def program():
    command = ["cargo", "build", "--release", "--locked", "-p", "simclr-search", "--example", "search_curve", "--message-format=json-render-diagnostics"]
    messages = (json.loads(line) for line in told(command).splitlines() if line.startswith("{"))
    return next(message["executable"] for message in messages if message.get("executable"))


@functools.cache
def built(name):
    """Our curve right after the collection was made, and what making it took."""
    program()
    shutil.rmtree(vectors(name) / "collection", ignore_errors=True)
    return ours(name)


def ours(name, efs=EFS):
    """Our curve; a collection that is there is only opened. An ef of 0 is exact search."""
    folder = vectors(name)
    files = [str(folder / f"{part}.npy") for part in ("stored", "queries", "nearest")]
    return json.loads(told([program(), *files, str(folder / "collection"), *efs]))


@functools.cache
def compared(name, peer):
    """Curves and build times of both, measured by turns."""
    first = built(name)
    efs = ["0"] if peer == EXACT[0] else EFS
    command = [python(), str(HERE / "peers" / "search_peers.py"), str(vectors(name)), peer]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    mine, theirs = [], []
    try:
        for _ in range(ROUNDS):
            mine.append(ours(name, efs))
            process.stdin.write("\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise FetchError(f"{peer} failed: {' '.join(command)} says why")
            theirs.append(json.loads(line))
    finally:
        process.stdin.close()
        process.wait()
    keep(name, peer, mine[-1]["curve"], theirs[-1]["curve"])
    bytes_read, held = (mine[-1][f"{which}bytes_per_vector"] for which in ("", "held_"))
    print(f"  {SETS[name]}; ours reads {bytes_read:.0f} bytes a vector while walking and holds {held:.0f} besides")
    for side, runs in (("ours", mine), (peer, theirs)):
        points = [f"{p['recall']:.4f} {p['batch']:.0f}" for p in runs[-1]["curve"]]
        print(f"    {side}: build {(first['build']['cpu_seconds'] if side == 'ours' else runs[0]['build']):.1f} CPU s; recall, queries: {'; '.join(points)}")
    return mine, theirs


def keep(name, peer, mine, theirs):
    """Leaves both curves in a file beside the vectors."""
    folder = vectors(name) / "curves"
    folder.mkdir(exist_ok=True)
    (folder / f"{peer}.json").write_text(json.dumps({"ours": mine, peer: theirs}))


def at(curve, recall, way):
    """Queries per CPU second at a recall: the best line between two measured points, on a scale of orders of magnitude."""
    points = sorted((point["recall"], math.log(point[way])) for point in curve)
    best = [speed for reached, speed in points if reached >= recall]
    for (low, fast), (high, slow) in zip(points, points[1:]):
        if low < recall <= high:
            best.append(fast + (slow - fast) * (recall - low) / (high - low))
    return math.exp(max(best)) if best else None


def speed_figure(name, peer, recall, way):
    mine, theirs = compared(name, peer)
    sides = [[at(run["curve"], recall, way) for run in runs] for runs in (mine, theirs)]
    if None in sides[0] + sides[1]:
        raise FetchError(f"recall {recall} is not reached by {'ours' if None in sides[0] else peer}")
    return Figure((PEERS | dict([EXACT]))[peer], "queries/CPU s", "higher", *sides)


def build_figure(name, peer):
    _, theirs = compared(name, peer)
    return Figure(PEERS[peer], "CPU s to build", "lower", [built(name)["build"]["cpu_seconds"]], [theirs[0]["build"]])


def register(name, peer):
    for recall, digits in ((0.99, "99"), (0.999, "999")):
        for way in ("single", "batch"):

            @bench(f"search-{peer}-{name}-{way}-{digits}")
            def figure(recall=recall, way=way):
                return speed_figure(name, peer, recall, way)

            figure.__doc__ = f"queries a CPU second at recall@10 {recall}, {'one a call' if way == 'single' else '1,000 a call'}: {SETS[name]}, ours against {peer}"

    @bench(f"search-{peer}-{name}-build")
    def indexing():
        return build_figure(name, peer)

    indexing.__doc__ = f"CPU seconds to index {SETS[name]}, ours against {peer}"


def register_exact(name):
    for way in ("single", "batch"):

        @bench(f"search-{EXACT[0]}-{name}-{way}")
        def figure(way=way):
            return speed_figure(name, EXACT[0], 0.999, way)

        figure.__doc__ = f"queries a CPU second compared with every record, {'one a call' if way == 'single' else '1,000 a call'}: {SETS[name]}, ours against faiss"


for set_name in SETS:
    for peer_name in PEERS:
        register(set_name, peer_name)
    register_exact(set_name)
