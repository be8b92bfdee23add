#!/usr/bin/env python3
"""How search time and build time grow with a collection: clustered vectors of 512 numbers, ten thousand to a million of them.

  tools/bench/search_growth.py [--sizes 10000,100000,1000000] [--dimension 512]

Not one of `make bench`'s: a million take an hour of one core, 12 GB of memory and 12 GB of disk. Prints a table in Markdown and writes
target/bench/search-growth.json and docs/images/search-growth.svg: CPU microseconds a query at the default ef, over the logarithm of the size.
"""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from plot import Chart  # noqa: E402
from search_peers import clustered, program, told  # noqa: E402
from wheels import ROOT  # noqa: E402

EFS = ["10", "16", "24", "32", "48", "64", "96", "128"]


def measure(size, dimension):
    folder = clustered(size, dimension)
    shutil.rmtree(folder / "collection", ignore_errors=True)
    files = [str(folder / f"{part}.npy") for part in ("stored", "queries", "nearest")]
    result = json.loads(told([program(), *files, str(folder / "collection"), *EFS]))
    shutil.rmtree(folder / "collection")
    return {"size": size, **result}


def point(result, ef):
    return next(point for point in result["curve"] if point["ef"] == ef)


def microseconds(result, ef=64):
    """CPU microseconds of a query, one a call; 64 is the default."""
    return 1e6 / point(result, ef)["single"]


def table(results):
    efs = (10, 64, 128)
    rows = [f"| Records | {' | '.join(f'recall@10, µs at ef {ef}' for ef in efs)} | Build, CPU s | Bytes a vector a walk reads |", "|---" * (len(efs) + 3) + "|"]
    for result in results:
        cells = " | ".join(f"{point(result, ef)['recall']:.4f}, {microseconds(result, ef):.0f}" for ef in efs)
        rows.append(f"| {result['size']:,} | {cells} | {result['build']['cpu_seconds']:.0f} | {result['bytes_per_vector']:.0f} |")
    return "\n".join(rows)


def plot(results):
    """An SVG: a point a size, and the line a + b·log n that fits them best."""
    xs, ys = [math.log10(r["size"]) for r in results], [microseconds(r) for r in results]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs) or 1.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / spread
    low, high = min(xs), max(xs)
    chart = Chart((low - 0.1, high + 0.1), (0, max(ys) * 1.2))
    chart.line([(x, mean_y + slope * (x - mean_x)) for x in (low, high)], dashed=True)
    for result, x, y in zip(results, xs, ys):
        chart.dot(x, y)
        chart.word(x, y, f"{y:.0f}", down=-10)
        chart.across(x, f"{result['size']:,}")
    chart.titles("records (logarithmic)", "CPU µs a query at ef 64")
    return chart.svg()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000,100000,300000,1000000")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--results", help="draw these results, written by an earlier run, instead of measuring")
    arguments = parser.parse_args()
    if arguments.results:
        results = json.loads(Path(arguments.results).read_text())
    else:
        results = [measure(int(size), arguments.dimension) for size in arguments.sizes.split(",")]
        (ROOT / "target" / "bench" / "search-growth.json").write_text(json.dumps(results))
    (ROOT / "docs" / "images" / "search-growth.svg").write_text(plot(results))
    print(table(results))


if __name__ == "__main__":
    main()
