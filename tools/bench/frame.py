"""What every bench shares: a figure is ours and a peer's number from the same minutes of the same machine.

A bench is a function that returns a `Figure`; it is registered by its name. Runs alternate between ours and the peer, and the medians are
compared, so that a busy machine slows both. A ratio above one always means that we are better.
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

BENCHES = {}


@dataclass
class Figure:
    """One line of the table; `ours` and `peer` hold one number a run."""

    peer_name: str
    unit: str
    better: str  # "higher" or "lower"
    ours: list
    peer: list

    @property
    def ratio(self):
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        return ours / peer if self.better == "higher" else peer / ours


def bench(name):
    """Registers a bench under the name that `ONLY=` selects by and that its JSON file gets."""

    def register(function):
        BENCHES[name] = function
        return function

    return register


def paired(ours, peer, pairs):
    """Runs both `pairs` times, changing who goes first, and returns both lists of numbers."""
    results = {ours: [], peer: []}
    for index in range(pairs):
        for side in (ours, peer) if index % 2 == 0 else (peer, ours):
            results[side].append(side())
        print(f"    pair {index + 1} of {pairs}: ours {results[ours][-1]:.4g}, peer {results[peer][-1]:.4g}", flush=True)
    return results[ours], results[peer]


def write(name, figure, folder):
    """Writes target/bench/<name>.json."""
    folder.mkdir(parents=True, exist_ok=True)
    row = {
        "name": name,
        "ours": round(statistics.median(figure.ours), 4),
        "peer": round(statistics.median(figure.peer), 4),
        "peer_name": figure.peer_name,
        "ratio": round(figure.ratio, 4),
        "unit": figure.unit,
        "better": figure.better,
        "command": f"make bench ONLY={name}",
    }
    Path(folder, f"{name}.json").write_text(json.dumps(row, indent=2) + "\n")
    return row


def table(rows):
    """The rows as aligned text."""
    head = ("name", "ours", "peer", "ratio", "unit", "peer is")
    lines = [head] + [
        (row["name"], f"{row['ours']:.4g}", f"{row['peer']:.4g}", f"{row['ratio']:.2f}", f"{row['unit']} ({row['better']} is better)", row["peer_name"])
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
