"""Writes import-*.p* and import.json: checkpoints as torch.save writes them, and what PyTorch computes with them.

Run by hand when cases change: python3 models/tests/golden/import.py (needs torch, torchvision and numpy).

The networks are whole ResNet-10s of width 1/4, yet the files are small: all tensors are overlapping views, with strides and
offsets of every kind, into storages of a few thousand numbers that they share.
"""
import argparse
import collections
import json
import os
import pathlib

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

HERE = pathlib.Path(__file__).parent
torch.manual_seed(0)


def resnet10(small):
    net = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5)
    net.inplanes = 16
    net.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False) if small else nn.Conv2d(3, 16, 7, 2, 3, bias=False)
    net.bn1 = nn.BatchNorm2d(16)
    if small:
        net.maxpool = nn.Identity()
    for stage in range(4):
        setattr(net, f"layer{stage + 1}", net._make_layer(BasicBlock, 16 << stage, 1, stride=2 if stage else 1))
    net.fc = nn.Linear(128, 5)
    return net.eval()


def views(state_dict, dtypes):
    """The state dict with every float tensor a view into one of a few storages."""
    weights = {dtype: (0.06 * torch.randn(3000)).to(dtype) for dtype in dtypes}
    positive = {dtype: (0.5 + torch.rand(600)).to(dtype) for dtype in dtypes}
    out = collections.OrderedDict()
    for at, (name, tensor) in enumerate(state_dict.items()):
        if not tensor.is_floating_point():
            out[name] = tensor
            continue
        dtype = dtypes[at % len(dtypes)]
        if tensor.dim() > 1:
            pool, strides = weights[dtype], [11 - at % 4, 7, 23, 5 + at % 3][: tensor.dim()]
        elif name.endswith(("bias", "running_mean")):
            pool, strides = weights[dtype], [1 + at % 3]
        else:
            pool, strides = positive[dtype], [1 + at % 3]
        reach = sum((n - 1) * s for n, s in zip(tensor.shape, strides)) + 1
        out[name] = pool.as_strided(tensor.shape, strides, (at * 37) % (len(pool) - reach + 1))
    out._metadata = state_dict._metadata
    return out


def pictures(side):
    """The batch tests/import.rs builds too."""
    at = torch.arange(2 * 3 * side * side, dtype=torch.int64)
    return ((at * 7919 % 257).float() / 257.0 * 2.0 - 1.0).reshape(2, 3, side, side)


def case(file, net, state_dict, saved, side, **options):
    torch.save(saved, HERE / file, **options)
    net.load_state_dict(state_dict)
    net.fc = nn.Identity()
    with torch.no_grad():
        embeddings = net(pictures(side))
    return {"file": file, "side": side, "embeddings": [[round(x, 6) for x in row] for row in embeddings.tolist()]}


def plain():
    net = resnet10(small=False)
    state_dict = views(net.state_dict(), [torch.float32])
    # A Parameter instead of a tensor, and a weight whose memory runs channels last.
    state_dict["layer1.0.bn1.bias"] = nn.Parameter(state_dict["layer1.0.bn1.bias"])
    state_dict["conv1.weight"] = state_dict["conv1.weight"].contiguous(memory_format=torch.channels_last)
    return case("import-plain.pth", net, state_dict, state_dict, 40)


def nested():
    net = resnet10(small=True)
    state_dict = views(net.state_dict(), [torch.float32, torch.float64, torch.float16, torch.bfloat16])
    ours = {f"module.encoder.{name}": tensor for name, tensor in state_dict.items() if not name.startswith("fc.")}
    head = {f"module.projector.{name}": torch.ones(2, 2) for name in ["0.weight", "2.weight"]}
    saved = {
        "epoch": 3,
        "state_dict": {**ours, **head},
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "args": argparse.Namespace(arch="resnet10", lr=0.1),
        "best": np.float64(0.5),
    }
    return case("import-nested.pt", net, state_dict, saved, 16)


def legacy():
    net = resnet10(small=False)
    state_dict = views(net.state_dict(), [torch.float32])
    net.load_state_dict(state_dict)
    children = {name: str(at) for at, (name, _) in enumerate(net.named_children())}
    renamed = collections.OrderedDict()
    for name, tensor in state_dict.items():
        first, rest = name.split(".", 1)
        renamed[f"{children[first]}.{rest}"] = tensor
    return case("import-legacy.pth", net, state_dict, renamed, 40, _use_new_zipfile_serialization=False)


class Evil:
    def __reduce__(self):
        return os.system, ("touch import-evil-was-run",)


cases = [plain(), nested(), legacy()]
torch.save({"state_dict": {"conv1.weight": torch.ones(1)}, "note": Evil()}, HERE / "import-evil.pth")
torch.save({"layer1.0.conv1.weight": torch.zeros(1).expand(1 << 40)}, HERE / "import-huge.pth")
versions = {"torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]}
(HERE / "import.json").write_text(json.dumps({**versions, "cases": cases}, indent=0).replace(",\n", ", ") + "\n")
