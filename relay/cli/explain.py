"""`pgp-relay explain`: what would happen to a mail, and why; sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, assert_never

import typer

from relay.admin.explain import Explanation, Matched, Signing
from relay.admin.explain import explain as explained
from relay.admin.explain_incoming import explain_incoming
from relay.cli import explain_incoming as incoming
from relay.cli import lookup_report
from relay.cli.actions import STYLES
from relay.cli.context import context_of, run
from relay.cli.display import Display
from relay.cli.explain_mail import Mail
from relay.cli.output import print_json, say, say_beside
from relay.cli.times import Look, moment
from relay.model import (
    Clear,
    Defer,
    Encrypt,
    Found,
    Hold,
    Lookup,
    NotFound,
    Outage,
    Pass,
    Pickup,
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
_WIDEST = 24
"""Columns of a label; a longer label has its text on the same line too."""

Line = tuple[str, str]
"""A label and its text."""


def explain(
    context: typer.Context,
    *,
    mail: Mail,
    inbound: Annotated[
        bool,
        typer.Option("--inbound", help="For an incoming mail: whether it is decrypted, and its mark. Needs --message."),
    ] = False,
    display: Display,
) -> None:
    """Tell what would happen to a mail, by which rule and why.

    The decision comes first, then each rule up to the one that matches, and each source of keys that was asked.
    Nothing is sent. Without a message, the mail is taken to be an ordinary one without subject. Status 0 whatever
    would happen.

    $ pgp-relay explain --from dr.martin@hopital.example --to cabinet.lefevre@ville.example
    """
    if inbound:
        _explain_incoming(context, mail, as_json=display.as_json)
        return
    content = mail.content()
    config = context_of(context).config()
    explanation = run(explained(config, mail.envelope(), content))
    if display.as_json:
        print_json({**_object(explanation), "config": str(context_of(context).path)})
    else:
        _print(explanation, display.look)


def _explain_incoming(context: typer.Context, mail: Mail, *, as_json: bool) -> None:
    content = mail.incoming()  # as root, where root named it
    config = context_of(context).config()
    explanation = run(explain_incoming(config, mail.to(), content))
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
