"""`pgp-relay explain`: what would happen to a mail, and why; sends nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from relay import policy
from relay.app import opened_parts
from relay.cli.context import Context, context_of, fail, out, print_json, run
from relay.cli.times import moment
from relay.errors import AddressError
from relay.facts import Facts
from relay.mail import headers
from relay.mail.shape import shape_of
from relay.model import (
    Address,
    Decision,
    Envelope,
    Found,
    Inbound,
    Lookup,
    NotFound,
    Outage,
    Recipient,
    Seal,
    Unusable,
    verb,
)
from relay.policy import Message, Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision and each step to it."""

    decision: Decision
    steps: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The contract's fields."""
        found = self.decision.found if isinstance(self.decision, Seal) else None
        return {
            "action": verb(self.decision),
            "rule": self.decision.rule,
            "reason": self.decision.reason,
            "fingerprint": found.certificate.fingerprint
            if found
            else getattr(self.decision, "fingerprint", "") or None,
            "origin": found.origin.value if found else None,
            "expires": moment(found.certificate.expires) if found else None,
        }


def explain(
    context: typer.Context,
    sender: Annotated[str, typer.Option("--from", help="The envelope's sender; <> for the null sender.")],
    recipient: Annotated[str, typer.Option("--to", help="The recipient.")],
    message: Annotated[
        Path | None, typer.Option(help="A mail to judge subject, headers and shape by; - for standard input.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Tell what would happen to a mail from A to B, by which rule and why. Nothing is sent."""
    content = _read(message)
    try:
        envelope = Envelope(None if sender in {"<>", ""} else Address(sender), (Recipient(Address(recipient)),))
    except AddressError as error:
        fail(str(error), status=2)
    explanation = run(_explain(context_of(context), envelope, content))
    if as_json:
        print_json(explanation.as_json())
        return
    for step in explanation.steps:
        out.print(step, markup=False)


async def _explain(context: Context, envelope: Envelope, content: bytes) -> Explanation:
    config = context.config()
    inbound = Inbound("explain", envelope, content, datetime.now(UTC), "", "", "LMTP", single_answer=False)
    facts = Facts(inbound, headers.split(content), shape_of(content))
    recipient = envelope.recipients[0].address
    seen = facts.of(recipient)
    rules = config.rules()
    rule = policy.match(rules, seen)
    lookup: Lookup | None = None
    if policy.needs_key(rule, encrypted_as=facts.encrypted_as):
        async with opened_parts(config) as (_books, parts):
            lookup = (await parts.chain.find_all({recipient: rule.excused}))[recipient]
    decision = policy.decide(rule, encrypted_as=facts.encrypted_as, lookup=lookup)
    return Explanation(decision, (*_rule_steps(rules, rule, seen), *_key_steps(lookup), _conclusion(decision)))


def _rule_steps(rules: tuple[Rule, ...], taken: Rule, seen: Message) -> list[str]:
    steps = []
    for rule in rules:
        if rule is taken:
            steps.append(f"rule “{rule.name}”: matches (encrypt {rule.encrypt.value})")
            break
        steps.append(f"rule “{rule.name}”: no, {policy.why_not(rule, seen)}")
    return steps


def _key_steps(lookup: Lookup | None) -> list[str]:
    match lookup:
        case None:
            return ["keys: not looked up"]
        case Found():
            end = moment(lookup.certificate.expires) or "never"
            return [f"keys: {lookup.certificate.fingerprint} by {lookup.method} ({lookup.origin.value}), expires {end}"]
        case NotFound():
            return ["keys: no source knows one"]
        case Unusable():
            return [f"keys: {lookup.fingerprint} by {lookup.source}, not used: {lookup.why.value}"]
        case Outage():
            return [f"keys: {lookup.source} cannot be asked: {lookup.reason}"]


def _conclusion(decision: Decision) -> str:
    return f"{verb(decision)}: {decision.reason}"


def _read(message: Path | None) -> bytes:
    if message is None:
        return b"\r\n"
    try:
        content = sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()
    except OSError as error:
        fail(f"{message}: {error.strerror}", status=2)
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")
