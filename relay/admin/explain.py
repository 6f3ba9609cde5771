"""What would happen to a mail, and why: each step to the decision, as values. Nothing is sent.

Keys are looked up as for a mail, and what is found counts from then on. Raises `StoreError` and `EngineError`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import takewhile

from relay import policy
from relay.admin.not_taken import ID, not_taken
from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.own import build_existing
from relay.daemon.pickups import build_terms
from relay.daemon.resources import opened_resolver
from relay.daemon.storage import opened_store
from relay.keys.asking import SourceReport
from relay.keys.own_certificates import OwnCertificates
from relay.mail import headers
from relay.mail.line_ends import as_crlf
from relay.mail.opened_mark import traces
from relay.mail.quoted_code import quotes_code
from relay.mail.shape import shape_of
from relay.model import Address, Clear, Decision, Doubt, Encrypt, Envelope, Inbound, Lookup, NotFound, Refuse
from relay.model.envelope import LOOPBACK
from relay.model.pickup import Handover, Obstacle
from relay.pipeline.author import Authors
from relay.pipeline.facts import Facts
from relay.pipeline.opened import OpenedCheck
from relay.pipeline.transaction import Transaction
from relay.policy import Message, Rule, Telling

_LOCAL = ip_network(f"{LOOPBACK}/32")


@dataclass(frozen=True, slots=True)
class Search:
    """How the key was looked for."""

    lookup: Lookup
    told: Sequence[SourceReport]
    """The answer of each source that was asked, in this order."""
    not_asked: Sequence[str]
    excused: frozenset[str]
    """Sources whose outage counts as "no key" under the rule."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The rule that decides for a recipient, and why those before it do not."""

    passed_over: Sequence[tuple[str, str]]
    """Name of each rule before it, and why that does not match."""
    rule: Rule
    named: bool
    """The rule is in the configuration; False: it is the default for mail that no rule matches."""
    opened: bool
    """The mail, or one that it carries or answers, was decrypted here: that comes before any rule."""
    stricter: bool
    """The rule prefers encryption and requires it here: another host may take the address for a different one."""


@dataclass(frozen=True, slots=True)
class Signing:
    """The key that would sign the mail."""

    name: str
    """As the configuration names it; an own address."""
    own: bool = False
    fingerprint: str | None = None
    """The fingerprint of an own key; None: it is made when the address first sends."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision and each step to it."""

    decision: Decision
    recipient: Address
    matched: Matched | None
    """None: no rule was looked at, since no mail of this form is taken."""
    search: Search | None
    """What the sources answered; None where the rule needs no key."""
    signer: Signing | None
    """Who signs it; None: nobody."""
    telling: Telling
    shadow: bool
    """The mail is passed on unchanged all the same."""
    doubt: Doubt | None
    """Why a mail that looks encrypted is encrypted nevertheless."""
    handover: Handover
    """How the code of a pick-up comes to its reader."""


def ordinary(sender: str) -> bytes:
    """A mail of this sender without subject and body; empty: the null reverse-path."""
    return f"From: {sender}\r\n\r\n".encode("utf-8", "surrogateescape") if sender else b"\r\n"


async def explain(config: Config, envelope: Envelope, content: bytes) -> Explanation:
    """What would happen to this mail for its one recipient. Its lines may end in LF."""
    content = as_crlf(content)
    if rejected := not_taken(config, content):
        return _rejected(config, envelope, rejected)
    inbound = Inbound(ID, envelope, content, datetime.now(UTC), LOOPBACK, "", "LMTP", single_answer=False)
    facts = _facts(inbound)
    recipient = envelope.recipients[0].address
    matched = _matched(config.rules(), facts.of(recipient), opened=await _is_opened(config, facts))
    rule = matched.rule
    needed = policy.needs_key(rule, facts.encrypted)
    search = await _search(config, recipient, rule.excused, opened=matched.opened) if needed else None
    signer = await _signer(config, inbound, facts)
    late = facts.late and config.sign.late == "unsigned" and signer is not None
    lookup = search.lookup if search else None
    refused, obstacle = await _pickup(config, inbound, facts, rule)
    decision = refused or policy.decide(
        rule, facts.encrypted, lookup, late=late, left_alone=facts.left_alone, obstacle=obstacle
    )
    return Explanation(
        decision=decision,
        recipient=recipient,
        matched=matched,
        search=search,
        signer=signer if isinstance(decision, Encrypt | Clear) and decision.sign else None,
        telling=facts.telling(0, decision),
        shadow=config.shadow,
        doubt=_doubt(facts, decision),
        handover=config.pickup.code,
    )


def _rejected(config: Config, envelope: Envelope, rejected: Refuse) -> Explanation:
    return Explanation(
        decision=rejected,
        recipient=envelope.recipients[0].address,
        matched=None,
        search=None,
        signer=None,
        telling=Telling.REPLY,
        shadow=False,
        doubt=None,
        handover=config.pickup.code,
    )


def _facts(inbound: Inbound) -> Facts:
    """As `facts.read` finds them, but for the hidden recipients: there is one recipient."""
    content = inbound.content
    head, shape = headers.split(content), shape_of(content)
    return Facts(inbound, head, shape, opened=traces(content), quotes_code=quotes_code(content))


async def _signer(config: Config, inbound: Inbound, facts: Facts) -> Signing | None:
    """Whose key would sign, if the mail came from a client of `own.sign_from`. None is made for that."""
    address = Authors(inside=(*config.own.sign_from, _LOCAL)).sender(inbound, facts.head)
    if address and address.domain in config.own.domains:
        async with opened_store(config) as store:
            key = await store.own_keys.get(address)
        if key is None and await build_existing(config).knows(address):
            return Signing(address.text, own=True)
        if key is not None and key.signs:
            return Signing(address.text, own=True, fingerprint=key.fingerprint)
    selector = config.sign.signer(inbound.envelope.sender)
    return Signing(selector) if selector else None


def _doubt(facts: Facts, decision: Decision) -> Doubt | None:
    """Of a mail that is encrypted; any other decision has the doubt in its reason."""
    if not isinstance(decision, Encrypt):
        return None
    return facts.shape.doubt or (Doubt.UNKNOWN_KEYS if facts.encrypted.kind else None)


async def _pickup(
    config: Config, inbound: Inbound, facts: Facts, rule: Rule
) -> tuple[Decision | None, Obstacle | None]:
    """The refusal of a mail that quotes a code, and why this one cannot become a pick-up."""
    if config.pickup.url is None:
        return None, Obstacle.NOBODY
    async with opened_store(config) as store:
        terms = build_terms(config, store)
        if terms is None:
            return None, Obstacle.NOBODY
        refused = terms.refused(facts, rule, inbound.envelope.recipients[0].address)
        return refused, await terms.obstacle(Transaction(inbound), facts, 0, rule)


async def _is_opened(config: Config, facts: Facts) -> bool:
    if not config.own.domains or not facts.opened.message_ids:
        return facts.opened.marked
    async with opened_store(config) as store:
        return await OpenedCheck(store.opened_mail).is_opened(facts)


def _matched(rules: Sequence[Rule], seen: Message, *, opened: bool) -> Matched:
    rule = policy.match(rules, seen)
    if opened:
        return Matched((), policy.for_opened(rule), named=True, opened=True, stricter=False)
    reasons = ((each.name, policy.why_not(each, seen)) for each in rules)
    passed_over = [(name, why) for name, why in takewhile(lambda each: each[1], reasons) if why]
    named = rule.name != policy.DEFAULT_RULE.name
    return Matched(passed_over, rule, named, opened=False, stricter=rule not in rules)


async def _search(config: Config, recipient: Address, excused: frozenset[str], *, opened: bool) -> Search:
    if opened and (own := await _own(config, recipient)):
        return Search(own.lookup, [own], (), excused)
    async with opened_resolver(config) as resolver:
        lookup, told = await resolver.explain(recipient, excused)
    asked = {answer.source for answer in told}
    return Search(lookup, told, [remote.name for remote in resolver.remotes if remote.name not in asked], excused)


async def _own(config: Config, recipient: Address) -> SourceReport | None:
    """What our own certificate is for that address; None: there is none."""
    async with opened_store(config) as store:
        begun, now = time.monotonic(), time.time()
        own = OwnCertificates(store.own_keys, build_pooled_examiner(config), config.own.domains)
        lookup = await own.lookup(recipient)
    return None if isinstance(lookup, NotFound) else SourceReport(own.name, lookup, now, now, time.monotonic() - begun)
