"""Compares imported networks with torchvision's and timm's own forward passes on the same pictures, full size.

Run by hand (needs torch, torchvision and timm; nothing is downloaded, weights are random):
    python3 models/tests/golden/import_torchvision.py target/release/simclr-models [picture…]
Prints the largest difference of a number for every picture; fails above 1e-4 on the noise made here, whose shorter side is
256 already. Given pictures also show how far decoding and resizing are from Pillow's (one level of a pixel is 0.017 here).
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms

PROGRAM, PICTURES = sys.argv[1], sys.argv[2:]
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
torch.manual_seed(0)


def shaken(net):
    """Batch-norms as after training: no scale one, no shift zero, no running average at its start."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def save(net, path):
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(net.state_dict(), path)
    else:
        torch.save(net.state_dict(), path)


def compare(folder, name, net, suffix, pictures):
    weights = folder / (name + suffix)
    save(net, weights)
    artefact = folder / name
    told = subprocess.run(
        [PROGRAM, "import", weights, "--name", name, "--out", artefact, "--preset", "torchvision", "--json"],
        check=True, capture_output=True, text=True,
    )
    subprocess.run([PROGRAM, "embed", artefact, *pictures, "-o", folder / "out.npy", "--json"], check=True, capture_output=True)
    ours = np.load(folder / "out.npy")
    prepare = transforms.Compose([
        transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION),
    ])
    net.fc = nn.Identity()
    with torch.no_grad():
        theirs = torch.cat([net(prepare(Image.open(path).convert("RGB"))[None]) for path in pictures]).numpy()
    apart = np.abs(ours - theirs).max(axis=1)
    counted = json.loads(told.stdout)
    print(f"{name}{suffix}: {counted['taken']} tensors, {counted['learned']:,} learned, embeddings {ours.shape}, "
          f"largest number {np.abs(theirs).max():.3f}, largest difference by picture "
          + ", ".join(f"{pathlib.Path(path).name} {x:.1e}" for path, x in zip(pictures, apart)))
    return float(apart[len(PICTURES):].max())


with tempfile.TemporaryDirectory() as place:
    folder = pathlib.Path(place)
    pictures = list(PICTURES)
    noise = np.random.default_rng(0)
    for at, size in enumerate([(256, 300), (256, 256), (301, 256)]):
        path = folder / f"noise{at}.png"
        Image.fromarray(noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
        pictures.append(str(path))
    cases = [
        ("resnet18", shaken(torchvision.models.resnet18()), ".pth"),
        ("resnet50", shaken(torchvision.models.resnet50()), ".pth"),
        ("timm-resnet34", shaken(timm.create_model("resnet34")), ".safetensors"),
    ]
    worst = max(compare(folder, name, net, suffix, pictures) for name, net, suffix in cases)
    for name in ["resnet18d", "resnext50_32x4d", "resnet26", "seresnet50"]:
        weights = folder / f"{name}.pth"
        save(timm.create_model(name), weights)
        ran = subprocess.run(
            [PROGRAM, "import", weights, "--name", "x", "--out", folder / "x", "--preset", "torchvision"],
            capture_output=True, text=True,
        )
        said = " ".join(ran.stderr.split())
        print(f"{name}: exit {ran.returncode}: {said[:150]}")
        worst = max(worst, 0.0 if ran.returncode == 1 else 1.0)
    sys.exit(worst > 1e-4)
