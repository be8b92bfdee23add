"""The peer that people write first: FastAPI, Pillow, onnxruntime. Encoder file in, `POST /embed` (raw picture bytes) out as JSON.

Choices in its favour: uvicorn runs on uvloop and httptools with a worker a core, and inference leaves the event loop. Spinning is off, as in ours.
"""

import io
import json
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def open_session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["PEER_THREADS"])
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(os.environ["PEER_ENCODER"], options, providers=["CPUExecutionProvider"])


session = open_session()
recipe = json.loads(os.environ["PEER_RECIPE"])
side, resize = recipe["side"], recipe["resize"]
mean = np.array(recipe["mean"], np.float32).reshape(3, 1, 1)
deviation = np.array(recipe["deviation"], np.float32).reshape(3, 1, 1)
source = session.get_inputs()[0].name
app = FastAPI()


def prepare(body):
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    width, height = picture.size
    if min(width, height) != resize:
        scale = resize / min(width, height)
        picture = picture.resize((max(resize, round(width * scale)), max(resize, round(height * scale))), FILTERS[recipe["filter"].lower()])
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    return ((np.asarray(picture, np.float32).transpose(2, 0, 1) / 255 - mean) / deviation)[None]


def embed_bytes(body):
    return session.run(None, {source: prepare(body)})[0][0].tolist()


@app.post("/embed")
async def embed(request: Request):
    return {"embedding": await run_in_threadpool(embed_bytes, await request.body())}
