"""`pgp-relay check`: one line for each thing the relay needs, ok or what to do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import typer

from relay.cli.context import Json, context_of, print_json, run, say
from relay.config import Config
from relay.daemon.build import assure, build_outlet
from relay.daemon.engines import passphrase
from relay.daemon.resources import opened_resolver, opened_store
from relay.keys.cache import Refresh
from relay.model import Address, Outage
from relay.model.errors import NextHopError, RelayError, Unwilling
from relay.openpgp import home, signing

PROBE = "pgp-relay-check@invalid"  # RFC 2606: nobody's address


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look came to."""

    name: str
    ok: bool
    message: str


def check(context: typer.Context, *, as_json: Json = False) -> None:
    """Look at configuration, keyring, signing key, next hop and sources: one line each, ok or what to do.

    Status 1 when something is down, 2 when the configuration is wrong.

    $ pgp-relay -c /etc/pgp-relay/config.yaml check
    """
    findings = run(_check(context_of(context).config()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.name}: {finding.message}", None if finding.ok else "red")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _check(config: Config) -> list[Finding]:
    looks: list[tuple[str, Callable[[Config], Awaitable[str]]]] = [
        ("keyring", _keyring),
        ("store", _store),
        ("signing key", _signing),
        ("next hop", _next_hop),
        ("sources", _sources),
    ]
    assure(config)
    shadow = ", shadow: true: every mail is passed on unchanged" if config.shadow else ""
    findings = [Finding("configuration", ok=True, message=f"ok{shadow}")]
    for name, look in looks:
        found = await _look(name, look, config)
        cause = next((f.name for f in findings if not found.ok and f.message == found.message), None)
        findings.append(Finding(name, ok=False, message=f"see {cause}") if cause else found)
    return findings


async def _look(name: str, look: Callable[[Config], Awaitable[str]], config: Config) -> Finding:
    try:
        return Finding(name, ok=True, message=await look(config))
    except RelayError as error:
        return Finding(name, ok=False, message=str(error) or type(error).__name__)


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
        return "ok, none set: what is encrypted is not signed (sign.default)"
    begun = time.monotonic()
    for selector in sorted(selectors):
        await signing.can_sign(config.keyring, await signing.resolve(config.keyring, selector), passphrase(config))
    return f"ok, {len(selectors)} made a signature in {time.monotonic() - begun:.1f} s"


async def _next_hop(config: Config) -> str:
    outlet = build_outlet(config)
    try:
        await outlet.probe()
    except Unwilling as error:
        raise NextHopError(f"{config.reinject} answers, but {error}") from error
    except NextHopError as error:
        raise NextHopError(f"{config.reinject} does not answer: start it, or set reinject") from error
    finally:
        await outlet.close()
    return f"ok, {config.reinject}"


async def _sources(config: Config) -> str:
    async with opened_resolver(config) as resolver:
        answers = await resolver.tell(Address(PROBE), Refresh.ALWAYS)
    down = [f"{told.source}: {told.lookup.reason}" for told in answers if isinstance(told.lookup, Outage)]
    if down:
        raise RelayError("; ".join(down))
    return f"ok, {', '.join(told.source for told in answers)}"
