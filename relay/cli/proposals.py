"""How proposed keys are told: each beside the key that it would replace, its fingerprint in words too."""

from __future__ import annotations

from collections.abc import Sequence

from relay.admin.keys import Offered
from relay.cli.output import print_json, say
from relay.cli.times import Look, moment
from relay.model.codes import Language
from relay.model.fingerprint_words import words

_DIGITS = 4
"""Digits of a group, as other programs show fingerprints."""


def tell(offered: Sequence[Offered], look: Look, language: Language, *, as_json: bool) -> None:
    """One array, or a paragraph a proposal, with words of this language."""
    if as_json:
        print_json([_object(each) for each in offered])
        return
    for each in offered:
        _say(each, look, language)
    if not offered:
        say("no key waits to be approved")


def _object(each: Offered) -> dict[str, object]:
    """The object that `--json` prints."""
    entry = each.proposal.entry
    return {
        "fingerprint": entry.certificate.fingerprint,
        "address": each.address,
        "replaces": each.replaces or None,
        "origin": entry.origin.value,
        "dkim_domain": each.proposal.dkim_domain or None,
        "first_seen": moment(each.proposal.first_seen),
    }


def _say(each: Offered, look: Look, language: Language) -> None:
    entry = each.proposal.entry
    fingerprint = entry.certificate.fingerprint
    by = f", DKIM {each.proposal.dkim_domain}" if each.proposal.dkim_domain else ""
    say((each.address, "bold"))
    say("  new       ", (grouped(fingerprint), "yellow"))
    for line in words(fingerprint, language):
        say(f"            {line}")
    say(f"  replaces  {grouped(each.replaces) if each.replaces else 'nothing: no key is used now'}")
    found = "by        a person" if entry.suggested else f"found by  {entry.origin.value}{by}"
    say(f"  {found}, {look.moment(each.proposal.first_seen)}")
    say(f"  made      {look.day(entry.certificate.primary.created)}, expires {look.day(entry.certificate.expires)}")


def grouped(fingerprint: str) -> str:
    """With a blank between groups of digits."""
    return " ".join(fingerprint[at : at + _DIGITS] for at in range(0, len(fingerprint), _DIGITS))
