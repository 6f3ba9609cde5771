"""A run's figures as a chart (the group `bench`): mails a second and processor time a mail, for each size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt
from plan import NAMES


def draw(result: Mapping[str, Any], file: Path) -> None:
    """LMTP, the middle number of sessions, as PNG."""
    rows = [row for row in result["matrix"] if row["protocol"] == "lmtp"]
    middle = sorted({row["sessions"] for row in rows})[len({row["sessions"] for row in rows}) // 2]
    rows = [row for row in rows if row["sessions"] == middle]
    sizes = sorted({row["size"] for row in rows})
    figure, axes = plt.subplots(2, len(sizes), figsize=(4 * len(sizes), 7), squeeze=False)
    for at, size in enumerate(sizes):
        shown = [row for row in rows if row["size"] == size]
        for axis, key, word in zip(
            axes[:, at], ("mails_a_second", "cpu_ms"), ("mails/s", "CPU ms a mail"), strict=True
        ):
            bars = axis.barh([row["program"] for row in shown], [row[key] for row in shown], color="#4477aa")
            axis.bar_label(bars, fmt="{:.3g}", padding=2)
            axis.invert_yaxis()
            axis.margins(x=0.2)
            axis.set_title(f"{NAMES[size]}, {middle} sessions: {word}", fontsize=10)
            if at:
                axis.set_yticklabels([])
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)
