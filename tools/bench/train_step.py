"""Pictures a second through one training step, ours beside PyTorch's: the same network, batch, precision, loss and optimiser."""

import json
import os
import re
import subprocess
from pathlib import Path

from frame import Figure, bench, paired
from service import build
from wheels import ROOT, FetchError, require_space, venv

HERE = Path(__file__).resolve().parent
RECIPE = ROOT / "train" / "recipes" / "cifar10-resnet18-w025-cpu.toml"
BATCH, STEPS, PAIRS = 512, 8, 5
THREADS = os.cpu_count() or 1


@bench("train-step-resnet18-w025")
def step_resnet18_quarter():
    """one SimCLR step of ResNet-18 at width ¼ on 32×32 views, batch 512: simclr-train against PyTorch 2.11.0"""
    program, python = our_program(), peer_python()
    precision = re.search(r'^precision = "(\w+)"', RECIPE.read_text(), re.MULTILINE)[1]
    print(f"  precision {precision}, {THREADS} threads each")
    arguments = ["--batch", str(BATCH), "--steps", str(STEPS), "--threads", str(THREADS)]
    peer = [str(python), str(HERE / "peers" / "torch_step.py"), "--precision", precision, *arguments]
    measured = paired(lambda: speed([program, "bench-step", str(RECIPE), *arguments]), lambda: speed(peer), PAIRS)
    return Figure("PyTorch 2.11.0 (Python)", "pictures/s", "higher", *measured)


def our_program():
    """simclr-train, built on a libtorch that is there."""
    if os.system(f"'{ROOT}/tools/native-libs' libtorch") != 0:
        raise FetchError("libtorch is needed, and could not be fetched")
    return build("simclr-train", "simclr-train")


def peer_python():
    """The interpreter of a virtual environment with PyTorch and lightly."""
    where = ROOT / "target" / "bench-venv" / "train"
    if not (where / ".stamp").exists():
        print("  PyTorch brings about 2 GB of libraries that only a GPU needs; this happens once")
        require_space(ROOT / "target", 8_000)
    return venv(where, HERE / "peers" / "train-requirements.txt")


def speed(command):
    """Runs a program that prints one JSON object with `pictures_per_second` as its last line."""
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise FetchError(f"{Path(command[0]).name} failed:\n{result.stderr.strip()[-800:]}")
    return json.loads(result.stdout.strip().splitlines()[-1])["pictures_per_second"]
