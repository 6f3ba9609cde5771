"""The exported table of changes, as spreadsheets read it: with commas, and in French ones with semicolons."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from relay.admin import record_export
from relay.admin.record_export import as_csv
from relay.model.key_change import KeyChange
from relay.store import Selection, Store

FORMULA = re.compile(r"[\s\"']*[=+@\uff1d\uff0b\uff20-]")


def cells(text: str, separator: str) -> list[str]:
    """Of a spreadsheet that knows this one separator, and takes quotes for what they are only where a cell begins."""
    return [cell for row in csv.reader(io.StringIO(text), delimiter=separator) for cell in row]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "address",
    [
        "x;=HYPERLINK(A1)@ville.example",
        '"x;=1+1;"@ville.example',
        "x; -1@ville.example",
        "x;;@SUM(A1)",
        "\uff1dcmd@ville.example",
        " =1+1@ville.example",
        "x\t=1@ville.example",
        "x|+1|@ville.example",
        "x\r\n=1@ville.example",
        "=1@ville.example",
        "\t=1",
        f"x;{' ' * 30}=1@ville.example",
        f"x,{chr(34) * 30}=1@ville.example",
        f"x{chr(9) * 30}=1@ville.example",
    ],
)
async def test_a_formula_stood_in_a_cell_of_a_french_spreadsheet(tmp_path: Path, address: str, separator: str) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.trace.write([KeyChange(1.0, "cli:anne", address, "", "A" * 40, "imported").record()])
        text = await as_csv(store, Selection(keys=True))
    found = cells(text, separator)
    assert not [cell for cell in found if FORMULA.match(cell) and not cell.startswith("'")], found
    assert "A" * 40 in text


@pytest.mark.timeout(30)
def test_a_run_of_blanks_took_a_time_that_grew_with_its_square() -> None:
    (cell,) = record_export._plain(["x" + "\t" * 300_000])
    assert cell.count("\t") == 300_000
    assert cell.startswith("x\t'")


async def test_ordinary_words_stay_as_they_are(tmp_path: Path) -> None:
    words = ("jean-luc+tag@ville.example", "pick-up 12ab34; to be extended", "approve AB, first")
    async with await Store.open(tmp_path / "s.db") as store:
        rows = [KeyChange(1.0, "cli:anne", word, "", "", "imported") for word in words]
        await store.trace.write([row.record() for row in rows])
        found = cells(await as_csv(store, Selection(keys=True)), ",")
    assert set(words) <= set(found)
