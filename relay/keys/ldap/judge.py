"""Which of the certificates in a directory's entries is the one for an address.

Values are armored or binary, and each may hold several certificates. States of the same certificate found in several
places are merged first, so that a revocation in one place counts in all. A usable one is preferred, then the newest. If
none is usable, the answer says why, and is never "no key": the entry of this address has some value, even if it cannot
be read. One exception: version 1 of GnuPG's schema searches in the text of user ids, so an entry there may belong to
another address, and then does not count.

Raises `EngineError` as the examiner does, or where two states cannot be merged, and `Unavailable` for more
certificates than anybody has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import DISABLED, KeySpace
from relay.keys.selection import answer, select
from relay.mail import packets
from relay.mail.armor import dearmor, is_armored
from relay.model import Address, Certificate, Lookup, NotFound, Origin, Unusable, Why
from relay.model.errors import EngineError, OpenPgpError, TooManyPackets
from relay.pipeline.ports import Examiner
from relay.process import pool

NAME = "ldap"
MAX_CERTIFICATES = 100
MAX_PACKETS = 10_000
TINY_PACKETS = 16
"""An octet of tiny packets takes as long to read as so many of a mail."""
_TRUE = {b"1", b"true"}


@dataclass(frozen=True, slots=True)
class Holdings:
    """What entries hold: certificates, each once, and whether anything else was there."""

    certificates: tuple[Certificate, ...]
    unreadable: bool


async def read(entries: Sequence[Entry], space: KeySpace, examiner: Examiner) -> Holdings:
    """The certificates in these entries."""
    values: list[tuple[bytes, bool]] = []
    for entry in entries:
        disabled = any(value.strip().lower() in _TRUE for value in entry.get(DISABLED, ()))
        values += [(value, disabled) for value in space.keys(entry)]
    octets = sum(len(value) for value, _ in values)
    found = await pool.run(TINY_PACKETS * octets, certificates, [value for value, _ in values])
    unreadable = not all(found)
    blobs = [(blob, off) for (_, off), several in zip(values, found, strict=True) for blob in several]
    if len(blobs) > MAX_CERTIFICATES:  # to leave some out could be to leave a revocation out
        raise Unavailable(Reason.TOO_MUCH)
    verdicts = await examiner.examine([blob for blob, _ in blobs]) if blobs else []
    known: dict[str, Certificate] = {}
    for verdict, (_, disabled) in zip(verdicts, blobs, strict=True):
        if isinstance(verdict, Certificate):
            merged = await _merge(known.get(verdict.fingerprint), verdict, examiner)
            known[merged.fingerprint] = replace(merged, disabled=merged.disabled or disabled)
        else:
            unreadable = True
    return Holdings(tuple(known.values()), unreadable)


def judge(address: Address, holdings: Holdings, space: KeySpace, now: float) -> Lookup:
    """The answer for an address."""
    if holdings.certificates:
        judged = select(holdings.certificates, lambda certificate: certificate.unusable(now, address))
        if judged.why is not Why.NO_USER_ID or space.exact:
            return answer(judged, Origin.LDAP, NAME, space.method)
    if holdings.unreadable:
        return Unusable(Why.INVALID, "", Origin.LDAP, NAME, space.method)
    return NotFound(NAME, space.method)


async def _merge(known: Certificate | None, news: Certificate, examiner: Examiner) -> Certificate:
    if known is None or known.data == news.data:
        return known or news
    merged = await examiner.merge(known.data, news.data)
    if not isinstance(merged, Certificate):  # each of the two is one: to choose could be to undo a revocation
        raise EngineError("two states of one certificate could not be merged")
    return replace(merged, disabled=known.disabled or news.disabled)


def certificates(values: Sequence[bytes]) -> list[list[bytes]]:
    """The transferable public keys in each value; none where it holds anything else. Raises `Unavailable`."""
    found, left = [], MAX_PACKETS
    for value in values:
        try:
            data = _binary(value)
            walked = list(packets.certificates(data, left))
        except TooManyPackets as error:
            raise Unavailable(Reason.TOO_MUCH) from error
        except OpenPgpError:
            walked = []  # read as "unreadable" by the caller
        left -= sum(map(len, walked))
        found.append([data[each[0].start : each[-1].end] for each in walked])
    return found


def _binary(value: bytes) -> bytes:
    if not is_armored(value):
        return value
    return b"".join(block.data for block in dearmor(value) if block.kind == "PUBLIC KEY BLOCK")
