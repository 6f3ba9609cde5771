from __future__ import annotations

from pathlib import Path

import pytest

from relay.model import Address
from relay.model.errors import OwnError
from relay.own.addresses import LARGEST, read


def test_one_address_a_line(tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    file.write_text("# doctors\ndr.martin@hopital.example\n\n  accueil@hopital.example \r\nDR.MARTIN@hopital.example\n")
    assert read(file) == [Address("dr.martin@hopital.example"), Address("accueil@hopital.example")]


@pytest.mark.parametrize("line", ["no address", "local", "@hopital.example"])
def test_a_line_that_is_no_address_is_named_with_its_number(line: str, tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    file.write_text(f"accueil@hopital.example\n{line}\n")
    with pytest.raises(OwnError, match=r"addresses:2: "):
        read(file)


def test_a_file_that_is_too_large_or_not_there_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    with pytest.raises(OwnError, match="cannot be read"):
        read(file)
    with file.open("wb") as sparse:
        sparse.truncate(LARGEST + 1)
    with pytest.raises(OwnError, match="larger"):
        read(file)
