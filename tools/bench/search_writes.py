"""Durable upserts a second, ours (32 writers, group commit, synced) beside SQLite's, and how long until one is found.

SQLite is what a small service would take instead: a write-ahead log, `synchronous = FULL`, as many writers, one record a transaction.
"""

import functools
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import time

from frame import Figure, bench, paired
from search_peers import told
from wheels import ROOT

WRITERS, SECONDS, DIMENSION = 32, 3, 512
FOLDER = ROOT / "target" / "bench" / "writes"


@functools.cache
def program():
    command = ["cargo", "build", "--release", "--locked", "-p", "simclr-search", "--example", "write_bench", "--message-format=json-render-diagnostics"]
    messages = (json.loads(line) for line in told(command).splitlines() if line.startswith("{"))
    return next(message["executable"] for message in messages if message.get("executable"))


@functools.cache
def folder():
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def ours():
    place = tempfile.mkdtemp(dir=folder())
    try:
        return json.loads(told([program(), place, str(WRITERS), str(SECONDS), str(DIMENSION)]))
    finally:
        shutil.rmtree(place)


def sqlite():
    """Records a second of as many threads, each with a connection of its own."""
    with tempfile.TemporaryDirectory(dir=folder()) as place:
        path, counts, end = os.path.join(place, "records"), [0] * WRITERS, time.monotonic() + SECONDS

        def connect():
            connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            connection.execute("pragma synchronous = full")
            return connection

        first = connect()
        first.execute("pragma journal_mode = wal")
        first.execute("create table records (id text primary key, vector blob, payload text)")

        def write(writer):
            connection, vector = connect(), os.urandom(4 * DIMENSION)
            while time.monotonic() < end:
                connection.execute("insert or replace into records values (?, ?, ?)", (f"{writer}-{counts[writer]}", vector, "{}"))
                counts[writer] += 1
            connection.close()

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first.close()
        return sum(counts) / SECONDS


@bench("search-upserts")
def upserts():
    """durable upserts a second of 32 writers"""
    program()
    mine, theirs = paired(lambda: ours()["upserts_per_second"], sqlite, 3)
    return Figure("SQLite, WAL, synchronous = FULL, one record a transaction", "upserts/s", "higher", mine, theirs)


@bench("search-searchable")
def searchable():
    """milliseconds from an upsert's call until a search has found it, 99th percentile of one writer"""
    program()
    runs = [ours()["searchable_ms_p99"] for _ in range(3)]
    return Figure("the goal, 50 ms", "ms", "lower", runs, [50.0] * len(runs))
