"""The peer of `simclr-train bench-step`: the same step as a PyTorch user would write it.

ResNet-18 (at width ¼ unless told) with the small-picture stem, a head of two layers, NT-Xent at temperature 0.5, SGD with momentum; channels_last,
bf16 by autocast when asked, on the processor or a GPU. Views are random and already prepared, as in ours: only steps are timed, by their median. Prints one JSON object.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """A basic residual block."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


def network(width=0.25):
    """Encoder and head."""
    sizes = [int(width * channels) for channels in (64, 128, 256, 512)]
    layers = [nn.Conv2d(3, sizes[0], 3, 1, 1, bias=False), nn.BatchNorm2d(sizes[0]), nn.ReLU()]
    inputs = sizes[0]
    for index, outputs in enumerate(sizes):
        layers += [Block(inputs, outputs, 1 if index == 0 else 2), Block(outputs, outputs, 1)]
        inputs = outputs
    head = [nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, 128)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)


def nt_xent(projections, temperature=0.5):
    """Mean cross-entropy of finding each view's twin among all other views; row i's twin is row i + N."""
    views = projections.shape[0]
    z = F.normalize(projections.float(), dim=1)
    similarities = z @ z.T / temperature
    similarities.fill_diagonal_(float("-inf"))
    return F.cross_entropy(similarities, torch.arange(views, device=z.device).roll(views // 2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=("bf16", "f32"), required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--width", type=float, default=0.25)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    net = network(arguments.width).to(arguments.device, memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)
    views = torch.rand(2 * arguments.batch, 3, 32, 32).to(arguments.device, memory_format=torch.channels_last)
    seconds = []
    for _ in range(arguments.steps + 2):
        start = time.perf_counter()
        with torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.precision == "bf16"):
            projections = net(views)
        loss = nt_xent(projections)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        last = loss.item()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[2:])  # the first two choose kernels and fill caches
    print(json.dumps({"pictures_per_second": arguments.batch / median, "loss": last, "threads": arguments.threads}))


if __name__ == "__main__":
    main()
