"""`pgp-relay check`: one line for each thing the relay needs, ok or what to do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import typer

from relay.app import build_outlet, opened_chain, opened_store, passphrase
from relay.cli.context import context_of, out, run
from relay.config import Config
from relay.errors import NextHopError, RelayError
from relay.keys.cache import Ask
from relay.model import Address, Outage
from relay.openpgp import home, signing

PROBE = "pgp-relay-check@invalid"  # RFC 2606: nobody's address


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look came to."""

    name: str
    fault: str | None
    fine: str = "ok"

    def __str__(self) -> str:
        return f"{self.name}: {self.fault or self.fine}"


def check(context: typer.Context) -> None:
    """Look at configuration, keyring, signing key, next hop and sources. Status 1 when something is down."""
    config = context_of(context).config()
    findings = run(_check(config))
    for finding in findings:
        out.print(str(finding), markup=False, style="red" if finding.fault else None)
    if any(finding.fault for finding in findings):
        raise typer.Exit(1)


async def _check(config: Config) -> list[Finding]:
    looks: list[tuple[str, Callable[[Config], Awaitable[str]]]] = [
        ("keyring", _keyring),
        ("store", _store),
        ("signing key", _signing),
        ("next hop", _next_hop),
        ("sources", _sources),
    ]
    return [Finding("configuration", None), *[await _look(name, look, config) for name, look in looks]]


async def _look(name: str, look: Callable[[Config], Awaitable[str]], config: Config) -> Finding:
    try:
        return Finding(name, None, await look(config))
    except RelayError as error:
        return Finding(name, str(error) or type(error).__name__)


async def _keyring(config: Config) -> str:
    home.prepare(config.keyring)
    return f"ok, {config.keyring}"


async def _store(config: Config) -> str:
    async with opened_store(config) as store:
        counts = await store.certificates.counts()
    return f"ok, {counts.total} keys, {counts.expired} of them expired"


async def _signing(config: Config) -> str:
    selectors = {*config.sign.senders.values(), *([config.sign.default] if config.sign.default else [])}
    if not selectors:
        return "none set: what is sealed is not signed (sign.default)"
    begun = time.monotonic()
    for selector in sorted(selectors):
        await signing.can_sign(config.keyring, await signing.resolve(config.keyring, selector), passphrase(config))
    return f"ok, {len(selectors)} made a signature in {time.monotonic() - begun:.1f} s"


async def _next_hop(config: Config) -> str:
    outlet = build_outlet(config)
    try:
        await outlet.probe()
    except NextHopError as error:
        raise NextHopError(f"{config.reinject} does not answer: start it, or set reinject") from error
    finally:
        await outlet.close()
    return f"ok, {config.reinject}"


async def _sources(config: Config) -> str:
    async with opened_chain(config) as chain:
        answers = await chain.tell(Address(PROBE), Ask.NOW)
    down = [f"{told.source}: {told.lookup.reason}" for told in answers if isinstance(told.lookup, Outage)]
    if down:
        raise RelayError("; ".join(down))
    return f"ok, {', '.join(told.source for told in answers)}"
