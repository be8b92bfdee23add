"""The peer of `simclr-train bench-loop`: SimCLR on CIFAR-10 as lightly's own example writes it, with our recipe's numbers.

lightly's SimCLRTransform and NTXentLoss, torch's DataLoader with worker processes, the network of torch_step.py, SGD with momentum. Pictures
are decoded once, before the clock starts. Times whole steps after a few that fill the queues. Prints one JSON object.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from torch_step import network

TEMPERATURE, WARM_UP = 0.2, 6


class Cifar10(Dataset):
    """The training pictures of the binary version, each as two views."""

    def __init__(self, folder, transform):
        records = [np.fromfile(Path(folder, f"data_batch_{n}.bin"), np.uint8).reshape(-1, 3073) for n in range(1, 6)]
        planes = np.concatenate(records)[:, 1:].reshape(-1, 3, 32, 32)
        self.pictures = [Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))) for picture in planes]
        self.transform = transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.transform(self.pictures[index])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--precision", choices=("bf16", "f32"), default="f32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--width", type=float, default=0.25)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    normalise = {"mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]}
    transform = SimCLRTransform(input_size=32, cj_strength=0.5, gaussian_blur=0.0, normalize=normalise)
    folder = Path(arguments.data)
    inner = folder / "cifar-10-batches-bin"
    dataset = Cifar10(inner if inner.is_dir() else folder, transform)
    on_gpu = arguments.device == "cuda"
    how = {"num_workers": arguments.workers, "prefetch_factor": 4, "pin_memory": on_gpu}
    loader = DataLoader(dataset, arguments.batch, shuffle=True, drop_last=True, **how)
    torch.backends.cudnn.benchmark = True
    net = network(arguments.width).to(arguments.device, memory_format=torch.channels_last)
    criterion = NTXentLoss(temperature=TEMPERATURE)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)
    start = None
    for step, views in enumerate(loader):
        if step == WARM_UP:
            start = time.perf_counter()
        if step == WARM_UP + arguments.steps:
            break
        both = torch.cat([view.to(arguments.device, non_blocking=True) for view in views]).to(memory_format=torch.channels_last)
        with torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.precision == "bf16"):
            first, second = net(both).chunk(2)
        loss = criterion(first.float(), second.float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        last = loss.item()
    elapsed = time.perf_counter() - start
    print(json.dumps({"pictures_per_second": arguments.steps * arguments.batch / elapsed, "loss": last, "threads": arguments.threads}))


if __name__ == "__main__":
    main()
