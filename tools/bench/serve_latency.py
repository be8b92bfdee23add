"""How long answers take at 80 % of capacity: beside three times a lone request, and beside what this machine makes of a queue that only counts.

A processor shared with others is taken away for milliseconds now and then, whatever runs on it. So the second peer does nothing but count
for as long as a picture takes, a process a core: no server on this machine can be better, and one that is as good adds nothing.
"""

import multiprocessing
import time

from frame import Figure, bench
from load import milliseconds_at
from serve_fastapi import CORES, Peer
from serve_pair import MODELS, PAIRS, Pair

LOAD = 0.8
# A round counts if capacity was the same before and after, as shares go; so many rounds are tried for each that is asked for.
STEADY, TRIES = 0.1, 5
FORK = multiprocessing.get_context("fork")


class Unsteady(Exception):
    """Capacity changed in every round."""


def steady_rounds(*sides):
    """For each side, by turns, pairs of the 99th percentile at 80 % of capacity and a lone request's time, both in milliseconds."""
    kept = [[] for _ in sides]
    for _ in range(PAIRS * TRIES):
        for side, rounds in zip(sides, kept):
            before = side.capacity()
            pair = side.p99(LOAD * before), side.lone()
            if abs(side.capacity() / before - 1) <= STEADY:
                rounds.append(pair)
                told = f"{LOAD * before:.0f} a second, p99 {pair[0]:.3g} ms, alone {pair[1]:.3g} ms"
                print(f"    {type(side).__name__}: {told}", flush=True)
        if min(map(len, kept)) >= PAIRS:
            return kept
    if not all(kept):
        raise Unsteady(f"capacity changed by more than {STEADY:.0%} in each of {PAIRS * TRIES} rounds: this machine is too busy for a latency")
    return kept


def percentile(times):
    return sorted(times)[int(len(times) * 0.99)]


class Ours:
    """Our server."""

    def __init__(self, pair):
        self.pair = pair

    def capacity(self):
        return self.pair.speed(0, 16)

    def p99(self, rate):
        return percentile(milliseconds_at(self.pair.ours.port, self.pair.requests[0], rate, self.pair.seconds))

    def lone(self):
        return 1000 / self.pair.speed(0, 1)


def count(steps):
    for _ in range(steps):
        pass


class Counting:
    """A queue, and a process a core that takes from it and counts; `milliseconds` is what one request takes alone, about."""

    def __init__(self, milliseconds, seconds):
        start = time.perf_counter()
        count(1_000_000)
        self.steps = int(1_000_000 * milliseconds / 1000 / (time.perf_counter() - start))
        self.seconds = seconds

    def lone(self):
        start = time.perf_counter()
        for _ in range(100):
            count(self.steps)
        return (time.perf_counter() - start) * 10

    def capacity(self):
        """Requests a second with every process busy."""

        def work(_, told):
            done, end = 0, time.monotonic() + self.seconds
            while time.monotonic() < end:
                count(self.steps)
                done += 1
            told.put(done)

        return sum(self.everywhere(work)) / self.seconds

    def p99(self, rate):
        """Milliseconds from when a request was due to its end, `rate` of them being due a second."""

        def work(due, told):
            times = []
            while (at := due.get()) is not None:
                count(self.steps)
                times.append((time.monotonic() - at) * 1000)
            told.put(times)

        def ask(due):
            start = time.monotonic() + 0.05
            for number in range(max(50, int(rate * self.seconds))):
                at = start + number / rate
                time.sleep(max(0, at - time.monotonic()))
                due.put(at)
            for _ in range(CORES):
                due.put(None)

        return percentile(sum(self.everywhere(work, ask), []))

    @staticmethod
    def everywhere(work, ask=lambda _: None):
        """What `work` told in a process a core, while `ask` filled their queue."""
        due, told = FORK.SimpleQueue(), FORK.SimpleQueue()
        processes = [FORK.Process(target=work, args=(due, told)) for _ in range(CORES)]
        for process in processes:
            process.start()
        ask(due)
        results = [told.get() for _ in processes]
        for process in processes:
            process.join()
        return results


def register(model):
    def latency():
        with Pair(model, Peer) as pair:
            (rounds,) = steady_rounds(Ours(pair))
        # The peer's number is what is allowed: three times what a lone request takes.
        return Figure("three times a lone request", "ms", "lower", [p99 for p99, _ in rounds], [3 * lone for _, lone in rounds])

    latency.__doc__ = f"{model}: p99 at 80 % of capacity against three times a lone request"
    bench(f"serve-latency-{model}")(latency)

    def floor():
        with Pair(model, Peer) as pair:
            ours = Ours(pair)
            both = steady_rounds(ours, Counting(ours.lone(), pair.seconds))
        return Figure("a process a core that only counts", "lone requests", "lower", *([p99 / lone for p99, lone in side] for side in both))

    floor.__doc__ = f"{model}: p99 at 80 % of capacity, in lone requests, against a queue whose processes only count"
    bench(f"serve-floor-{model}")(floor)


for each in MODELS:
    register(each)
