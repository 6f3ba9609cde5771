"""Which certificate an entry's values give, and that nothing found ever becomes "no key"."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from lab.others import NoOthers

from relay.keys.ldap.judge import MAX_CERTIFICATES, judge, read
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace
from relay.mail.armor import enarmor
from relay.model import (
    Address,
    Certificate,
    Component,
    Found,
    Lookup,
    NotFound,
    Origin,
    Unreadable,
    Unusable,
    UserId,
    Why,
)
from relay.model.errors import EngineError

NOW = 1_800_000_000
BOB = Address("bob@example.org")
SITE = KeySpace("ldap/site", ("ou=people",), "siteKey;binary", "(mail={address})", None)
MAILBOX = KeySpace("ldap/gpgMailbox", ("ou=keys",), "siteKey", "(gpgMailbox={address})", "(x={fingerprint})")
USER_ID = KeySpace("ldap/pgpUserID", ("ou=keys",), "siteKey", "(pgpUserID=*<{address}>*)", "(x={key_id})", exact=False)


def certificate(name: str, created: int = 1, *, address: str = "bob@example.org", **changes: int | bool) -> Certificate:
    primary = Component(name * 40, "ed25519", created, None, encrypts=False)
    subkey = Component(name.lower() * 40, "cv25519", created, None, encrypts=True)
    user_id = UserId(f"<{address}>", Address(address))
    body = f"{name}{created}{address}".encode()
    whole = Certificate(bytes([0xC6, len(body)]) + body, 4, (primary, subkey), (user_id,))
    if changes.get("revoked"):
        whole = replace(
            whole, components=(replace(primary, revoked=True), subkey), data=bytes([0xC6, 2]) + b"R" + name.encode()
        )
    return whole


class Examiner(NoOthers):
    """Knows these certificates, and takes the revoked of two states."""

    def __init__(self, *known: Certificate) -> None:
        self.merges = True
        self.known = {certificate.data: certificate for certificate in known}

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        return [self.known.get(blob, Unreadable("unknown")) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        if not self.merges:
            return Unreadable("no")
        states = [self.known[known], self.known[news]]
        return next((state for state in states if state.primary.revoked), states[0])


OLD, NEW = certificate("A", 10), certificate("B", 20)
REVOKED = certificate("B", 20, revoked=True)
OTHERS = certificate("C", 30, address="robert@example.org")
EXAMINER = Examiner(OLD, NEW, REVOKED, OTHERS)


def entry(*values: bytes, disabled: bytes = b"") -> Entry:
    return {"sitekey": values} | ({"pgpdisabled": (disabled,)} if disabled else {})


async def answer(*entries: Entry, space: KeySpace = SITE) -> Lookup:
    return judge(BOB, await read(entries, space, EXAMINER), space, NOW)


async def test_the_newest_usable_one_of_several_values_is_found() -> None:
    assert await answer(entry(OLD.data, NEW.data, OTHERS.data)) == Found(NEW, Origin.LDAP, "ldap", "ldap/site")


async def test_armored_and_binary_values_are_read_alike() -> None:
    armored = b"A key:\n" + enarmor(NEW.data, "PUBLIC KEY BLOCK")
    assert await answer(entry(OLD.data, armored)) == Found(NEW, Origin.LDAP, "ldap", "ldap/site")


async def test_several_certificates_in_one_value_are_told_apart() -> None:
    assert await answer(entry(OTHERS.data + OLD.data)) == Found(OLD, Origin.LDAP, "ldap", "ldap/site")


async def test_a_revoked_one_does_not_shadow_a_good_one() -> None:
    assert await answer(entry(REVOKED.data), entry(OLD.data)) == Found(OLD, Origin.LDAP, "ldap", "ldap/site")


async def test_a_stale_copy_without_the_revocation_does_not_undo_it() -> None:
    for values in ((REVOKED.data, NEW.data), (NEW.data, REVOKED.data)):
        found = await answer(entry(*values))
        assert isinstance(found, Unusable)
        assert found.why is Why.REVOKED


async def test_two_states_that_cannot_be_merged_are_an_outage_and_no_choice() -> None:
    examiner = Examiner(NEW, REVOKED)
    examiner.merges = False
    with pytest.raises(EngineError):
        await read((entry(NEW.data, REVOKED.data),), SITE, examiner)


@pytest.mark.parametrize("flag", [b"1", b"TRUE", b" 1 "])
async def test_what_the_directory_disabled_is_unusable_and_not_missing(flag: bytes) -> None:
    found = await answer(entry(NEW.data, disabled=flag), space=MAILBOX)
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint, found.method) == (Why.DISABLED, NEW.fingerprint, "ldap/gpgMailbox")


async def test_a_disabled_copy_disables_the_certificate_wherever_else_it_stands() -> None:
    for entries in (
        (entry(NEW.data, disabled=b"1"), entry(NEW.data)),
        (entry(NEW.data), entry(NEW.data, disabled=b"1")),
    ):
        found = await answer(*entries)
        assert isinstance(found, Unusable)
        assert found.why is Why.DISABLED


@pytest.mark.parametrize("flag", [b"0", b"", b"FALSE"])
async def test_an_entry_that_is_not_disabled_is_used(flag: bytes) -> None:
    assert isinstance(await answer(entry(NEW.data, disabled=flag)), Found)


@pytest.mark.parametrize("space", [SITE, MAILBOX])
async def test_a_key_without_the_address_in_an_entry_for_the_address_is_unusable(space: KeySpace) -> None:
    found = await answer(entry(OTHERS.data), space=space)
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint) == (Why.NO_USER_ID, OTHERS.fingerprint)


async def test_an_entry_found_by_a_part_of_a_user_id_may_be_anothers() -> None:
    assert await answer(entry(OTHERS.data), space=USER_ID) == NotFound("ldap", "ldap/pgpUserID")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"see https://example.org/key.asc",
        OLD.data[:-1],
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA",
        enarmor(OLD.data, "MESSAGE"),
        b"\xc5\x01x",
        b"\xc6\x01x",
    ],
    ids=["empty", "prose", "cut off", "armor cut off", "no key block", "secret key", "not a certificate"],
)
async def test_an_unreadable_value_is_unusable_and_not_missing(value: bytes) -> None:
    found = await answer(entry(value))
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint) == (Why.INVALID, "")
    assert isinstance(await answer(entry(value, OLD.data)), Found)


async def test_no_entry_and_an_entry_without_a_key_are_not_found() -> None:
    assert await answer() == NotFound("ldap", "ldap/site")
    assert await answer({"mail": (b"bob@example.org",)}) == NotFound("ldap", "ldap/site")


async def test_more_certificates_than_anybody_has_are_an_outage() -> None:
    assert isinstance(await answer(entry(OLD.data * MAX_CERTIFICATES)), Found)
    with pytest.raises(Unavailable) as raised:
        await answer(entry(OLD.data * MAX_CERTIFICATES), entry(OLD.data))
    assert raised.value.reason is Reason.TOO_MUCH
