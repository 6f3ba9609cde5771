"""`pgp-relay explain`: what would happen to a mail, and why; sends nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Annotated, assert_never

import typer

from relay import policy
from relay.cli import lookup_report
from relay.cli.context import Json, context_of, fail, print_json, run, say
from relay.cli.times import moment
from relay.config import Config
from relay.daemon.resources import opened_resolver
from relay.mail import headers
from relay.mail.shape import shape_of
from relay.model import (
    Address,
    Clear,
    Decision,
    Defer,
    Encrypt,
    Envelope,
    Found,
    Hold,
    Inbound,
    Lookup,
    NotFound,
    Outage,
    Pass,
    Recipient,
    Refuse,
    Unusable,
    verb,
)
from relay.model.errors import AddressError
from relay.pipeline.facts import Facts
from relay.policy import Message, Rule, Telling

_TOLD = {
    Telling.NOTICE: "the sender gets a notice",
    Telling.REPLY: "the sender is told by the SMTP reply, 550",
    Telling.NOTHING: "the sender gets no notice",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision and each step to it."""

    decision: Decision
    steps: tuple[str, ...]
    lookup: Lookup | None

    def as_json(self) -> dict[str, object]:
        """The contract's fields."""
        fingerprint, origin, expires = _key(self.lookup)
        return {
            "action": verb(self.decision),
            "rule": self.decision.rule,
            "reason": self.decision.reason,
            "fingerprint": fingerprint,
            "origin": origin,
            "expires": moment(expires),
        }


def explain(
    context: typer.Context,
    sender: Annotated[str, typer.Option("--from", help="The envelope's sender; <> for the null sender.")],
    recipient: Annotated[str, typer.Option("--to", help="The recipient.")],
    message: Annotated[
        Path | None, typer.Option(help="A mail to judge subject, headers and shape by; - for standard input.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Tell what would happen to a mail from A to B, by which rule and why. Nothing is sent.

    Without a message, the mail is taken to be an ordinary one without subject. Status 0 whatever would happen.

    $ pgp-relay explain --from dr.martin@hopital.example --to cabinet.lefevre@ville.example
    """
    config = context_of(context).config()
    content = _read(message)
    try:
        envelope = Envelope(None if sender in {"<>", ""} else Address(sender), (Recipient(Address(recipient)),))
    except AddressError as error:
        fail(str(error), status=2)
    explanation = run(_explain(config, envelope, content))
    if as_json:
        print_json(explanation.as_json())
        return
    for step in explanation.steps:
        say(step)


async def _explain(config: Config, envelope: Envelope, content: bytes) -> Explanation:
    inbound = Inbound("explain", envelope, content, datetime.now(UTC), "", "", "LMTP", single_answer=False)
    facts = Facts(inbound, headers.split(content), shape_of(content))
    recipient = envelope.recipients[0].address
    seen = facts.of(recipient)
    rules = config.rules()
    rule = policy.match(rules, seen)
    lookup: Lookup | None = None
    keys: Iterable[str] = ["keys: not looked up"]
    if policy.needs_key(rule, encrypted_as=facts.encrypted_as):
        async with opened_resolver(config) as resolver:
            lookup, told = await resolver.reason(recipient, rule.excused)
        remotes = [remote.name for remote in resolver.remotes]
        keys = lookup_report.steps(told, lookup, recipient, sources=remotes, excused=rule.excused)
    decision = policy.decide(rule, encrypted_as=facts.encrypted_as, lookup=lookup)
    ending = [_conclusion(config, decision, inbound, automatic=facts.shape.automatic)]
    if config.shadow:
        ending.append("shadow: true, so the mail is passed on unchanged all the same")
    return Explanation(decision, (*_rule_steps(rules, rule, seen), *keys, *ending), lookup)


def _key(lookup: Lookup | None) -> tuple[str | None, str | None, int | None]:
    """Fingerprint, origin and end of the key that was found, whether it may be used or not."""
    match lookup:
        case Found(certificate=certificate, origin=origin):
            return certificate.fingerprint, origin.value, certificate.expires
        case Unusable(fingerprint=fingerprint, origin=origin, expires=expires):
            return fingerprint or None, origin.value, expires
        case NotFound() | Outage() | None:
            return None, None, None
        case _ as never:
            assert_never(never)


def _rule_steps(rules: tuple[Rule, ...], taken: Rule, seen: Message) -> list[str]:
    reasons = takewhile(lambda why: why[1], ((rule.name, policy.why_not(rule, seen)) for rule in rules))
    steps = [f"rule “{name}”: no, {why}" for name, why in reasons]
    found = "no rule matches" if taken is policy.DEFAULT_RULE else f"rule “{taken.name}”: matches"
    stricter = "" if taken in (*rules, policy.DEFAULT_RULE) else ", because a host may take the address for another"
    return [*steps, f"{found}, encrypt: {taken.encrypt.value}{stricter}"]


def _conclusion(config: Config, decision: Decision, inbound: Inbound, *, automatic: bool) -> str:
    told = f"{verb(decision)}: {decision.reason}"
    match decision:
        case Encrypt():
            signer = config.sign.signer(inbound.envelope.sender) if decision.sign else None
            subject = "protected" if decision.protect_subject else "in clear"
            return f"{told}; signed by {signer or 'nobody'}; subject {subject}"
        case Refuse() | Hold():
            return f"{told}; {_TOLD[_telling(decision, inbound, automatic=automatic)]}"
        case Pass() | Clear() | Defer():
            return told
        case _ as never:
            assert_never(never)


def _telling(decision: Decision, inbound: Inbound, *, automatic: bool) -> Telling:
    return policy.telling(
        decision, sender_null=inbound.envelope.sender is None, notify_never=False, automatic=automatic
    )


def _read(message: Path | None) -> bytes:
    if message is None:
        return b"\r\n"
    try:
        content = sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()
    except OSError as error:
        fail(f"{message}: {error.strerror}", status=2)
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")
