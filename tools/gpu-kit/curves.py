#!/usr/bin/env python3
"""Draws a run's metrics.jsonl as one SVG: loss, learning rate and pictures a second over epochs. Standard library only.

  curves.py runs/x/metrics.jsonl curves.svg
"""

import json
import sys
from pathlib import Path

WIDE, HIGH, LEFT, TOP = 760, 150, 90, 34
PANELS = (("loss", "loss"), ("rate", "learning rate"), ("pictures_per_second", "pictures a second"))


def panel(rows, key, title, top):
    """One curve with its least, largest and last value."""
    xs, ys = [row["epoch"] for row in rows], [row[key] for row in rows]
    low, high, end = min(ys), max(ys), max(xs) or 1
    height = high - low or 1
    points = " ".join(f"{LEFT + x / end * WIDE:.1f},{top + HIGH - (y - low) / height * HIGH:.1f}" for x, y in zip(xs, ys))
    return f"""<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title} (last {ys[-1]:.4g})</text>
<rect x="{LEFT}" y="{top}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#ccc"/>
<text x="{LEFT - 8}" y="{top + 10}" text-anchor="end">{high:.4g}</text><text x="{LEFT - 8}" y="{top + HIGH}" text-anchor="end">{low:.4g}</text>
<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="1.5"/>"""


def main():
    source, target = map(Path, sys.argv[1:3])
    rows = [json.loads(line) for line in source.read_text().splitlines() if line.strip()]
    rows = [row for row in rows if row.get("kind", "step") == "step"]
    if not rows:
        return
    step = HIGH + TOP + 16
    panels = "\n".join(panel(rows, key, title, TOP + index * step) for index, (key, title) in enumerate(PANELS))
    bottom = len(PANELS) * step + TOP
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 20}" height="{bottom}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{panels}\n'
        f'<text x="{LEFT}" y="{bottom - 12}">epochs 0 to {rows[-1]["epoch"]:.1f}</text>\n</svg>\n'
    )


if __name__ == "__main__":
    main()
