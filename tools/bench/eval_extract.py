"""Pictures a second from files to embeddings, ours beside what ONNX Runtime alone reaches on tensors that are already prepared."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from frame import Figure, bench, paired
from service import SMALL, build, shipped_encoder
from train_loop import cifar10
from wheels import ROOT, FetchError, venv

HERE = Path(__file__).resolve().parent
ARTEFACT = shipped_encoder(SMALL)
PAIRS = 5
THREADS = os.cpu_count() or 1
SIZES = (5_000, 10_000, 20_000, 40_000)


@bench("eval-extract-resnet18-w025")
def extract_resnet18_quarter():
    """CIFAR-10's test pictures through the small shipped encoder: simclr-eval embed against onnxruntime on prepared tensors"""
    program = build("simclr-eval", "simclr-eval")
    python = venv(ROOT / "target" / "bench-venv" / "serve", HERE / "peers" / "serve-requirements.txt")
    data = cifar10(ROOT / "target" / "bench" / "cifar10")
    print(f"  pictures from {data.relative_to(ROOT)}, {THREADS} threads each")
    times = timeline(program, data, "train")
    for size in SIZES:
        seconds = next(second for done, second in times if done >= size)
        done = next(done for done, _ in times if done >= size)
        print(f"    {done:6} pictures of one run after {seconds:6.2f} s: {1000 * seconds / done:.3f} s a thousand")
    peer = [str(python), str(HERE / "peers" / "onnx_embed.py"), str(ARTEFACT / "encoder.onnx"), "--threads", str(THREADS)]
    return Figure("ONNX Runtime (Python), prepared tensors", "pictures/s", "higher", *paired(
        lambda: ours(program, data), lambda: json.loads(told(peer).stdout)["pictures_per_second"], PAIRS
    ))


def ours(program, data):
    done, seconds = timeline(program, data, "test")[-1]
    return done / seconds


def timeline(program, data, split):
    """(pictures done, seconds since the first) as the program tells while it embeds a split."""
    with tempfile.TemporaryDirectory() as out:
        words = ["embed", "--encoder", str(ARTEFACT), "--dataset", f"cifar10={data}", "--split", split, "--out", out]
        lines = told([str(program), *words, "--threads", str(THREADS), "--json"]).stderr.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return [(row["done"], row["seconds"]) for row in rows if row.get("step") == split and row["done"]]


def told(command):
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise FetchError(f"{Path(command[0]).name} failed:\n{result.stderr.strip()[-800:]}")
    return result
