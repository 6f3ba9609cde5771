"""What every `relay.own.ports.Existing` promises: who exists by the last list that could be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from relay.model import Address
from relay.model.errors import OwnError
from relay.own.existing import EVERY, ListedElsewhere, ListedInFile
from relay.own.ports import Existing

MARTIN, DESK = Address("dr.martin@hopital.example"), Address("accueil@hopital.example")


class InFile:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "addresses.txt"
        self.existing: Existing = ListedInFile(self.file)

    def lists(self, *addresses: Address) -> None:
        self.file.write_text("".join(f"{address.text}\n" for address in addresses))

    def breaks(self) -> None:
        self.file.unlink()


class Elsewhere:
    """What takes long, such as a directory; `tests/integration` has the real one."""

    def __init__(self, _folder: Path) -> None:
        self.now = 0.0
        self.listed: Sequence[Address] | None = ()
        self.existing: Existing = ListedElsewhere(self._fetch, lambda: self.now)

    async def _fetch(self) -> list[str]:
        if self.listed is None:
            raise OwnError("down")
        return [address.text for address in self.listed]

    def lists(self, *addresses: Address) -> None:
        self.listed = addresses
        self.now += EVERY

    def breaks(self) -> None:
        self.listed = None
        self.now += EVERY


@pytest.fixture(params=[InFile, Elsewhere])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> InFile | Elsewhere:
    made: InFile | Elsewhere = request.param(tmp_path)
    return made


async def test_who_is_listed_exists_and_nobody_else(place: InFile | Elsewhere) -> None:
    place.lists(MARTIN)
    assert list(await place.existing.addresses()) == [MARTIN]
    assert await place.existing.knows(Address(MARTIN.text.upper()))
    assert not await place.existing.knows(DESK)


async def test_a_new_list_counts_once_it_was_read(place: InFile | Elsewhere) -> None:
    place.lists(MARTIN)
    await place.existing.addresses()
    place.lists(MARTIN, DESK)
    assert list(await place.existing.addresses()) == [MARTIN, DESK]
    assert await place.existing.knows(DESK)


async def test_what_cannot_be_read_keeps_the_last_list_for_mail_and_is_told_to_who_asks_for_all(
    place: InFile | Elsewhere,
) -> None:
    place.lists(MARTIN)
    await place.existing.addresses()
    place.breaks()
    with pytest.raises(OwnError):
        await place.existing.addresses()
    assert await place.existing.knows(MARTIN)


async def test_where_nothing_could_ever_be_read_nobody_exists(place: InFile | Elsewhere) -> None:
    if isinstance(place, Elsewhere):
        place.breaks()
    assert not await place.existing.knows(MARTIN)
