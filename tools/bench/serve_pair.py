"""Our server and one other on one model, both warm and answering alike, asked in the same minutes with the same bytes; and the two
shipped encoders and a ResNet-50 at 224 to ask them for. `SECONDS=1 PAIRS=2` makes a quick look of a bench.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from load import answers_per_second, prepare
from photographs import NAMES, photographs
from serve_fastapi import CORES, HERE, QUIET, Peer, require_equal, small_pictures
from service import BEST, SMALL, Server, build, free_port, shipped_encoder
from wheels import ROOT, THIRD_PARTY, venv

SECONDS, PAIRS = float(os.environ.get("SECONDS", 3)), int(os.environ.get("PAIRS", 5))
# A batch of ResNet-50 takes seconds on two cores.
LONGER = {"cifar": 1, "resnet18": 2, "resnet50": 6}


def python():
    return venv(ROOT / "target" / "bench-venv" / "servers", HERE / "peers" / "servers-requirements.txt")


def shipped(name):
    """A shipped encoder and pictures of the size it takes."""
    return lambda: (shipped_encoder(name), small_pictures(photographs(THIRD_PARTY)))


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


def in_eight_bits(model):
    """A model's 8-bit artefact, its ranges set by the pictures it is asked for."""
    float_artefact, pictures = MODELS[model]()
    folder = ROOT / "target" / "bench" / f"{model}-int8"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        for number, picture in enumerate(pictures):
            Path(place, f"{number:05}.png").write_bytes(picture)
        words = ["quantize", float_artefact, place, "--out", folder]
        subprocess.run([build("simclr-models", "simclr-models"), *words], check=True, stdout=subprocess.DEVNULL)
    return folder


MODELS = {"cifar": shipped(SMALL), "resnet18": shipped(BEST), "resnet50": resnet50}


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
    """Our server and one peer on a model, both warm, answering alike; `ours` is our server's own artefact of it."""

    def __init__(self, model, kind, workers=CORES, ours=None, alike=0.9999):
        self.seconds = SECONDS * LONGER[model]
        self.folder = tempfile.TemporaryDirectory(prefix="simclr-bench-")
        artefact, pictures = MODELS[model]()
        self.ours = Server(build("simclr-serve", "simclr-serve"), ours or artefact, Path(self.folder.name), free_port(), QUIET)
        self.peer = kind(python(), artefact, self.ours, workers)
        raw = kind is Peer
        bodies = pictures if raw else [json.dumps({"image": base64.b64encode(one).decode()}).encode() for one in pictures]
        content = "application/octet-stream" if raw else "application/json"
        paths = ("/v1/embed", "/embed" if raw else "/predict")
        self.requests = [[prepare(path, body, content) for body in bodies] for path in paths]
        self.first, self.alike = pictures[0], alike

    def __enter__(self):
        try:
            self.ours.wait_ready()
            describe = self.ours.request("GET", "/v1/describe")
            self.peer.start(recipe=describe["recipe"])
            require_equal(self.ours.request("POST", "/v1/embed", self.first, "application/octet-stream"), self.peer.embed(self.first), self.alike)
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

    def speed(self, side, connections, began=lambda: None):
        return answers_per_second(self.port(side), self.requests[side], connections, self.seconds, began)

    def processor(self, side, connections=8):
        """Milliseconds of processor time a picture, of the server's processes together."""
        pid = (self.ours, self.peer)[side].process.pid
        began = []
        speed = self.speed(side, connections, lambda: began.extend((used(pid), time.monotonic())))
        (before, start), after, end = began, used(pid), time.monotonic()
        return (after - before) * 1000 / (speed * (end - start))


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
