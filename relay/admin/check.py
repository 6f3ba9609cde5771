"""Whether all is there that the relay needs: one finding for each thing, good, or with what to do about it.

Nothing is sent and nothing is changed, but that the keyring folder and the store are made where they are not there yet.
Raises `ConfigError` where a file that the configuration names cannot be used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from relay.admin.nodes import crowded, strangers
from relay.admin.postfix.folder import postconf
from relay.admin.postfix.inbound_settings import TRANSPORT as INBOUND
from relay.admin.postfix.inbound_settings import inbound_settings
from relay.admin.postfix.settings import TRANSPORT, settings
from relay.config import Config, Endpoint
from relay.daemon.engines import passphrase
from relay.daemon.named_files import assure
from relay.daemon.outlets import build_outlet
from relay.daemon.resources import opened_resolver
from relay.daemon.storage import node_name, opened_store
from relay.keys.cache import Refresh
from relay.mail.daily_report import address_in
from relay.model import Address, Outage
from relay.model.errors import NextHopError, PostfixError, RelayError, Unwilling
from relay.openpgp import home, signing
from relay.smtp.outlet import SmtpOutlet
from relay.store import About, differences
from relay.telemetry.status_client import ask

SHARED_SIGNER = (
    "sign.default signs for every sender: once a correspondent has accepted this key, Thunderbird shows its signature "
    "as a mismatch, because the key's user id is not the From address (docs/keys.md)"
)
WKD = "wkd"
NOT_EGRESS = (
    "aliases and forwards of this Postfix that lead outside would carry decrypted mail in cleartext: "
    "pgp-relay postfix install --egress"
)
LEADING = ("content_filter", "default_transport")
GREETED_WITHIN = 5.0
PROBE = "pgp-relay-check@invalid"  # RFC 2606: nobody's address


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, whether all is well, and a sentence that says what to do where it is not."""

    name: str
    ok: bool
    message: str


Look = Callable[[Config], Awaitable[str]]
"""What it found; raises `RelayError` where all is not well."""


async def check(config: Config, *more: tuple[str, Look]) -> list[Finding]:
    """Look at configuration, keyring, store, signing key, next hop and sources, in that order, and at what is given."""
    looks: list[tuple[str, Look]] = [
        ("keyring", _keyring),
        ("store", _store),
        ("nodes", _nodes),
        ("signing key", _signing),
        ("next hop", _next_hop),
        ("sources", _sources),
        ("service", _service),
        ("postfix", _postfix),
        *(_own_looks() if config.own.domains else ()),
        *([("incoming mail", _incoming)] if config.inbound.listen else []),
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
    """What is right and may surprise."""
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
    """Those that share the database decide and sign alike, and find enough connections."""
    async with opened_store(config) as store:
        running = [node for node in await store.nodes.all() if node.runs]
        full = await crowded(store)
        ours = next((node for node in running if node.name == node_name(config)), None)
        others = [node for node in running if node is not ours]
        strange = await strangers(config, store, others)
    known = ours.about.signing if ours else ()
    faults = [f"node {node.name} has another policy" for node in others if node.about.policy != config.policy_digest]
    if ours:
        faults = differences(About("", config.policy_digest, known), others)
    if faults or full:
        raise RelayError("; ".join([*faults, *([full] if full else [])]))
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


async def _next_hop(config: Config) -> str:
    await _answers(build_outlet(config, config.reinject), config.reinject, "reinject")
    if place := config.inbound.reinject:
        await _answers(build_outlet(config, place), place, "inbound.reinject")
    return ", ".join(map(str, filter(None, (config.reinject, config.inbound.reinject))))


async def _answers(outlet: SmtpOutlet, place: Endpoint, key: str) -> None:
    try:
        await outlet.probe()
    except Unwilling as error:
        raise NextHopError(f"{place} answers, but {error}") from error
    except NextHopError as error:
        raise NextHopError(f"{place} does not answer: start it, or set {key}") from error
    finally:
        await outlet.close()


def without_wkd(config: Config) -> str:
    """What to write so that domains are not asked."""
    sources = [name for name in config.lookup.sources if name != WKD and (name != "ldap" or config.lookup.ldap)]
    return f"lookup: {{sources: [{', '.join(sources) or 'keyring'}]}}"


async def _service(config: Config) -> str:
    """A relay runs with this keyring, answers where it listens, and is ready."""
    told = await asyncio.to_thread(ask, config.keyring)
    if told is None:
        raise RelayError("no relay runs with this configuration: systemctl start pgp-relay, or pgp-relay serve")
    for place in config.everywhere:
        await _greeted(place)
    if told["lacks"]:
        raise RelayError(f"it runs and is not ready ({told['lacks']}): pgp-relay status")
    return f"answers on {', '.join(map(str, config.everywhere))}"


async def _greeted(place: Endpoint) -> None:
    try:
        async with asyncio.timeout(GREETED_WITHIN):
            if place.path:
                reader, writer = await asyncio.open_unix_connection(place.path)
            else:
                reader, writer = await asyncio.open_connection(place.host, place.port)
            try:
                await reader.readline()
            finally:
                writer.close()
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise RelayError(f"nothing answers on {place}: listen needs a restart of the relay") from error


async def _postfix(config: Config) -> str:
    """Where this machine's Postfix leads its mail, if there is one."""
    try:
        (_, wanted), *_ = settings(config).main
        found = [await asyncio.to_thread(postconf, None, "-h", name) for name in LEADING]
        of_services = await asyncio.to_thread(postconf, None, "-P", "*/*/content_filter")
    except PostfixError:
        return "not set up on this machine"
    found += [line.partition(" = ")[2] for line in of_services.splitlines()]
    ours = [value.strip() for value in found if value.startswith(f"{TRANSPORT}:")]
    if not ours:
        return "leads no mail to the relay: content_filter is not set (pgp-relay postfix install)"
    if wanted not in ours:
        raise RelayError(f"leads mail to {ours[0]}, and the relay listens at {wanted}: pgp-relay postfix install")
    return f"leads mail to {wanted}"


async def _incoming(config: Config) -> str:
    """Whether this machine's Postfix leads mail from outside to the relay, and what leaves too."""
    wanted = inbound_settings(config).filter
    try:
        lines = (await asyncio.to_thread(postconf, None, "-P", "*/*/content_filter")).splitlines()
        leaving = await asyncio.to_thread(postconf, None, "-h", "default_transport")
    except PostfixError:
        return "Postfix is not set up on this machine"
    given = [line.partition(" = ")[2].strip() for line in lines if f"= {INBOUND}:" in line]
    if not given:
        return "Postfix leads no mail from outside to the relay (pgp-relay postfix install --inbound)"
    if wanted not in given:
        raise RelayError(f"Postfix leads it to {given[0]}, not to {wanted}: pgp-relay postfix install --inbound")
    return f"Postfix leads it to {wanted}" if leaving.startswith(f"{TRANSPORT}:") else f"{wanted}; {NOT_EGRESS}"


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
