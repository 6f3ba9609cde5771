"""The queries of examples/grafana.json as a real Prometheus answers them, drawn: `make dashboard-picture`.

    python bench/dashboard_picture.py FILE.png [--seconds N]

A relay with two workers handles mail for so long: encrypted, in clear by a rule, refused with a notice, and deferred
because a WKD server is away; for a while its next hop is away too, and one worker is killed. Prometheus scrapes it each
second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.client import Client
from lab.known import KNOWN, UNKNOWN, Known
from lab.nexthop import ScriptedHop
from lab.ports import free_port
from lab.prometheus import Prometheus, dashboard
from lab.relay import Relay

SENDER = "dr.martin@hopital.example"
INSIDE = "dr.leroy@hopital.example"
AWAY = "someone@away.example"
POLICY = [
    {"name": "inside the hospital", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "everyone else", "encrypt": "required"},
]
COLUMNS = 4
_UNITS = {"reqps": "a second", "s": "seconds", "percentunit": "share", "bytes": "MB"}
_numbers = count(1)
_chance = random.SystemRandom()


async def main(file: Path, seconds: float) -> None:
    metrics, hop = free_port(), ScriptedHop()
    await hop.listen()
    nobody = {f"{name}away.example:443": f"127.0.0.1:{free_port()}" for name in ("openpgpkey.", "")}
    settings: dict[str, Any] = {
        "workers": 2,
        "metrics": f"127.0.0.1:{metrics}",
        "reinject": hop.url,
        "policy": POLICY,
        "lookup": {
            "sources": ["keyring", "wkd"],
            "wkd": {"connect_to": nobody, "timeout": "2s"},
            "cache": {"unavailable": "1s"},
        },
    }
    with Known() as known, Relay(settings) as relay:
        known.introduce(relay)
        await asyncio.to_thread(relay.start)
        with Prometheus(metrics) as prometheus:
            begun = time.time()
            work = [asyncio.create_task(_mails(relay)) for _ in range(3)]
            await asyncio.sleep(seconds / 2)
            port = hop.port
            await hop.stop()
            os.kill(relay.workers[1], signal.SIGKILL)
            await asyncio.sleep(seconds / 10)
            await hop.listen(port)
            await asyncio.sleep(seconds * 4 / 10)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await asyncio.to_thread(_draw, prometheus, begun + 5, time.time(), file)
        await asyncio.to_thread(relay.stop)
    await hop.stop()


async def _mails(relay: Relay) -> None:
    while True:
        recipient = _chance.choices([KNOWN, INSIDE, UNKNOWN, AWAY], [10, 6, 2, 1])[0]
        content = f"From: {SENDER}\r\nSubject: a mail {next(_numbers)}\r\n\r\nBonjour\r\n".encode()
        try:
            async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
                await client.hello()
                await client.send(SENDER, [recipient], content)
        except (OSError, AssertionError):
            pass  # the worker that was killed had it
        await asyncio.sleep(_chance.uniform(0.05, 0.3))


def _draw(prometheus: Prometheus, start: float, end: float, file: Path) -> None:
    panels: dict[str, list[tuple[str, str, str]]] = {}
    for title, unit, legend, query in dashboard():
        panels.setdefault(title, []).append((unit, legend, query))
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(COLUMNS * 4.2, rows * 2.4), sharex=True, layout="constrained")
    for place, (title, queries) in zip(axes.flat, panels.items(), strict=False):
        for unit, legend, query in queries:
            for series in prometheus.query_range(query, start, end, 1):
                _line(place, series, legend, unit)
        place.set_title(title, fontsize=9)
        place.set_ylabel(_UNITS.get(queries[0][0], ""), fontsize=7)
        place.set_ylim(0, 1.1 * place.get_ylim()[1])
        place.tick_params(labelsize=7)
        place.xaxis.set_major_formatter(mdates.DateFormatter("%M:%S"))
        if place.get_legend_handles_labels()[1]:
            place.legend(fontsize=6, loc="upper left", frameon=False)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=70)


def _line(place: Axes, series: dict[str, Any], legend: str, unit: str) -> None:
    times = [datetime.fromtimestamp(at, UTC) for at, _ in series["values"]]
    values = [float(value) / (1e6 if unit == "bytes" else 1) for _, value in series["values"]]
    for name, value in series["metric"].items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    place.plot(times, values, label=legend, linewidth=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=90)
    given = parser.parse_args()
    asyncio.run(main(given.file, given.seconds))
