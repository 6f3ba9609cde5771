"""`pgp-relay explain --inbound`: what would happen to an incoming mail, as it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from relay.admin.explain_incoming import IncomingExplanation
from relay.cli.actions import STYLES
from relay.cli.output import say_beside
from relay.model import Defer, Refuse
from relay.model.harvest import Outcome
from relay.model.incoming import Incoming
from relay.model.trace import IN

COUNTS = "counts"
"""For a key in the mail that counts, though a second mail may be missing; otherwise the reason is shown."""
_LABELS = 12


def as_object(explanation: IncomingExplanation) -> dict[str, object]:
    """With the names that the trace has."""
    decision, letter = explanation.decision, explanation.letter
    mark = decision.mark if isinstance(decision, Incoming) else None
    return {
        "direction": IN,
        "action": _action(decision),
        "rule": decision.rule,
        "reason": decision.reason,
        "fingerprint": (mark.key or None) if mark else None,
        "mark": mark.text if mark else None,
        "recipient": explanation.recipient.text,
        "author": letter.author.text if letter and letter.author else None,
        "key_ids": sorted(letter.key_ids) if letter else [],
        "keys": [one.value if isinstance(one, Outcome) else COUNTS for one in explanation.keys],
    }


def show(explanation: IncomingExplanation) -> None:
    """Print the explanation as lines of text."""
    action = _action(explanation.decision)
    say_beside(((action, STYLES.get(action, "")), ": "), explanation.decision.reason)
    for label, text in _lines(explanation):
        say_beside((f"  {label:<{_LABELS}}  ",), text)


def _lines(explanation: IncomingExplanation) -> Iterator[tuple[str, str]]:
    letter, decision = explanation.letter, explanation.decision
    yield "recipient", explanation.recipient.text
    if letter is None:
        return
    yield "author", letter.author.text if letter.author else "in doubt: the header has not exactly one From address"
    if letter.key_ids or letter.hidden:
        hidden = ["nobody (a hidden key id)"] if letter.hidden else []
        yield "encrypted to", ", ".join([*sorted(letter.key_ids), *hidden])
    for one in explanation.keys:
        yield "a key", one.value if isinstance(one, Outcome) else f"{COUNTS}, signed by {one.dkim_domain}"
    forged = len(letter.head.fields) - len(letter.fields)
    if forged:
        yield "taken out", f"{forged} forged header field{'s' if forged > 1 else ''}"
    if isinstance(decision, Incoming):
        if decision.mark.signer:
            yield "signed by", f"{decision.mark.signer.text}, key {decision.mark.key}"
        yield "mark", decision.mark.text


def _action(decision: Incoming | Defer | Refuse) -> str:
    return decision.action
