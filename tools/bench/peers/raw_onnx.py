"""Decodes, prepares and embeds the same pictures over and over with ONNX Runtime and Pillow and no server, on every core: `raw_onnx.py FOLDER SECONDS`.

The bound that a server cannot pass by much: `PEER_WORKERS` processes, each with one thread of inference and batches of 16. Prints pictures a second, and milliseconds
of processor time a picture.
"""

import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np

import fastapi_server as shared

FOLDER, SECONDS = Path(sys.argv[1]), float(sys.argv[2])
BATCH = 16


def work(barrier, results):
    files = [path.read_bytes() for path in sorted(FOLDER.iterdir())]

    def run(first):
        batch = np.concatenate([shared.prepare(files[(first + n) % len(files)]) for n in range(BATCH)])
        shared.session.run(None, {shared.source: batch})

    run(0)
    barrier.wait()
    done, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        run(done)
        done += BATCH
    results.put((done / (time.perf_counter() - start), done, time.process_time() - used))


if __name__ == "__main__":
    workers = int(os.environ["PEER_WORKERS"])
    # Not forked: a session does not survive that.
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers), context.Queue()
    processes = [context.Process(target=work, args=(barrier, results)) for _ in range(workers)]
    for process in processes:
        process.start()
    speeds, done, used = zip(*(results.get() for _ in processes))
    print(sum(speeds), 1000 * sum(used) / sum(done))
