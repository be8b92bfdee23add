"""CPU seconds of the linear probe's path of penalties, ours beside scikit-learn's: the same features, penalties and gradient, and the same fits."""

import json
import os
import subprocess
from pathlib import Path

from frame import Figure, bench
from service import SMALL, build, shipped_encoder
from train_loop import cifar10
from wheels import ROOT, FetchError, venv

PEERS = Path(__file__).resolve().parent / "peers"
FOLDER = ROOT / "target" / "bench" / "probe"
# scikit-learn takes a quarter of an hour for all 45; both skip to every fourth unless told otherwise.
EVERY = int(os.environ.get("EVERY", "4"))
# Ours is measured in the features' spread, theirs in raw units; both end below TOLERANCE in raw units, which is checked.
TOLERANCE, OURS = 1e-6, 1e-6


@bench("eval-probe-cifar10-512")
def probe_path():
    """12 of the 45 penalties (EVERY=1: all) on 50,000 × 512 features of CIFAR-10: simclr-eval against scikit-learn 1.9.1 (lbfgs, warm start), one thread each"""
    program = build("simclr-eval", "simclr-eval")
    python = venv(ROOT / "target" / "bench-venv" / "eval", PEERS / "eval-requirements.txt")
    features(program, python)
    fits, peer_fits = FOLDER / "ours.safetensors", FOLDER / "theirs.npz"
    command = [program, "bench-probe", FOLDER / "features.safetensors", "--every", str(EVERY), "--tolerance", str(OURS), "--threads", "1"]
    report, ours = run([*command, "--out", fits])
    penalties = "".join(f"{c!r}\n" for c in report["c"])
    print(f"  ours: {len(report['c'])} penalties, {sum(report['evaluations'])} evaluations, {ours:.1f} CPU seconds", flush=True)
    arrays = [FOLDER / "features.npy", FOLDER / "labels.npy"]
    peer, _ = run([python, PEERS / "sklearn_path.py", *arrays, peer_fits, "--tolerance", str(TOLERANCE)], penalties)
    print(f"  theirs: {sum(peer['iterations'])} iterations, {peer['cpu_seconds']:.1f} CPU seconds", flush=True)
    check, _ = run([python, PEERS / "probe_check.py", FOLDER, fits, peer_fits], penalties)
    print(f"  {json.dumps(check)}", flush=True)
    if check["gradient"] > max(TOLERANCE, check["peer_gradient"]) or check["worse"] > 1e-6:
        raise FetchError("our fits have not converged as far as the peer's; the times do not compare")
    return Figure("scikit-learn 1.9.1 (lbfgs, float64, warm start)", "CPU s", "lower", [ours], [peer["cpu_seconds"]])


def features(program, python):
    """Made once: CIFAR-10 by the shipped encoder, beside random features of the pixels."""
    if (FOLDER / "test-features.npy").exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    pictures, embedded = cifar10(ROOT / "target" / "bench" / "cifar10"), FOLDER / "embedded"
    data = pictures if pictures.name == "cifar-10-batches-bin" else pictures / "cifar-10-batches-bin"
    print("  embedding 60,000 pictures; this happens once", flush=True)
    source = ["--encoder", shipped_encoder(SMALL), "--dataset", f"cifar10={data.parent}"]
    run([program, "embed", *source, "--out", embedded, "--json"])
    run([python, PEERS / "probe_features.py", embedded, data, FOLDER], answer=False)


def run(command, text="", answer=True):
    """A program's last line as JSON, and its CPU seconds; one thread for every numeric library."""
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    before = os.times()
    result = subprocess.run(list(map(str, command)), input=text, cwd=ROOT, env={**os.environ, **alone}, capture_output=True, text=True)
    after = os.times()
    if result.returncode != 0:
        raise FetchError(f"{Path(command[0]).name} failed:\n{result.stderr.strip()[-800:]}")
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(result.stdout.strip().splitlines()[-1]) if answer else None, seconds
