"""What the operations of TensorFlow that the published code calls draw and compute.

    pip install tensorflow-cpu safetensors numpy
    python train/tests/golden/tensorflow_views.py     # writes tensorflow_views.safetensors beside itself

Made with TensorFlow 2.21.0. Pictures are 3xHxW here and HxWx3 there.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

# Areas of larger pictures do not fit the 32-bit integers of `sample_distorted_bounding_box`.
SIDE, DRAWS, LARGE = 40, 20_000, 40_000
QUANTILES = np.linspace(0, 1, 501)


def quantiles(numbers):
    return np.quantile(np.asarray(numbers, np.float64), QUANTILES).astype(np.float32)


def crops():
    """With the arguments of the published code, on a picture so large that whole pixels do not matter."""
    box = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])

    @tf.function
    def draw(number):
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.constant([LARGE, LARGE, 3]), box, seed=tf.stack([7, number]), min_object_covered=0.1,
            aspect_ratio_range=(3 / 4, 4 / 3), area_range=(0.08, 1.0), max_attempts=100)
        return tf.concat([begin[:2], size[:2]], 0)

    drawn = np.stack([draw(tf.constant(number)).numpy() for number in range(DRAWS)])
    top, left, height, width = drawn.astype(np.float64).T / LARGE
    return {
        "crop.area": quantiles(width * height),
        "crop.log_aspect": quantiles(np.log(width / height)),
        "crop.left": quantiles(left / (1 - width + 1e-9)),
        "crop.top": quantiles(top / (1 - height + 1e-9)),
    }


def jittered(picture, order, contrast, saturation, hue):
    """Clipped after each, as in the published code; brightness is multiplied by 1.2."""
    changes = [
        lambda x: x * 1.2,
        lambda x: tf.image.adjust_contrast(x, contrast),
        lambda x: tf.image.adjust_saturation(x, saturation),
        lambda x: tf.image.adjust_hue(x, hue),
    ]
    for place in order:
        picture = tf.clip_by_value(changes[place](picture), 0.0, 1.0)
    return picture


def blurred(picture, sigma, radius):
    """One row and one column of weights over each channel, zeros beyond the border."""
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-(x**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).astype(np.float32)
    for shape in [(1, -1, 1, 1), (-1, 1, 1, 1)]:
        kernel = np.repeat(weights.reshape(shape), 3, axis=2)
        picture = tf.nn.depthwise_conv2d(picture[None], kernel, [1, 1, 1, 1], "SAME")[0]
    return picture


def pixels():
    picture = np.random.default_rng(21).random((SIDE, SIDE, 3), np.float32)
    clip = lambda x: tf.clip_by_value(x, 0.0, 1.0)
    cubic = tf.image.ResizeMethod.BICUBIC
    edges = tf.image.sobel_edges(tf.constant(picture[None]))[0]
    found = {
        "picture": picture,
        "grey": tf.image.rgb_to_grayscale(picture),
        "brightness_0.2": clip(tf.image.adjust_brightness(picture, 0.2)),
        "contrast_1.7": clip(tf.image.adjust_contrast(picture, 1.7)),
        "saturation_1.8": clip(tf.image.adjust_saturation(picture, 1.8)),
        "jitter_3102": jittered(picture, [3, 1, 0, 2], 0.6, 1.5, -0.15),
        "blur_1.3": blurred(picture, 1.3, 2),
        "bicubic_50": clip(tf.image.resize(picture, [50, 50], cubic)),
        "bicubic_26": clip(tf.image.resize(picture, [26, 26], cubic)),
        "sobel": tf.minimum(tf.sqrt(tf.reduce_sum(tf.square(edges), -1)) / 4.0, 1.0),
    }
    return {name: np.ascontiguousarray(np.moveaxis(np.asarray(x), -1, 0)) for name, x in found.items()}


def main():
    save_file(pixels() | crops(), Path(__file__).with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
