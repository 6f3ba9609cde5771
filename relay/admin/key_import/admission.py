"""Decides how an imported key is stored: in use at once, as a proposal, or not.

`Using` stores every key for use. `Proposing` stores what is new as a proposal. `TwoPersons` (`console.four_eyes` with
`approve`) stores what is new as a proposal that the importer has approved; it is used once a second person approves it,
or imports the same. A state that adds no user id and no subkey to a key in use, such as a renewal or a revocation,
comes from that key's owner: it is stored at once.

Raises `StoreError`, and from `four_eyes` `NoPerson`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from relay.admin.four_eyes import SecondPersonNeeded, agreed, would_agree
from relay.admin.key_import.result import Outcome
from relay.admin.proposals import approval
from relay.config import Config
from relay.model import Certificate, Entry, Origin
from relay.store import Certificates, Store

_WAITS = "it is not used before a second person approves it, or imports the same, within 24 hours"
_WAITS_WHOLE = "it is not used before a second person imports the same file, within 24 hours"
_PROPOSED = "it is not used before somebody approves it"
_REJECTED = "It was rejected: somebody who may import keys can still import it (pgp-relay keys import)."
_UNPROVED = (
    "It waits for approval as its owner confirmed it. The encryption subkey that this adds is not confirmed, and was "
    "left out: somebody who may import keys can still import it (pgp-relay keys import)."
)
_IN_USE = (
    "It is in use, and this adds a user id or a subkey: that needs somebody who may import keys "
    "(pgp-relay keys import)."
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """How an imported key is stored, and what the administrator is told of it."""

    entry: Entry
    outcome: Outcome
    remark: str = ""


class Admission(Protocol):
    """Decides for each imported key whether and how it is stored."""

    async def admit(self, before: Entry | None, after: Certificate, at: float) -> Admitted | str:
        """How the key is stored, or a text that says why it is not. `before` is what the store has of it."""


class Using:
    """Every key is used at once."""

    async def admit(self, before: Entry | None, after: Certificate, at: float) -> Admitted | str:
        """Return the key as one that is used from now on; none is refused."""
        return _used(before, after, at)


@dataclass(frozen=True, slots=True)
class Proposing:
    """What is new waits for somebody who may approve it; what a person rejected is refused."""

    certificates: Certificates

    async def admit(self, before: Entry | None, after: Certificate, at: float) -> Admitted | str:
        """The key as a proposal; a renewal or revocation of a key in use is stored at once."""
        if before is not None and not before.proposed:
            return _of_owner(before, after, at) or _IN_USE
        if before is None and await self.certificates.is_rejected(after.fingerprint):
            return _REJECTED
        return _proposed(before, after, at, _PROPOSED)


@dataclass(frozen=True, slots=True)
class TwoPersons:
    """What is new is used once two persons have approved it."""

    config: Config
    store: Store
    actor: str
    dry_run: bool = False

    async def admit(self, before: Entry | None, after: Certificate, at: float) -> Admitted | str:
        """How the key is stored. Where approving needs two persons, the first one's import only proposes it.

        `before`: the stored entry; `after`: the certificate merged with it. A text says why it is refused.
        """
        in_use = before is not None and not before.proposed
        if before and in_use and before.origin is Origin.IMPORTED and (owners := _of_owner(before, after, at)):
            return owners
        try:
            await self._agreed(after)
        except SecondPersonNeeded as error:
            rejected = before is None and await self.store.certificates.is_rejected(after.fingerprint)
            return str(error) if in_use or rejected else _proposed(before, after, at, _waits(before, after))
        return _used(before, after, at)

    async def _agreed(self, certificate: Certificate) -> None:
        ask = would_agree if self.dry_run else agreed
        await ask(self.config, self.store, approval(certificate), self.actor)


def admission(config: Config, store: Store, actor: str, *, propose: bool = False, dry_run: bool = False) -> Admission:
    """The admission that this site's configuration asks for, for this import."""
    if propose:
        return Proposing(store.certificates)
    return TwoPersons(config, store, actor, dry_run) if "approve" in config.console.four_eyes else Using()


def _used(before: Entry | None, after: Certificate, at: float) -> Admitted:
    outcome = _outcome(before, after, at)
    if before is None or outcome is not Outcome.UNCHANGED:
        return Admitted(Entry(after, Origin.IMPORTED, int(at)), outcome)
    return Admitted(replace(before, certificate=after), outcome)


def _outcome(before: Entry | None, after: Certificate, at: float) -> Outcome:
    if before is None:
        return Outcome.IMPORTED
    administered = before.origin is Origin.IMPORTED and not before.proposed
    return Outcome.UNCHANGED if administered and _same(before.certificate, after, at) else Outcome.UPDATED


def _waits(before: Entry | None, after: Certificate) -> str:
    """The first person approved the whole key; of one that was found, only what was vouched for stays proposed."""
    if before is None or not before.proposed or before.suggested:
        return _WAITS
    more = set(after.shown_addresses) - set(before.certificate.shown_addresses)
    return _WAITS_WHOLE if more else _WAITS


def _proposed(before: Entry | None, after: Certificate, at: float, remark: str) -> Admitted:
    if before is not None and before.suggested and _same(before.certificate, after, at):
        return Admitted(before, Outcome.PROPOSED, remark)
    if before is not None and before.proposed and not before.suggested:
        if _adds_unproved(before, after):
            return Admitted(before, Outcome.PROPOSED, _UNPROVED)
        vouched = after.showing(before.certificate.shown_addresses)
        return Admitted(replace(before, certificate=vouched), Outcome.PROPOSED, remark)
    return Admitted(Entry(after, Origin.IMPORTED, int(at), proposed=True), Outcome.PROPOSED, remark)


def _adds_unproved(before: Entry, after: Certificate) -> bool:
    """Whether this adds an encryption subkey to a key that was enrolled: its owner has not proved to have that one."""
    if before.origin is not Origin.ENROLLED or after.primary.revoked:
        return False
    return bool(_encrypting(after) - _encrypting(before.certificate))


def _encrypting(certificate: Certificate) -> frozenset[str]:
    return frozenset(component.fingerprint for component in certificate.components if component.encrypts)


def _of_owner(before: Entry, after: Certificate, at: float) -> Admitted | None:
    """A state of a key in use that adds nothing to it; None for any other."""
    if not _parts(after) <= _parts(before.certificate):
        return None
    shown = after.showing(before.certificate.shown_addresses)
    if _same(before.certificate, shown, at):
        return Admitted(before, Outcome.UNCHANGED)
    return Admitted(replace(before, certificate=shown), Outcome.UPDATED)


def _same(before: Certificate, after: Certificate, at: float) -> bool:
    return before.data == after.data and before.unusable(at) == after.unusable(at)


def _parts(certificate: Certificate) -> frozenset[str]:
    """Its user ids, and the fingerprints of its primary key and subkeys."""
    return frozenset(u.text for u in certificate.user_ids) | frozenset(c.fingerprint for c in certificate.components)
