"""Embeds prepared tensors with ONNX Runtime and nothing else, and prints one JSON object with `pictures_per_second`."""

import argparse
import json
import time

import numpy
import onnxruntime

PICTURES, BATCH = 10_000, 256

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("encoder", help="encoder.onnx")
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = arguments.threads
session = onnxruntime.InferenceSession(arguments.encoder, options, providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
side = given.shape[-1] if isinstance(given.shape[-1], int) else 32
generator = numpy.random.default_rng(1)
prepared = generator.standard_normal((PICTURES, 3, side, side), dtype=numpy.float32)
session.run(None, {given.name: prepared[:BATCH]})
began = time.perf_counter()
rows = sum(
    len(session.run(None, {given.name: prepared[start : start + BATCH]})[0]) for start in range(0, PICTURES, BATCH)
)
print(json.dumps({"pictures_per_second": rows / (time.perf_counter() - began)}))
