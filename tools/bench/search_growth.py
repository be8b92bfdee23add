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

from search_peers import clustered, program, told  # noqa: E402
from wheels import ROOT  # noqa: E402

EFS = ["10", "16", "24", "32", "48", "64", "96", "128"]
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 320, 60, 45


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
    low, high, top = min(xs) - 0.1, max(xs) + 0.1, max(ys) * 1.2

    def place(x, y):
        return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - 20), HEIGHT - BOTTOM - y / top * (HEIGHT - BOTTOM - 20)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    (x0, y0), (x1, y1) = place(low, 0), place(high, top)
    parts.append(f'<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="black"/>')
    ends = [place(x, mean_y + slope * (x - mean_x)) for x in (min(xs), max(xs))]
    parts.append(f'<path d="M{ends[0][0]:.1f} {ends[0][1]:.1f}L{ends[1][0]:.1f} {ends[1][1]:.1f}" stroke="#888" stroke-dasharray="4"/>')
    for result, x, y in zip(results, xs, ys):
        px, py = place(x, y)
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="#0b62a4"/>')
        parts.append(f'<text x="{px:.1f}" y="{py - 10:.1f}" text-anchor="middle">{y:.0f}</text>')
        parts.append(f'<text x="{px:.1f}" y="{y0 + 16}" text-anchor="middle">{result["size"]:,}</text>')
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{HEIGHT - 8}" text-anchor="middle">records (logarithmic)</text>')
    parts.append(f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" text-anchor="middle">CPU µs a query at ef 64</text>')
    return "\n".join([*parts, "</svg>\n"])


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
