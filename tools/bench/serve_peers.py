"""The server beside other servers and beside ONNX Runtime alone, for the shipped encoders and for ResNet-50 at 224: pictures a second at
1, 8 and 64 connections, and processor time a picture.

Every server is asked in the same minutes with the same bytes; the one that is not asked sleeps. `SECONDS=1 PAIRS=2` makes a quick look of it.

infinity is not among them: it installs, but its image engine takes only models that embed text too (it asserts `get_text_features`), and
this encoder does not.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from frame import Figure, bench, paired
from serve_fastapi import CORES, HERE, Peer
from serve_pair import MODELS, PAIRS, SECONDS, LitServe, Pair, in_eight_bits, python

CONNECTIONS = (1, 8, 64)


def best_fastapi(model):
    """FastAPI with as many workers as did best in one short run each."""
    speeds = {}
    for workers in sorted({1, CORES}):
        with Pair(model, Peer, workers) as pair:
            speeds[workers] = pair.speed(1, 8)
    return max(speeds, key=speeds.get)


KINDS = {
    "fastapi": (Peer, "FastAPI + onnxruntime + Pillow, best of 1 worker and one a core", best_fastapi),
    "litserve": (LitServe, "LitServe, a worker a core, batches of 32, base64 in JSON on both sides", lambda _: CORES),
}


def register(model, name):
    kind, told, workers = KINDS[name]

    def speeds(connections):
        def run():
            with Pair(model, kind, workers(model)) as pair:
                return Figure(told, "pictures/s", "higher", *paired(lambda: pair.speed(0, connections), lambda: pair.speed(1, connections), PAIRS))

        run.__doc__ = f"{model} over {connections} connections: simclr-serve against {name}"
        return run

    for connections in CONNECTIONS:
        bench(f"serve-{name}-{model}-{connections}")(speeds(connections))

    def processor():
        with Pair(model, kind, workers(model)) as pair:
            return Figure(told, "CPU ms/picture", "lower", *paired(lambda: pair.processor(0), lambda: pair.processor(1), PAIRS))

    processor.__doc__ = f"{model}, processor time a picture over 8 connections: simclr-serve against {name}"
    bench(f"serve-{name}-{model}-cpu")(processor)


class Raw:
    """Decoding and inference without a server, a process a core, on the pair's pictures."""

    def __init__(self, model, pair, folder):
        for number, picture in enumerate(MODELS[model]()[1]):
            Path(folder, f"{number:05}").write_bytes(picture)
        self.settings = {**os.environ, **pair.peer.settings, "PEER_WORKERS": str(CORES)}
        self.command = [python(), "raw_onnx.py", folder, str(SECONDS)]

    def measure(self):
        """Pictures a second, and milliseconds of processor time a picture."""
        told = subprocess.run(self.command, cwd=HERE / "peers", env=self.settings, check=True, capture_output=True, text=True).stdout
        return tuple(map(float, told.split()))


def register_raw(model):
    told = "Pillow + ONNX Runtime without a server, a process a core"

    def raw():
        with Pair(model, Peer) as pair, tempfile.TemporaryDirectory() as folder:
            alone = Raw(model, pair, folder)
            return Figure(told, "pictures/s", "higher", *paired(lambda: pair.speed(0, 64), lambda: alone.measure()[0], PAIRS))

    raw.__doc__ = f"{model}: simclr-serve over 64 connections, asked by a process that takes its share of the cores, against decoding and inference without a server"
    bench(f"serve-raw-{model}")(raw)

    def processor():
        with Pair(model, Peer) as pair, tempfile.TemporaryDirectory() as folder:
            alone = Raw(model, pair, folder)
            return Figure(told, "CPU ms/picture", "lower", *paired(lambda: pair.processor(0, 64), lambda: alone.measure()[1], PAIRS))

    processor.__doc__ = f"{model}, processor time a picture over 64 connections: simclr-serve against decoding and inference without a server"
    bench(f"serve-raw-{model}-cpu")(processor)


def register_eight_bits(model):
    def eight_bits():
        kind, told, workers = KINDS["fastapi"]
        # A flat tile may be turned as far as this; what eight bits cost in accuracy is measured elsewhere.
        with Pair(model, kind, workers(model), ours=in_eight_bits(model), alike=0.9) as pair:
            return Figure(f"{told}, in float", "pictures/s", "higher", *paired(lambda: pair.speed(0, 16), lambda: pair.speed(1, 16), PAIRS))

    eight_bits.__doc__ = f"{model} in eight bits over 16 connections: simclr-serve against FastAPI with the float encoder"
    bench(f"serve-int8-{model}")(eight_bits)


for each in MODELS:
    for peer in KINDS:
        register(each, peer)
    register_raw(each)
    register_eight_bits(each)
