"""What torchvision draws and computes where it and SimCLR's augmentations are defined alike.

    pip install torch torchvision safetensors numpy
    python train/tests/golden/torchvision_views.py     # writes torchvision_views.safetensors beside itself

Made with torchvision 0.26.0 and torch 2.11.0. Distributions are kept as 501 quantiles (0, 0.2 %, ... 100 %) of 100 000 draws, orders as
the shares of the 24 permutations in lexicographic order.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torchvision.transforms import ColorJitter, InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F

SIDE, DRAWS, LARGE = 40, 100_000, 100_000
QUANTILES = np.linspace(0, 1, 501)


def quantiles(numbers):
    return np.quantile(np.asarray(numbers, np.float64), QUANTILES).astype(np.float32)


def crops():
    """Sizes and places on a picture so large that whole pixels do not matter."""
    picture = torch.empty(1, 1, 1).expand(1, LARGE, LARGE)
    drawn = [RandomResizedCrop.get_params(picture, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(DRAWS)]
    top, left, height, width = np.array(drawn, np.float64).T / LARGE
    # Where the crop may lie is what its size leaves.
    return {
        "crop.area": quantiles(width * height),
        "crop.log_aspect": quantiles(np.log(width / height)),
        "crop.left": quantiles(left / (1 - width + 1e-9)),
        "crop.top": quantiles(top / (1 - height + 1e-9)),
    }


def jitters(strength):
    transform = ColorJitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)
    reach = (transform.brightness, transform.contrast, transform.saturation, transform.hue)
    drawn = [ColorJitter.get_params(*reach) for _ in range(DRAWS)]
    found = {
        f"jitter.{name}": quantiles([draw[i + 1] for draw in drawn])
        for i, name in enumerate(["brightness", "contrast", "saturation", "hue"])
    }
    orders = [tuple(draw[0].tolist()) for draw in drawn]
    shares = [orders.count(order) / DRAWS for order in itertools.permutations(range(4))]
    return found | {"jitter.orders": np.array(shares, np.float32)}


def pixels():
    picture = torch.rand(3, SIDE, SIDE)
    grey = picture.mean(0, keepdim=True).expand(3, -1, -1).contiguous()
    exact = {"antialias": False, "interpolation": InterpolationMode.BILINEAR}
    cubic = {"antialias": True, "interpolation": InterpolationMode.BICUBIC}
    return {
        "picture": picture,
        "grey": F.rgb_to_grayscale(picture),
        "brightness_1.3": F.adjust_brightness(picture, 1.3),
        "hue_0.17": F.adjust_hue(picture, 0.17),
        # About the grey mean, which on a grey picture is the channel's.
        "grey_contrast_1.6": F.adjust_contrast(grey, 1.6),
        # 40 // 10 pixels give a radius of 2; the border is reflected, ours is black.
        "blur_1.3": F.gaussian_blur(picture, 5, 1.3),
        "bilinear_crop": F.resized_crop(picture, 4, 10, 24, 20, [SIDE, SIDE], **exact),
        # Enlarging needs no widening, so that `antialias` only chooses a = -0.5 over -0.75.
        "bicubic_whole": F.resized_crop(picture, 0, 0, SIDE, SIDE, [50, 50], **cubic),
        "bicubic_crop": F.resized_crop(picture, 4, 10, 24, 20, [SIDE, SIDE], **cubic),
    }


def main():
    torch.manual_seed(20)
    tensors = {name: tensor.contiguous().numpy() for name, tensor in pixels().items()}
    tensors |= crops() | jitters(0.5)
    save_file(tensors, Path(__file__).with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
