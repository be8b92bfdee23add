"""Pictures a second through `/v1/embed`, beside FastAPI on the same encoder file and the same bytes.

Both servers run at the same time, so that each pair of measurements meets the same machine; the one that is not asked sleeps.
"""

import json
import math
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from frame import Figure, bench, paired
from load import Refused, answers_per_second, prepare
from photographs import NAMES, photographs, read_png, write_png
from service import SMALL, Client, Server, ServiceError, build, free_port, shipped_encoder
from wheels import ROOT, THIRD_PARTY, FetchError, venv

CORES = os.cpu_count() or 1
CONNECTIONS, SECONDS, PAIRS = 16, 3, 5
HERE = Path(__file__).resolve().parent
# No peer writes a line for each request.
QUIET = ["--log", "warn"]


@bench("serve-fastapi-embed-cifar")
def embed_small_pictures():
    """POST one 32×32 PNG a request over 16 connections: simclr-serve against FastAPI + onnxruntime + Pillow"""
    model = Path(os.environ["MODEL"]).resolve() if os.environ.get("MODEL") else shipped_encoder(SMALL)
    tiles = small_pictures(photographs(THIRD_PARTY))
    program = build("simclr-serve", "simclr-serve")
    python = venv(ROOT / "target" / "bench-venv" / "serve", HERE / "peers" / "serve-requirements.txt")
    with tempfile.TemporaryDirectory(prefix="simclr-bench-") as folder:
        ours = Server(program, model, Path(folder), free_port(), [*QUIET, "--sessions", str(CORES), "--session-threads", "1"])
        peer = Peer(python, model, ours)
        try:
            ours.wait_ready()
            peer.start(recipe=ours.request("GET", "/v1/describe")["recipe"])
            require_equal(ours.request("POST", "/v1/embed", tiles[0], "application/octet-stream"), peer.embed(tiles[0]))
            print(f"  load generator alone: {ceiling(ours.port):.0f} answers/s; {model.name}, {CORES} threads each")
            sides = [lambda: speed(ours.port, "/v1/embed", tiles), lambda: speed(peer.port, "/embed", tiles)]
            for side in sides:
                side()  # warm
            measured = paired(*sides, PAIRS)
        finally:
            peer.stop()
            ours.stop()
    return Figure("FastAPI + onnxruntime + Pillow (uvicorn, uvloop, a worker a core)", "pictures/s", "higher", *measured)


class Peer(Client):
    """The FastAPI server at its best: a worker a core with one thread of inference each, as one process is bound by Python's lock."""

    def __init__(self, python, model, ours, workers=CORES):
        super().__init__(free_port())
        self.python, self.model, self.log_path = python, model, ours.log_path.with_name("peer.log")
        self.workers, self.settings, self.process = workers, {}, None

    def command(self):
        command = [str(self.python), "-m", "uvicorn", "fastapi_server:app", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", str(self.workers), "--loop", "uvloop", "--http", "httptools"]
        return [*command, "--log-level", "warning", "--no-access-log"]

    def ready(self):
        self.request("GET", "/openapi.json")

    def start(self, recipe):
        threads = str(max(1, CORES // self.workers))
        self.settings |= {"PEER_ENCODER": str(self.model / "encoder.onnx"), "PEER_RECIPE": json.dumps(recipe), "PEER_THREADS": threads}
        command = self.command()
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, cwd=HERE / "peers", env={**os.environ, **self.settings}, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.ready()
            except (OSError, ServiceError):
                time.sleep(0.2)
        raise FetchError(f"the peer did not start:\n{self.log_path.read_text()[-800:]}")

    def embed(self, body):
        return self.request("POST", "/embed", body, "application/octet-stream")

    def stop(self):
        if self.process is not None:
            self.close()
            # With its workers, which not every server takes along.
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(10)


def small_pictures(folder, side=32, apart=3):
    """32×32 PNG tiles of the demo's photographs: real pictures of the size the encoder takes."""
    tiles = []
    for name in NAMES:
        width, height, colour, rows = read_png((folder / f"{name}-centre.png").read_bytes())
        size = len(rows[0]) // width
        for top in range(0, height - side, side * apart):
            for left in range(0, width - side, side * apart):
                tile = [row[left * size : (left + side) * size] for row in rows[top : top + side]]
                tiles.append(write_png(side, side, colour, tile))
    return tiles


def require_equal(ours, peer, alike=0.9999):
    """Two servers that answer differently must not be compared."""
    a, b = ours["embeddings"][0], peer["embedding"]
    cosine = sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    if len(a) != len(b) or cosine < alike:
        raise FetchError(f"the peer answers with another embedding (lengths {len(a)}, {len(b)}; cosine {cosine:.5f})")


def ceiling(port):
    """What the generator does when the answer costs nothing."""
    request = b"GET /health/live HTTP/1.1\r\nhost: bench\r\n\r\n"
    return answers_per_second(port, [request], CONNECTIONS, 1)


def speed(port, path, tiles):
    try:
        return answers_per_second(port, [prepare(path, tile) for tile in tiles], CONNECTIONS, SECONDS)
    except Refused as answer:
        raise ServiceError(0, f"{path} was refused under load: {answer}") from answer
