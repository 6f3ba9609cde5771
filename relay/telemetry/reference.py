"""The table of all metrics as Markdown, for docs/monitoring.md: a test holds the two together.

`python -m relay.telemetry.reference` prints it.
"""

from __future__ import annotations

import sys

from relay.telemetry.catalogue import ALL


def table() -> str:
    """One row for each metric."""
    rows = [f"| `{f.exposed}` | {f.kind} | {', '.join(f'`{name}`' for name in f.labels)} | {f.help} |" for f in ALL]
    return "\n".join(["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
