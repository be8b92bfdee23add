"""LitServe on the same encoder file: JSON with base64 in (it parses no raw bodies), JSON out. `PEER_PORT`, `PEER_WORKERS` and fastapi_server.py's settings.

Choices in its favour: batches of up to 32 with 2 ms of waiting, one thread of inference a worker, spinning off, no log.
"""

import base64
import os

import litserve
import numpy as np

import fastapi_server as shared


class Embed(litserve.LitAPI):
    def setup(self, device):
        self.session = shared.open_session()

    def decode_request(self, request):
        return shared.prepare(base64.b64decode(request["image"]))

    def batch(self, inputs):
        return np.concatenate(inputs)

    def predict(self, batch):
        return self.session.run(None, {shared.source: batch})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"embedding": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(
        Embed(max_batch_size=32, batch_timeout=0.002), accelerator="cpu", workers_per_device=int(os.environ["PEER_WORKERS"])
    )
    server.run(host="127.0.0.1", port=int(os.environ["PEER_PORT"]), generate_client_file=False, log_level="warning")
