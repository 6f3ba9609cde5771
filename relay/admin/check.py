"""Checks all that the relay needs: one finding for each thing, ok or with what to do.

Nothing is sent and nothing is changed, but that the keyring folder and the store are made where they are not there yet.
Raises `ConfigError` where a file that the configuration names cannot be used.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from relay.admin import mail_path_check
from relay.admin.nodes import crowded, strangers, unfinished
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.named_files import assure
from relay.daemon.resources import opened_resolver
from relay.daemon.storage import node_name, opened_store
from relay.keys.cached_answers import Refresh
from relay.keys.factory import build_authorities
from relay.mail.daily_report import address_in
from relay.model import Address, Outage
from relay.model.errors import RelayError
from relay.openpgp import home, signing
from relay.store import About, differences

SHARED_SIGNER = (
    "sign.default signs for every sender: once a correspondent has accepted this key, Thunderbird shows its signature "
    "as a mismatch, because the key's user id is not the From address (docs/keys.md)"
)
WKD = "wkd"
PROBE = "pgp-relay-check@invalid"  # an address that nobody has (RFC 2606)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, whether all is well, and a sentence that says what to do where it is not."""

    name: str
    ok: bool
    message: str


Look = Callable[[Config], Awaitable[str]]
"""What it found; raises `RelayError` where all is not well."""


async def check(config: Config, *more: tuple[str, Look]) -> list[Finding]:
    """Check configuration, keyring, store, signing key, next hop and sources, then what else is configured."""
    looks: list[tuple[str, Look]] = [
        ("keyring", _keyring),
        ("store", _store),
        ("nodes", _nodes),
        ("signing key", _signing),
        ("next hop", mail_path_check.next_hop),
        ("sources", _sources),
        *([("authorities", _authorities)] if config.authorities else []),
        ("service", mail_path_check.service),
        ("postfix", mail_path_check.postfix),
        *(_own_looks() if config.own.domains else ()),
        *([("incoming mail", mail_path_check.incoming)] if config.inbound.listen else []),
        *(_public_looks() if config.web.linked else ()),
        *(_enrolment_looks() if config.enrol.web or config.enrol.mail else ()),
        *more,
    ]
    assure(config)
    findings = [Finding("configuration", ok=True, message="; ".join(_remarks(config)) or "can be used")]
    for name, look in looks:
        found = await _look(name, look, config)
        cause = next((f.name for f in findings if not found.ok and f.message == found.message), None)
        findings.append(Finding(name, ok=False, message=f"see {cause}") if cause else found)
    return findings


def _own_looks() -> Iterator[tuple[str, Look]]:
    from relay.admin import own_check  # noqa: PLC0415  loads what makes own certificates
    from relay.admin.decryption_check import decryption  # noqa: PLC0415  likewise

    yield "own addresses", own_check.addresses
    yield "decryption", decryption


def _public_looks() -> Iterator[tuple[str, Look]]:
    from relay.admin.public_check import reached  # noqa: PLC0415  loads an HTTP client

    yield "public service", reached


def _enrolment_looks() -> Iterator[tuple[str, Look]]:
    from relay.admin.enrolment_check import enrolment  # noqa: PLC0415  as above

    yield "keys from correspondents", enrolment


def _remarks(config: Config) -> Iterator[str]:
    """Settings that are valid but may surprise."""
    if config.shadow:
        yield "shadow: true: every mail is passed on unchanged"
    if address_in(config.notices.contact) is None:
        yield "notices.contact holds no address: no daily report of keys is sent"


async def _look(name: str, look: Callable[[Config], Awaitable[str]], config: Config) -> Finding:
    try:
        return Finding(name, ok=True, message=await look(config))
    except RelayError as error:
        return Finding(name, ok=False, message=str(error) or type(error).__name__)


async def _keyring(config: Config) -> str:
    home.prepare(config.keyring)
    return str(config.keyring)


async def _store(config: Config) -> str:
    async with opened_store(config) as store:
        counts = await store.certificates.counts()
    return f"{counts.total} keys, {counts.expired} of them expired"


async def _nodes(config: Config) -> str:
    """Nodes on one database decide and sign alike, find enough connections, and no removal of one is unfinished."""
    async with opened_store(config) as store:
        running = [node for node in await store.nodes.all() if node.runs]
        full = await crowded(store)
        ours = next((node for node in running if node.name == node_name(config)), None)
        others = [node for node in running if node is not ours]
        strange, removed = await strangers(config, store, others), await unfinished(store)
    known = ours.about.signing if ours else ()
    faults = [f"node {node.name} has another policy" for node in others if node.about.policy != config.policy_digest]
    if ours:
        faults = differences(About("", config.policy_digest, known), others)
    if faults := [*faults, *removed, *([full] if full else [])]:
        raise RelayError("; ".join(faults))
    names = ", ".join(node.name for node in running) or "none serves now"
    return "; ".join([names, *([strange] if strange else [])])


async def _signing(config: Config) -> str:
    if not config.sign.keys:
        return "none set: what is encrypted is not signed (sign.default)"
    begun = time.monotonic()
    for selector in sorted(config.sign.keys):
        await signing.can_sign(config.keyring, await signing.resolve(config.keyring, selector), passphrase(config))
    shared = f"; {SHARED_SIGNER}" if config.sign.default else ""
    return f"{len(config.sign.keys)} made a signature in {time.monotonic() - begun:.1f} s{shared}"


def without_wkd(config: Config) -> str:
    """What to write so that domains are not asked."""
    sources = [name for name in config.lookup.sources if name != WKD and (name != "ldap" or config.lookup.ldap)]
    return f"lookup: {{sources: [{', '.join(sources) or 'keyring'}]}}"


async def _sources(config: Config) -> str:
    async with opened_resolver(config) as resolver:
        answers = await resolver.ask_each(Address(PROBE), Refresh.ALWAYS)
    down = [f"{told.source}: {told.lookup.reason}" for told in answers if isinstance(told.lookup, Outage)]
    if any(told.source == WKD and isinstance(told.lookup, Outage) for told in answers):
        down.append(
            f"on a server without internet access set {without_wkd(config)}, or mail to unknown recipients waits"
        )
    if down:
        raise RelayError("; ".join(down))
    unproven = [f"lookup.ldap[{n}].probe" for n, server in enumerate(config.lookup.ldap) if server.probe is None]
    remark = f"; nothing proves that a key is found by LDAP: set {', '.join(unproven)}" if unproven else ""
    return ", ".join(told.source for told in answers) + remark


async def _authorities(config: Config) -> str:
    async with opened_store(config) as store:
        authorities = build_authorities(config, store.certificates)
        idle = [each.fingerprint for each in authorities.several if not await authorities.standing(each)]
    if idle:
        raise RelayError(
            "; ".join(f"{key} is not imported, or revoked or expired: it vouches for nobody" for key in idle)
        )
    return f"{len(authorities.several)} may vouch"
