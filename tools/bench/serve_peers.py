"""The server beside other servers and beside ONNX Runtime alone, for the small shipped encoder and for ResNet-50 at 224: pictures a second at
1, 8 and 64 connections, processor time a picture, and the latency at 80 % load.

Every server is asked in the same minutes with the same bytes; the one that is not asked sleeps. `SECONDS=1 PAIRS=2` makes a quick look of it.

infinity is not among them: it installs, but its image engine takes only models that embed text too (it asserts `get_text_features`), and
this encoder does not.
"""

import base64
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from frame import Figure, bench, paired
from load import answers_per_second, prepare
from photographs import NAMES, photographs
from serve_fastapi import CORES, HERE, Peer, require_equal, small_pictures
from service import SMALL, Client, Server, build, free_port, shipped_encoder
from wheels import ROOT, THIRD_PARTY, venv

SECONDS, PAIRS = float(os.environ.get("SECONDS", 3)), int(os.environ.get("PAIRS", 5))
CONNECTIONS = (1, 8, 64)
# A batch of ResNet-50 takes seconds on two cores.
LONGER = {"cifar": 1, "resnet50": 6}


def python():
    return venv(ROOT / "target" / "bench-venv" / "servers", HERE / "peers" / "servers-requirements.txt")


def small():
    return shipped_encoder(SMALL), small_pictures(photographs(THIRD_PARTY))


def resnet50():
    """A ResNet-50 of random weights at 224, made once, and the demo's photographs as they are."""
    folder = ROOT / "target" / "bench" / "resnet50"
    if not (folder / "card.toml").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            weights = Path(place) / "random.safetensors"
            subprocess.run([python(), HERE / "peers" / "random_resnet50.py", weights], check=True)
            words = ["import", weights, "--name", "resnet50", "--preset", "torchvision", "--out", folder]
            subprocess.run([build("simclr-models", "simclr-models"), *words], check=True, stdout=subprocess.DEVNULL)
    pictures = photographs(THIRD_PARTY)
    return folder, [(pictures / f"{name}-centre.png").read_bytes() for name in NAMES]


MODELS = {"cifar": small, "resnet50": resnet50}


class LitServe(Peer):
    """LitServe with a worker a core."""

    def command(self):
        self.settings |= {"PEER_PORT": str(self.port), "PEER_WORKERS": str(self.workers)}
        return [str(self.python), "litserve_server.py"]

    def ready(self):
        self.request("GET", "/health")

    def embed(self, body):
        return self.request("POST", "/predict", {"image": base64.b64encode(body).decode()})


class Pair:
    """Our server and one peer on a model, both warm, answering alike."""

    def __init__(self, model, kind, workers=CORES):
        self.seconds = SECONDS * LONGER[model]
        self.folder = tempfile.TemporaryDirectory(prefix="simclr-bench-")
        artefact, pictures = MODELS[model]()
        self.ours = Server(build("simclr-serve", "simclr-serve"), artefact, Path(self.folder.name), free_port())
        self.peer = kind(python(), artefact, self.ours, workers)
        raw = kind is Peer
        bodies = pictures if raw else [json.dumps({"image": base64.b64encode(one).decode()}).encode() for one in pictures]
        content = "application/octet-stream" if raw else "application/json"
        paths = ("/v1/embed", "/embed" if raw else "/predict")
        self.requests = [[prepare(path, body, content) for body in bodies] for path in paths]
        self.first = pictures[0]

    def __enter__(self):
        try:
            self.ours.wait_ready()
            describe = self.ours.request("GET", "/v1/describe")
            self.peer.start(recipe=describe["recipe"])
            require_equal(self.ours.request("POST", "/v1/embed", self.first, "application/octet-stream"), self.peer.embed(self.first))
            shape = describe["parallel"]
            print(f"  ours chose {shape['sessions']} sessions of {shape['session_threads']}; the peer has {self.peer.workers} workers")
            for side in (0, 1):
                self.speed(side, 8)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.peer.stop()
        self.ours.stop()
        self.folder.cleanup()

    def port(self, side):
        return (self.ours, self.peer)[side].port

    def speed(self, side, connections):
        return answers_per_second(self.port(side), self.requests[side], connections, self.seconds)

    def processor(self, side, connections=8):
        """Milliseconds of processor time a picture, of the server's processes together."""
        pid = (self.ours, self.peer)[side].process.pid
        before, speed = used(pid), self.speed(side, connections)
        return (used(pid) - before) * 1000 / (speed * self.seconds)


def used(pid):
    """Seconds of processor time of a process and all below it."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended
            continue
        number = int(stat.parent.name)
        parents[number], seconds[number] = int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def below(number):
        while number not in (0, pid):
            number = parents.get(number, 0)
        return number == pid

    return sum(time for number, time in seconds.items() if below(number))


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


def register_raw(model):
    def raw():
        artefact, pictures = MODELS[model]()
        with Pair(model, Peer) as pair, tempfile.TemporaryDirectory() as folder:
            for number, picture in enumerate(pictures):
                Path(folder, f"{number:05}").write_bytes(picture)
            settings = {**os.environ, **pair.peer.settings, "PEER_WORKERS": str(CORES)}
            command = [python(), "raw_onnx.py", folder, str(SECONDS)]

            def alone():
                return float(subprocess.run(command, cwd=HERE / "peers", env=settings, check=True, capture_output=True, text=True).stdout)

            return Figure("Pillow + ONNX Runtime without a server, a process a core", "pictures/s", "higher",
                          *paired(lambda: pair.speed(0, 64), alone, PAIRS))

    raw.__doc__ = f"{model}: simclr-serve over 64 connections against decoding and inference without a server"
    bench(f"serve-raw-{model}")(raw)


def register_latency(model):
    def latency():
        with Pair(model, Peer) as pair:
            capacity = statistics.median(pair.speed(0, 16) for _ in range(3))
            rounds = [(at_load(pair, 0.8 * capacity), alone(pair)) for _ in range(PAIRS)]
        # The peer's number is what is allowed: three times what a lone request takes.
        return Figure("three times a lone request's median", "ms", "lower", [p99 for p99, _ in rounds], [3 * lone for _, lone in rounds])

    latency.__doc__ = f"{model}: p99 at 80 % of capacity against three times a lone request"
    bench(f"serve-latency-{model}")(latency)


def alone(pair):
    """Median milliseconds of one request at a time."""
    return 1000 / pair.speed(0, 1)


def at_load(pair, rate):
    """The 99th percentile of milliseconds from when a request was due, requests being due at a steady rate."""
    times, threads, lock = [], [], threading.Lock()
    start, total = time.monotonic() + 0.1, max(50, int(rate * pair.seconds))
    following = iter(range(total))

    def work():
        connection = Client(pair.ours.port)
        while True:
            with lock:
                index = next(following, None)
            if index is None:
                return connection.close()
            due = start + index / rate
            time.sleep(max(0, due - time.monotonic()))
            connection.request("POST", "/v1/embed", pair.first, "application/octet-stream")
            with lock:
                times.append(time.monotonic() - due)

    for _ in range(16):
        threads.append(threading.Thread(target=work))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return sorted(times)[int(len(times) * 0.99)] * 1000


for each in MODELS:
    for peer in KINDS:
        register(each, peer)
    register_raw(each)
    register_latency(each)
