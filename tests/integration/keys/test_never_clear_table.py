"""`encrypt: preferred` never leads to cleartext for an address that stands, in any reading, in a known certificate.

A table: the states of a certificate (`lab.key_states`) x the ways it comes in (`WAYS`) x what happens later (`EVENTS`).
Each cell is a site of its own with the store, the sources and the OpenPGP software of the program; its outcome for each
address is the policy's decision.

A way brings the keys of `States` into a site. An event happens to a site that knows them. To add one, add a line to
`WAYS` or `EVENTS`; `BOTH` says which events make sense after which way (all of them, unless it is named there).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lab.forge import Key, ordinary
from lab.key_site import Site, exported_within, outcomes
from lab.key_states import State, key_states

from relay.admin import backup
from relay.admin.backup.new_file import new_file
from relay.daemon.storage import opened_store

Way = Callable[[Site, list[State]], Awaitable[Site]]
"""Brings the keys in; the site that knows them then (another one, where a backup is restored)."""
Event = Callable[[Site, list[State]], Awaitable[None]]


async def imported(site: Site, states: list[State]) -> Site:
    """`keys import`, one after the other."""
    await site.imports(*(state.octets for state in states))
    return site


async def imported_together(site: Site, states: list[State]) -> Site:
    """`keys import` of one file with all of them; what is damaged comes last."""
    whole = sorted(states, key=lambda state: state.name == "damaged")
    await site.imports(b"".join(state.octets for state in whole))
    return site


async def merged_with_earlier(site: Site, states: list[State]) -> Site:
    """The key was known and good."""
    await site.imports(*(state.earlier for state in states if state.earlier))
    return await imported(site, states)


async def merged_with_later(site: Site, states: list[State]) -> Site:
    """An older copy comes afterwards."""
    await imported(site, states)
    await site.imports(*(state.earlier for state in states if state.earlier))
    return site


async def restored(site: Site, states: list[State]) -> Site:
    """From a backup, into a new place."""
    await imported(site, states)
    file = site.folder / "backup"
    before = site.config
    with new_file(file) as new:
        await backup.make(before, before.keyring / "store.db", new)
    another = Site(site.folder / "another")
    after = another.config
    with file.open("rb") as source:
        async with backup.read(after, after.keyring / "store.db", source) as restoring:
            await restoring.apply()
    return another


async def migrated(site: Site, states: list[State]) -> Site:
    """`migrate zeyple`: all that the GnuPG home of another program holds."""
    home = site.folder / "gnupg"
    home.mkdir(mode=0o700)
    (home / "pubring.gpg").write_bytes(b"".join(state.octets for state in states if state.name != "damaged"))
    async with exported_within(home) as files:
        await site.imports(files=files)
    await site.imports(*(state.octets for state in states if state.name == "damaged"))  # no keyring holds such a key
    return site


WAYS: dict[str, Way] = {
    "import": imported,
    "import of one file": imported_together,
    "merge with an earlier state": merged_with_earlier,
    "merge with a later state": merged_with_later,
    "restore": restored,
    "migrate": migrated,
}


async def nothing(_site: Site, _states: list[State]) -> None:
    """It is the first mail."""


async def asked_before(site: Site, states: list[State]) -> None:
    """A mail was sent, and the relay was restarted since."""
    await site.decisions(address for state in states for address in state.addresses)


async def another_key(site: Site, _states: list[State]) -> None:
    """A key of somebody else is imported and removed."""
    [result] = await site.imports(key_states()[0].octets)
    async with opened_store(site.config) as store:
        await store.certificates.remove(result.fingerprint)


EVENTS: dict[str, Event] = {
    "nothing": nothing,
    "a mail, and a restart": asked_before,
    "another key comes and goes": another_key,
}


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("way", WAYS)
async def test_preferred_is_never_clear_for_an_address_that_stands_in_a_known_certificate(
    tmp_path: Path, way: str, event: str, engine: str, record_property: Callable[[str, object], None]
) -> None:
    states = key_states()
    site = await WAYS[way](Site(tmp_path / "site", engine=engine), states)
    await EVENTS[event](site, states)
    found = outcomes(await site.decisions([*(a for state in states for a in state.addresses), "nobody@table.example"]))

    assert found.pop("nobody@table.example") == "Clear", "the rule does send clear where no key is known"
    clear = {(state.name, a) for state in states for a in state.addresses if found[a] == "Clear"}
    assert clear == set()
    encrypted = {state.name for state in states for a in state.addresses if found[a] == "Encrypt"}
    assert encrypted == {"valid", "one bad user id", "unsigned user id"}
    assert (found["bad@table.example"], found["unsigned@table.example"]) == ("Refuse", "Refuse")
    counted = Counter(found.values())
    record_property("counted", f"{way}, {event}, {engine}: {len(states)} states, {dict(counted)}")


async def test_what_must_not_be_used_now_is_used_once_its_time_has_come(tmp_path: Path) -> None:
    """A key made by a clock some seconds ahead of ours; nothing but time happens."""
    for lead in (2, 6, 20, 60):  # on a slow machine its time has come before it was looked at: then again, with more
        ahead = Key(created=int(time.time()) + lead)
        site = Site(tmp_path / f"site{lead}")
        [result] = await site.imports(ordinary("soon@table.example", key=ahead))
        before = outcomes(await site.decisions(["soon@table.example"]))
        if time.time() < ahead.created:
            break
    assert not result.never_usable
    assert before == {"soon@table.example": "Refuse"}
    time.sleep(max(0.0, ahead.created - time.time()) + 0.1)  # noqa: ASYNC251  nothing else is to happen
    assert outcomes(await site.decisions(["soon@table.example"])) == {"soon@table.example": "Encrypt"}
