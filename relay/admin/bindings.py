"""Bindings, as administrators make them: one pattern and its keys, or many at once from a file.

All of what is asked for is checked before anything is stored. Raises `BindingError` with a sentence for each fault,
`NoSuchKey` and `StoreError`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from relay.admin import keys
from relay.admin.four_eyes import Deed, agreed
from relay.config import Config
from relay.keys.factory import build_stored_keys
from relay.mail.public_suffixes import is_public_suffix
from relay.model import Found, Unusable
from relay.model.binding import Binding
from relay.model.errors import AddressError, RelayError
from relay.policy import AddressPattern
from relay.store import Store

MOST = 10_000
"""Bindings of one file."""


class BindingError(RelayError):
    """What was asked for cannot be bound."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A binding as it was asked for, not checked yet."""

    pattern: str
    keys: Sequence[str]
    """Fingerprints, their beginnings or key ids."""
    signs: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A binding, and whether a mail could use it now."""

    binding: Binding
    found: Found | Unusable

    @property
    def reason(self) -> str:
        """Why it must not be used; empty: it may be."""
        return self.found.why.value if isinstance(self.found, Unusable) else ""


async def bind(config: Config, store: Store, wanted: Sequence[Wanted], actor: str) -> list[Judged]:
    """Store all of these, each in place of what its pattern had; none where one of them cannot be.

    Raises `SecondPersonNeeded` too.
    """
    if len(wanted) > MOST:
        raise BindingError(f"at most {MOST} bindings at a time")
    made: dict[str, Binding] = {}
    faults: list[str] = []
    for one in wanted:
        try:
            binding = await _binding(config, store, one)
        except (BindingError, keys.NoSuchKey) as error:
            faults.append(str(error))
            continue
        if made.setdefault(binding.pattern, binding) != binding:
            faults.append(f"{one.pattern}: is bound twice, to different keys")
    if faults:
        raise BindingError("\n".join(faults))
    if made:
        details = [word for b in made.values() for word in (b.pattern, *b.fingerprints, f"signs={b.signs}")]
        await agreed(config, store, Deed("bind", f"bind {' '.join(made)}", tuple(details)), actor)
    await store.bindings.put(list(made.values()), actor=actor)
    return await _judged(config, store, list(made.values()))


async def unbind(config: Config, store: Store, pattern: str, actor: str) -> str:
    """Remove one; returns its pattern as it was stored. Raises `SecondPersonNeeded` too."""
    wanted = compared(pattern, ())
    bound = next((each for each in await store.bindings.all() if each.pattern == wanted), None)
    if bound:
        deed = Deed("bind", f"unbind {wanted}", ("unbind", wanted, *bound.fingerprints))
        await agreed(config, store, deed, actor)
    if not await store.bindings.drop(wanted, actor=actor):
        raise BindingError(f"{pattern}: nothing is bound to it")
    return wanted


async def every(config: Config, store: Store) -> list[Judged]:
    """All bindings, by pattern, each with whether a mail could use it now."""
    return await _judged(config, store, await store.bindings.all())


def compared(text: str, own_domains: Collection[str]) -> str:
    """The pattern as it is stored and compared. Raises `BindingError` for what no key may be bound to."""
    try:
        pattern = AddressPattern(text)
    except AddressError as error:
        raise BindingError(str(error)) from None
    if pattern.null or not pattern.domain:
        raise BindingError(f"{text}: write name@domain, *@domain or *@*.domain")
    whole = pattern.local == "*"
    if not whole and (pattern.below or "*" in pattern.local):
        raise BindingError(f"{text}: write one address, *@domain or *@*.domain")
    if not whole and "+" in pattern.local[1:]:
        raise BindingError(f"{text}: leave out the +tag: a binding also covers the address with a tag")
    for domain in own_domains:
        if domain == pattern.domain or (pattern.below and domain.endswith(f".{pattern.domain}")):
            raise BindingError(f"{text}: {domain} is an own domain (own.domains), whose keys are made by the relay")
    if whole and is_public_suffix(pattern.domain):
        raise BindingError(
            f"{text}: anybody can register a domain under {pattern.domain}: name the domain of one partner"
        )
    return f"{pattern.local}@{'*.' if pattern.below else ''}{pattern.domain}"


async def _binding(config: Config, store: Store, wanted: Wanted) -> Binding:
    pattern = compared(wanted.pattern, config.own.domains)
    found = [await _usable(store, name) for name in wanted.keys]
    try:
        return Binding(pattern, tuple(dict.fromkeys(found)), wanted.signs)
    except ValueError as error:
        raise BindingError(f"{wanted.pattern}: {error}") from None


async def _usable(store: Store, name: str) -> str:
    """The fingerprint of this key, which is not proposed: binding it would use it without an approval."""
    entry = await keys.one(store, name)
    fingerprint = entry.certificate.fingerprint
    if entry.proposed:
        raise BindingError(f"{fingerprint}: is proposed and not in use: pgp-relay keys approve {fingerprint}")
    return fingerprint


async def _judged(config: Config, store: Store, bindings: Sequence[Binding]) -> list[Judged]:
    bound_keys = build_stored_keys(config, store).bound
    return [Judged(binding, await bound_keys.judge(binding)) for binding in bindings]
