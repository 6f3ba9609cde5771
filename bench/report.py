"""A run's figures for people: a table as text, and in Markdown for the documents.

python bench/report.py RESULTS.json docs/performance.md    puts the tables in place of those that stand there
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
BEGIN, END = "<!-- figures: made by bench/report.py -->", "<!-- end of figures -->"
BASE = "pass-through, 1 process"
SIZES = {10_000: "10 KB", 1_000_000: "1 MB", 20_000_000: "20 MB"}


def text(result: Mapping[str, Any]) -> str:
    """All of it, in the columns of a terminal."""
    return "\n\n".join(f"{title}\n{_columns(rows)}" for title, rows in _tables(result) if len(rows) > 1) + "\n"


def markdown(result: Mapping[str, Any]) -> str:
    """The same as tables of Markdown."""
    return "\n".join(f"### {title}\n\n{table(rows)}\n" for title, rows in _tables(result) if len(rows) > 1)


def _tables(result: Mapping[str, Any]) -> Iterable[tuple[str, list[list[str]]]]:
    yield "The run", [["", ""], *([name, str(value)] for name, value in result["what"].items())]
    yield "Targets", [["what", "target", "measured", ""], *map(_target, result["targets"])]
    yield "Looking one certificate up", [["certificates in the store", "µs", "ratio"], *_lookups(result["targets"])]
    yield "Throughput, cost and latency", [_HEADS, *_matrix(result["matrix"])]
    yield (
        "gpg alone, with the relay's flags",
        [
            ["size", "calls/s", "CPU ms"],
            *([SIZES[r["size"]], f"{r['mails_a_second']:g}", f"{r['cpu_ms']:g}"] for r in result["raw_gpg"]),
        ],
    )
    yield (
        "Postfix on both sides",
        [
            ["size", "program", "mails/s", "ratio"],
            *(
                [SIZES[r["size"]], r["program"], f"{r['mails_a_second']:g}", f"{r['ratio']:g}"]
                for r in result["postfix"]
            ),
        ],
    )
    yield (
        "Memory for one 20 MB mail",
        [
            ["program", "idle MB", "peak above MB", "times its size", "second mail", "left MB"],
            *([r["program"], *(f"{r[key]:g}" for key in _MEMORY)] for r in result["memory"]),
        ],
    )
    yield (
        "10 KB beside 20 MB, one worker",
        [
            ["engine", "quiet p99 ms", "busy p99 ms", "ratio"],
            *(
                [r["engine"], *(f"{r[key]:g}" for key in ("quiet_p99_ms", "busy_p99_ms", "ratio_p99"))]
                for r in result["large_beside_small"]
            ),
        ],
    )


_MEMORY = ("idle_mb", "above_mb", "times_its_size", "second_times_its_size", "left_mb")
_HEADS = ["size", "sessions", "protocol", "program", "mails/s", "ratio", "CPU ms", "ratio", "p50 ms", "p99 ms", "timed"]


def _target(row: Row) -> list[str]:
    return [row["what"], row["target"], f"{row['measured']:g}", "met" if row["met"] else "**missed**"]


def _lookups(targets: Sequence[Row]) -> Iterable[list[str]]:
    """What one takes, read from the database, and how many times what it takes among the fewest."""
    took: dict[str, float] = next((row.get("lookup_us", {}) for row in targets if row["key"] == "store"), {})
    for count, microseconds in took.items():
        yield [f"{int(count):,}", f"{microseconds:g}", f"{microseconds / next(iter(took.values())):.2f}"]


def _matrix(rows: Sequence[Row]) -> Iterable[list[str]]:
    base = {_place(row): row for row in rows if row["program"] == BASE}
    for row in rows:
        beside = base[_place(row)]
        yield [
            SIZES[row["size"]],
            str(row["sessions"]),
            row["protocol"].upper(),
            row["program"],
            f"{row['mails_a_second']:g}",
            _ratio(row, beside, "mails_a_second"),
            f"{row['cpu_ms']:g}",
            _ratio(row, beside, "cpu_ms"),
            f"{row['p50_ms']:g}",
            f"{row['p99_ms']:g}" if row["p99_ms"] else "-",
            str(row["timed"]),
        ]


def _place(row: Row) -> tuple[int, int, str]:
    return row["size"], row["sessions"], row["protocol"]


def _ratio(row: Row, base: Row, key: str) -> str:
    return f"{row[key] / base[key]:.2f}" if base[key] else "-"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """One of Markdown; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def put(tables: str, document: Path, begin: str, end: str) -> None:
    """In place of what stands there between these two lines."""
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n\n{tables}\n{end}{after}")


if __name__ == "__main__":
    put(markdown(json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2]), BEGIN, END)
