"""`pgp-relay keys proposals`, `approve` and `reject`: the keys that wait for approval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from relay.admin import proposals as admin
from relay.admin.proposals import Offered
from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.key_names import Fingerprint, OptionalFingerprint, one_name
from relay.cli.output import fail, print_json, say
from relay.cli.release import Flush, release
from relay.cli.times import Look, moment
from relay.cli.values import one_of
from relay.model import Origin
from relay.model.codes import Language
from relay.model.fingerprint_words import groups, words
from relay.store import Store


def proposals(context: typer.Context, *, display: Display) -> None:
    """List the keys that wait to be approved.

    Each is shown beside the key that it would replace. Fingerprints are shown in words too, for comparing them by
    telephone.

    $ pgp-relay keys proposals
    """
    config = context_of(context).config()
    offered = with_store(config, admin.offered)
    _tell(offered, display, config.notices.language)


AllFrom = Annotated[
    str,
    typer.Option("--all-from", metavar="ORIGIN", help="Approve all proposals from this source: wkd, ldap, …."),
]


def approve(
    context: typer.Context,
    fingerprint: OptionalFingerprint = None,
    *,
    all_from: AllFrom = "",
    flush: Flush = False,
    as_json: Json = False,
) -> None:
    """Use a proposed key from now on.

    It then counts like an imported key.

    $ pgp-relay keys approve 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    if bool(fingerprint) == bool(all_from):
        fail("name one key, or an origin (--all-from wkd)", status=2)
    source, name = _source(all_from) if all_from else None, one_name(fingerprint or [])
    config, actor = context_of(context).config(), context_of(context).actor

    async def approving(store: Store) -> list[str]:
        if source:
            return await admin.approve_all(config, store, source, actor)
        return [await admin.approve(config, store, name, actor)]

    approved = with_store(config, approving)
    if as_json:
        print_json({"approved": approved})
    else:
        say("\n".join(f"approved {each}" for each in approved) or f"nothing is proposed by {all_from}")
    release(config, approved, flush=flush, as_json=as_json)


def _source(text: str) -> Origin:
    """One that keys are proposed by; another ends the program."""
    one_of("--all-from", text, [each.value for each in Origin if each not in {Origin.IMPORTED, Origin.OWN}])
    return Origin(text)


def reject(context: typer.Context, fingerprint: Fingerprint, *, as_json: Json = False) -> None:
    """Remove a proposed key, for good.

    It is not proposed again.

    $ pgp-relay keys reject 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    name = one_name(fingerprint)
    config, actor = context_of(context).config(), context_of(context).actor
    rejected = with_store(config, lambda store: admin.reject(store, name, actor))
    if as_json:
        print_json({"rejected": rejected})
    else:
        say(f"rejected {rejected}")


def _tell(offered: Sequence[Offered], display: Display, language: Language) -> None:
    """One array, or a paragraph a proposal, with words of this language."""
    if display.as_json:
        print_json([_object(each) for each in offered])
        return
    look = display.look
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
    say("  new       ", (_grouped(fingerprint), "yellow"))
    for line in words(fingerprint, language):
        say(f"            {line}")
    say(f"  replaces  {_grouped(each.replaces) if each.replaces else 'nothing: no key is used now'}")
    found = "by        a person" if entry.suggested else f"found by  {entry.origin.value}{by}"
    say(f"  {found}, {look.moment(each.proposal.first_seen)}")
    say(f"  made      {look.day(entry.certificate.primary.created)}, expires {look.day(entry.certificate.expires)}")


def _grouped(fingerprint: str) -> str:
    return " ".join(groups(fingerprint))
