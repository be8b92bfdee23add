"""The official OpenAI client and Triton's against a running server: `check_python.py ADDRESS KEY PICTURE PICTURE`.

What each client gets must be what `/v1/embed` says. Runs inside the environment that tools/clients/run makes.
"""

import base64
import json
import sys
import urllib.request
from io import BytesIO

import numpy as np
import openai
import tritonclient.http as triton
from PIL import Image

ADDRESS, KEY, *FILES = sys.argv[1:]
HOST = ADDRESS.removeprefix("http://")
PICTURES = [open(path, "rb").read() for path in FILES]
AUTHORIZATION = {"authorization": f"Bearer {KEY}"}


def ask(path, body=None, kind="application/json", accept="application/json"):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {**AUTHORIZATION, "content-type": kind, "accept": accept}
    with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, data, headers)) as answer:
        return answer.read()


def uri(picture):
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def near(found, expected, what):
    found, expected = np.asarray(found, np.float32), np.asarray(expected, np.float32)
    assert found.shape == expected.shape, f"{what}: {found.shape} where {expected.shape} was expected"
    worst = float(np.abs(found - expected).max())
    assert worst < 1e-4, f"{what}: differs by {worst}"
    print(f"  {what}: {found.shape}, worst difference {worst:.1e}")


def refused(call, error, what):
    try:
        call()
    except error as refusal:
        print(f"  {what}: {type(refusal).__name__}")
        return
    raise AssertionError(f"{what}: nothing was raised")


def expected_rows():
    rows = [json.loads(ask("/v1/embed", picture, "image/png"))["embeddings"][0] for picture in PICTURES]
    raw = ask("/v1/embed", {"images": [uri(p) for p in PICTURES]}, accept="application/octet-stream")
    near(np.frombuffer(raw, "<f4").reshape(len(rows), -1), rows, "/v1/embed as bare floats")
    npy = ask("/v1/embed", {"images": [uri(p) for p in PICTURES]}, accept="application/x-npy")
    near(np.load(BytesIO(npy)), rows, "/v1/embed as .npy")
    return np.asarray(rows, np.float32)


def check_openai(rows, model):
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0)
    assert [one.id for one in client.models.list()] == [model]
    pictures = [uri(picture) for picture in PICTURES]
    for words in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
        answer = client.embeddings.create(model=model, input=pictures, **words)
        found = [one.embedding for one in answer.data]
        if words.get("encoding_format") == "base64":
            found = [np.frombuffer(base64.b64decode(text), "<f4") for text in found]
        near(found, rows, f"openai {words}")
        assert [one.index for one in answer.data] == list(range(len(rows)))
    jina = json.loads(ask("/v1/embeddings", {"model": model, "input": [{"image": one} for one in pictures]}))
    near([one["embedding"] for one in jina["data"]], rows, "objects with `image`")
    body = {"model": model, "input": [pictures[0], "bm9uZQ==", pictures[1]], "modality": "image", "on_error": "skip"}
    infinity = json.loads(ask("/v1/embeddings", body))
    near([one["embedding"] for one in infinity["data"]], rows, "modality image, one skipped")
    assert infinity["kept_indices"] == [0, 2] and infinity["skipped"][0]["code"] == "picture_unknown_format"
    refused(lambda: client.embeddings.create(model="gpt", input=pictures[0]), openai.NotFoundError, "another model")
    refused(lambda: client.embeddings.create(model=model, input="a cat"), openai.BadRequestError, "text")
    stranger = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="nobody", max_retries=0)
    refused(lambda: stranger.models.list(), openai.AuthenticationError, "a wrong key")


def prepared():
    recipe = json.loads(ask("/v1/describe"))["recipe"]
    side = recipe["side"]
    rows = []
    for file in FILES:
        picture = Image.open(file).convert("RGB")
        assert picture.size == (side, side), "the pictures have the encoder's side, so that nothing is resized"
        numbers = np.asarray(picture, np.float32) / 255
        rows.append(((numbers - recipe["mean"]) / recipe["deviation"]).transpose(2, 0, 1))
    return np.asarray(rows, np.float32)


def check_triton(rows, model):
    client = triton.InferenceServerClient(HOST)
    assert client.is_server_live() and client.is_server_ready()
    def words():
        # The client writes into the dict that it is given.
        return {"headers": dict(AUTHORIZATION)}

    assert client.is_model_ready(model, **words())
    assert client.get_server_metadata(**words())["name"] == "simclr-serve"
    names = [one["name"] for one in client.get_model_metadata(model, **words())["inputs"]]
    assert names == ["pictures", "images"]
    assert client.get_model_config(model, **words())["name"] == model
    tensor = prepared()
    for binary_in in (True, False):
        for binary_out in (True, False):
            images = triton.InferInput("images", list(tensor.shape), "FP32")
            images.set_data_from_numpy(tensor, binary_data=binary_in)
            wanted = [triton.InferRequestedOutput("embedding", binary_data=binary_out)]
            answer = client.infer(model, [images], outputs=wanted, request_id="7", **words())
            assert answer.get_response()["id"] == "7"
            near(answer.as_numpy("embedding"), rows, f"triton, tensors, binary in {binary_in}, out {binary_out}")
    pictures = triton.InferInput("pictures", [len(PICTURES)], "BYTES")
    pictures.set_data_from_numpy(np.array(PICTURES, dtype=np.object_))
    near(client.infer(model, [pictures], **words()).as_numpy("embedding"), rows, "triton, encoded pictures")
    assert client.get_model_repository_index(**words())[0]["state"] == "READY"
    client.unload_model(model, **words())
    refused(lambda: client.infer(model, [pictures], **words()), triton.InferenceServerException, "an unloaded model")
    client.load_model(model, **words())
    near(client.infer(model, [pictures], **words()).as_numpy("embedding"), rows, "triton, after loading it again")


def main():
    model = json.loads(ask("/v1/describe"))["model"]
    rows = expected_rows()
    check_openai(rows, model)
    check_triton(rows, model)


main()
