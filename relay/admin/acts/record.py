"""What the console does with the audit trail: show the changes, export and verify."""

from __future__ import annotations

from dataclasses import asdict

from relay.admin import record_export, trace
from relay.admin.acts.site import MOST, Arguments, Json, Site
from relay.model.key_change import KeyChange
from relay.store import Selection


async def changes(site: Site, given: Arguments) -> Json:
    """The changes of keys, bindings and users with their actors, the newest first."""
    del given
    rows = [record async for record in trace.rows(site.store, Selection(keys=True, newest=MOST))]
    return {"rows": [asdict(KeyChange.of(record)) for record in reversed(rows)]}


async def export(site: Site, given: Arguments) -> Json:
    """These changes as the text of a file; `kind` is csv, or json (signed)."""
    rows = Selection(keys=True, newest=record_export.MOST)
    if given.get("kind") == "csv":
        return {"text": await record_export.as_csv(site.store, rows)}
    return {"text": await record_export.as_signed(site.config, site.store, rows, site.actor)}


async def verify(site: Site, given: Arguments) -> Json:
    """Whether the audit trail is intact; `{"going_on": true}` while the verification is running."""
    del given
    verdict = await site.verifying.verdict(site.store)
    if verdict is None:
        return {"going_on": True}
    return {"going_on": False, "holds": verdict.holds, "checked": sum(each.checked for each in verdict.chains)}
