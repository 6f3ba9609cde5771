"""A run's figures for people: a table as text, and in Markdown for the documents.

python bench/report.py RESULTS.json docs/performance.md docs/measurements.md

puts each table in place of the one that stands there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
BASE = "pass-through, 1 process"
COSTS, TARGETS = "What it costs", "Targets"
PARTS = {"costs": COSTS, "targets": TARGETS, "figures": None}
"""The parts of the pages between markers, and the one table of each; `figures` has all other tables, with headings."""

SIZES = {10_000: "10 KB", 1_000_000: "1 MB", 20_000_000: "20 MB"}


def text(result: Mapping[str, Any]) -> str:
    """All of it, in the columns of a terminal."""
    return "\n\n".join(f"{title}\n{_columns(rows)}" for title, rows in _tables(result) if len(rows) > 1) + "\n"


def markdown(result: Mapping[str, Any], part: str) -> str:
    """The tables of one of `PARTS`."""
    tables = {title: rows for title, rows in _tables(result) if len(rows) > 1}
    if one := PARTS[part]:
        return f"{table(tables[one])}\n"
    return "\n".join(f"### {title}\n\n{table(rows)}\n" for title, rows in tables.items() if title not in PARTS.values())


def markers(part: str) -> tuple[str, str]:
    """The lines of a page between which a part stands."""
    return f"<!-- {part}: made by bench/report.py -->", f"<!-- end of {part} -->"


def _tables(result: Mapping[str, Any]) -> Iterable[tuple[str, list[list[str]]]]:
    yield "The run", [["", ""], *([name, str(value)] for name, value in result["what"].items())]
    yield COSTS, [["", *_COSTED], *_costs(result)]
    yield TARGETS, [["what", "target", "measured", ""], *map(_target, result["targets"])]
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


_COSTED = {
    "pass-through": ("pass-through", BASE),
    "`gnupg`": ("gnupg", "relay, gnupg, 1 worker"),
    "`sequoia`": ("sequoia", "relay, sequoia, 1 worker"),
}
"""The columns of `COSTS`: the program's name between two Postfix, and alone."""

_MEMORY = ("idle_mb", "above_mb", "times_its_size", "second_times_its_size", "left_mb")
_HEADS = ["size", "sessions", "protocol", "program", "mails/s", "ratio", "CPU ms", "ratio", "p50 ms", "p99 ms", "timed"]


def _target(row: Row) -> list[str]:
    return [row["what"], row["target"], f"{row['measured']:g}", "met" if row["met"] else "**missed**"]


def _costs(result: Mapping[str, Any]) -> Iterable[list[str]]:
    """What a machine is chosen by."""
    both = {(row["program"], row["size"]): row for row in result["postfix"]}
    matrix = {
        (row["program"], row["size"], row["sessions"]): row for row in result["matrix"] if row["protocol"] == "lmtp"
    }
    memory = {row["program"]: row for row in result["memory"]}
    sizes = sorted({row["size"] for row in result["matrix"]})
    for size in sizes:
        rows = [both.get((name, size)) for name, _ in _COSTED.values()]
        yield [
            f"Postfix on both sides, {SIZES[size]}: mails a second",
            *(_figure(row, "mails_a_second") for row in rows),
        ]
    for size in sizes:
        rows = [matrix.get((name, size, 10)) for _, name in _COSTED.values()]
        yield [f"{SIZES[size]}: ms of processor time a mail, ten sessions", *(_figure(row, "cpu_ms") for row in rows)]
    for size in sizes:
        rows = [matrix.get((name, size, 1)) for _, name in _COSTED.values()]
        yield [
            f"{SIZES[size]}: ms from MAIL to the last reply, one session, median",
            *(_figure(row, "p50_ms") for row in rows),
        ]
    rows = [memory.get(name) for _, name in _COSTED.values()]
    yield ["memory at rest, MB", *(_figure(row, "idle_mb") for row in rows)]
    yield ["… and for one mail of 20 MB, in addition, MB", *(_figure(row, "above_mb") for row in rows)]


def _figure(row: Row | None, key: str) -> str:
    """A dash where a short run has not measured it."""
    return f"{row[key]:g}" if row else "-"


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


def update(page: Path, result: Mapping[str, Any]) -> None:
    """Put the parts that the page has markers for."""
    for part in PARTS:
        if markers(part)[0] in page.read_text():
            put(markdown(result, part), page, *markers(part))


if __name__ == "__main__":
    for name in sys.argv[2:]:
        update(Path(name), json.loads(Path(sys.argv[1]).read_text()))
