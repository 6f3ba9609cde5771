"""`pgp-relay explain`: what would happen to a mail, and why; sends nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, assert_never

import typer

from relay.admin.explain import Explanation, Matched, Signing, ordinary
from relay.admin.explain import explain as explained
from relay.admin.explain_incoming import explain_incoming
from relay.cli import explain_incoming as incoming
from relay.cli import lookup_report, values
from relay.cli.actions import STYLES
from relay.cli.context import Json, context_of, run
from relay.cli.output import fail, print_json, say, say_beside
from relay.cli.times import Full, Look, Utc, moment
from relay.model import (
    Clear,
    Defer,
    Encrypt,
    Envelope,
    Found,
    Hold,
    Lookup,
    NotFound,
    Outage,
    Pass,
    Pickup,
    Recipient,
    Refuse,
    Unusable,
)
from relay.model.pickup import Handover
from relay.policy import Telling

_TOLD = {
    Telling.NOTICE: "gets a notice",
    Telling.REPLY: "is told by the SMTP reply, 550",
    Telling.NOTHING: "gets no notice",
}
_CODES = {
    Handover.SENDER: "in a notice to the sender, who passes it on",
    Handover.PRESET: "given beforehand",
    Handover.HOOK: "handed over by the program under pickup.hook",
}
NULL = frozenset({"<>", ""})
"""The null reverse-path."""
_WIDEST = 24
"""Columns of a label; a longer label has its text on the same line too."""

Line = tuple[str, str]
"""A label and its text."""


def explain(  # noqa: PLR0913  each is an option
    context: typer.Context,
    recipient: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="The recipient.")],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The sender; <> for the null sender.")
    ] = None,
    message: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The mail, so that its subject, headers and structure count; - for standard input."
        ),
    ] = None,
    *,
    inbound: Annotated[
        bool,
        typer.Option("--inbound", help="For an incoming mail: whether it is decrypted, and its mark. Needs --message."),
    ] = False,
    full: Full = False,
    utc: Utc = False,
    as_json: Json = False,
) -> None:
    """Tell what would happen to a mail, by which rule and why.

    The decision comes first, then each rule up to the one that matches, and each source of keys that was asked.
    Nothing is sent. Without a message, the mail is taken to be an ordinary one without subject. Status 0 whatever
    would happen.

    $ pgp-relay explain --from dr.martin@hopital.example --to cabinet.lefevre@ville.example
    """
    if inbound:
        _explain_incoming(context, recipient, message, as_json=as_json)
        return
    if sender is None:
        fail("--from is needed: the sender, or <> for the null sender", status=2)
    content = _read(message) if message else ordinary("" if sender in NULL else sender)
    config = context_of(context).config()
    envelope = Envelope(None if sender in NULL else values.address(sender), (Recipient(values.address(recipient)),))
    explanation = run(explained(config, envelope, content))
    if as_json:
        print_json({**_object(explanation), "config": str(context_of(context).path)})
    else:
        _print(explanation, Look.of(full=full, utc=utc))


def _explain_incoming(context: typer.Context, recipient: str, message: Path | None, *, as_json: bool) -> None:
    if message is None:
        fail("--inbound needs --message: what is in the mail decides", status=2)
    content = _read(message)  # as root, where root named it
    config = context_of(context).config()
    explanation = run(explain_incoming(config, values.address(recipient), content))
    if as_json:
        print_json({**incoming.as_object(explanation), "config": str(context_of(context).path)})
    else:
        incoming.show(explanation)


def _object(explanation: Explanation) -> dict[str, object]:
    """The object that `--json` prints."""
    fingerprint, origin, expires = _key(explanation.search.lookup if explanation.search else None)
    return {
        "action": explanation.decision.action,
        "rule": explanation.decision.rule,
        "reason": explanation.decision.reason,
        "fingerprint": fingerprint,
        "origin": origin,
        "expires": moment(expires),
        "signed_by": explanation.signer.fingerprint or explanation.signer.name if explanation.signer else None,
        "binding": _binding(explanation.search.lookup if explanation.search else None),
    }


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


def _binding(lookup: Lookup | None) -> str | None:
    return (lookup.binding or None) if isinstance(lookup, Found | Unusable) else None


def _print(explanation: Explanation, look: Look) -> None:
    action = explanation.decision.action
    say_beside(((action, STYLES.get(action, "")), ": "), explanation.decision.reason)
    if explanation.matched is None:
        return
    if explanation.shadow:
        say(("  shadow: true, so the mail is passed on unchanged all the same", "yellow"))
    _section(list(_outcome(explanation, look)))
    say()
    say(("rules", "bold"))
    _section([*_rules(explanation.matched)])
    say()
    say(("keys", "bold"))
    _section([*_search(explanation, look)])


def _section(lines: Sequence[Line]) -> None:
    widest = min(_WIDEST, max((len(label) for label, _ in lines), default=0))
    for label, text in lines:
        say_beside((f"  {label:<{widest}}  ",), text)


def _outcome(explanation: Explanation, look: Look) -> Iterator[Line]:
    """What follows from the decision."""
    if explanation.search:
        yield "key", lookup_report.came_out(explanation.search.lookup, look)
    match explanation.decision:
        case Encrypt(protect_subject=protected):
            if explanation.doubt:
                yield "encrypted", f"already, it seems, but {explanation.doubt}"
            yield "signed by", _signed_by(explanation.signer, look)
            yield "subject", "protected" if protected else "in clear"
        case Pickup():
            yield "reader", "opens it in a browser"
            yield "code", _CODES[explanation.handover]
        case Refuse() | Hold():
            yield "sender", _TOLD[explanation.telling]
        case Clear(sign=True) if explanation.signer:
            yield "signed by", _signed_by(explanation.signer, look)
        case Pass() | Clear() | Defer():
            pass
        case _ as never:
            assert_never(never)


def _signed_by(signer: Signing | None, look: Look) -> str:
    if signer is None:
        return "nobody"
    if not signer.own:
        return signer.name
    key = look.key(signer.fingerprint) if signer.fingerprint else "made when it first sends"
    return f"{signer.name}, with its own key ({key}), if the client is in own.sign_from"


def _rules(matched: Matched) -> Iterator[Line]:
    if matched.opened:
        yield matched.rule.name, "before any rule: it was decrypted here, or carries or answers such a mail"
        return
    for name, why in matched.passed_over:
        yield name, f"no: {why}"
    stricter = ", because a host may take the address for another" if matched.stricter else ""
    taken = matched.rule.name if matched.named else "no rule matches"
    yield taken, f"{'matches: ' if matched.named else ''}encrypt: {matched.rule.encrypt.value}{stricter}"


def _search(explanation: Explanation, look: Look) -> Iterator[Line]:
    if explanation.search is None:
        yield "not looked up", "no key is needed"
        return
    yield from lookup_report.steps(explanation.search, explanation.recipient, look)


def _read(message: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()
    except OSError as error:
        fail(f"{message}: {error.strerror}", status=2)
