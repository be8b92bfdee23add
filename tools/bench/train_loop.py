"""Pictures a second through the whole training loop, ours beside lightly's: data, two augmented views, step."""

import os
import random
from pathlib import Path

from frame import Figure, bench, paired
from train_step import RECIPE, our_program, peer_python, speed
from wheels import ROOT

HERE = Path(__file__).resolve().parent
STEPS, PAIRS = 24, 3
THREADS = os.cpu_count() or 1
PICTURES = 10_000


@bench("train-loop-resnet18-w025")
def loop_resnet18_quarter():
    """the loop of train/recipes/cifar10-resnet18-w025-cpu.toml on CIFAR-10: simclr-train against lightly on PyTorch 2.11.0"""
    program, python = our_program(), peer_python()
    data = cifar10(ROOT / "target" / "bench" / "cifar10")
    print(f"  pictures from {data.relative_to(ROOT)}, {THREADS} threads each, the peer's {THREADS} loading processes besides")
    arguments = ["--data", str(data), "--steps", str(STEPS), "--threads", str(THREADS)]
    peer = [str(python), str(HERE / "peers" / "lightly_loop.py"), "--workers", str(THREADS), *arguments]
    measured = paired(lambda: speed([program, "bench-loop", str(RECIPE), *arguments]), lambda: speed(peer), PAIRS)
    return Figure("lightly 1.6.0 on PyTorch 2.11.0", "pictures/s", "higher", *measured)


def real_cifar10():
    """CIFAR-10's folder where somebody put it, or None."""
    folders = (ROOT / "data" / "cifar10", ROOT / "data" / "cifar10" / "cifar-10-batches-bin")
    return next((folder for folder in folders if (folder / "data_batch_1.bin").is_file()), None)


def cifar10(made):
    """CIFAR-10's folder: data/cifar10 where somebody put it, else noise in the same layout, which is as fast to read and to augment."""
    if real := real_cifar10():
        return real
    folder = made / "cifar-10-batches-bin"
    if not (folder / "test_batch.bin").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = random.Random(1)
        record = lambda: bytes([generator.randrange(10)]) + generator.randbytes(3072)  # noqa: E731
        for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
            (folder / f"{name}.bin").write_bytes(b"".join(record() for _ in range(PICTURES)))
        names = "airplane automobile bird cat deer dog frog horse ship truck"
        (folder / "batches.meta.txt").write_text("\n".join(names.split()) + "\n")
    return folder
