#!/usr/bin/env python3
"""Draws what `make bench ONLY=search-` left: queries a CPU second over recall@10, every library's curve on the same vectors.

  tools/bench/search_plot.py cifar|clustered

Writes docs/images/search-<set>.svg. Recall is drawn by what is missed, so that 0.9, 0.99 and 0.999 lie equally far apart; ours is the median
of the curves that were measured beside each library. One query a call.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from plot import Chart  # noqa: E402
from search_peers import PEERS, SETS, vectors  # noqa: E402
from wheels import ROOT  # noqa: E402

LEAST, MOST = 0.9, 0.9999
SPEEDS = (500, 1000, 3000, 10_000, 30_000, 100_000)


def missed(recall):
    """Recall as the number of its nines."""
    return -math.log10(1 - min(max(recall, LEAST), MOST))


def curves(name):
    """Each library's points: recall and queries a CPU second."""
    told = [json.loads((vectors(name) / "curves" / f"{peer}.json").read_text()) for peer in PEERS]
    mine = zip(*(each.pop("ours") for each in told))
    ours = [(same[0]["recall"], statistics.median(point["single"] for point in same)) for same in mine]
    theirs = {peer: [(p["recall"], p["single"]) for p in points] for each in told for peer, points in each.items()}
    return {library: front(points) for library, points in {"ours": ours, **theirs}.items()}


def front(points):
    """Those that no other point of the library beats in both ways, as far as they are told apart."""
    points = [(min(recall, MOST), speed) for recall, speed in points]
    return [(r, s) for r, s in sorted(points) if not any(a >= r and b > s for a, b in points)]


def plot(all_curves):
    chart = Chart((missed(LEAST), missed(MOST)), (math.log10(SPEEDS[0]), math.log10(SPEEDS[-1])), right=80)
    for recall in (0.9, 0.99, 0.999, 0.9999):
        chart.across(missed(recall), recall)
    for speed in SPEEDS:
        chart.up(math.log10(speed), f"{speed:,}")
        chart.line([(chart.xs[0], math.log10(speed)), (chart.xs[1], math.log10(speed))], "#ddd")
    ends = []
    for (library, points), colour in zip(all_curves.items(), chart.COLOURS):
        places = [(missed(recall), math.log10(speed)) for recall, speed in points if recall >= LEAST]
        chart.line(places, colour)
        for place in places:
            chart.dot(*place, colour, 3)
        ends.append((*places[-1], library, colour))
    chart.names(ends)
    chart.titles("recall@10", "queries a CPU second")
    return chart.svg()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    name = parser.parse_args().set
    (ROOT / "docs" / "images" / f"search-{name}.svg").write_text(plot(curves(name)))


if __name__ == "__main__":
    main()
