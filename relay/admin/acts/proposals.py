"""Acts about proposed keys: list, approve and reject them."""

from __future__ import annotations

from relay.admin import keys, proposals
from relay.admin.acts.keys import whole
from relay.admin.acts.site import MOST, Arguments, Json, Site, wanted
from relay.admin.proposals import Offered


async def waiting(site: Site, given: Arguments) -> Json:
    """The keys that wait for an approval, each beside what it would replace."""
    del given
    return {"rows": [await _offered(site, each) for each in await proposals.offered(site.store, MOST)]}


async def approve(site: Site, given: Arguments) -> Json:
    """Approve a proposed key: it is used from now on. `seen`: the `state` in which it was shown as a proposal."""
    fingerprint, seen = wanted(given, "fingerprint"), given.get("seen", "")
    return {"fingerprint": await proposals.approve(site.config, site.store, fingerprint, site.actor, seen)}


async def reject(site: Site, given: Arguments) -> Json:
    """Remove a proposed key, and never have it proposed again."""
    return {"fingerprint": await proposals.reject(site.store, wanted(given, "fingerprint"), site.actor)}


async def _offered(site: Site, offered: Offered) -> Json:
    replaces = whole(await keys.one(site.store, offered.replaces)) if offered.replaces else None
    return {
        "approved_by": await proposals.approved_by(site.config, site.store, offered.proposal.entry),
        "key": whole(offered.proposal.entry),
        "state": proposals.state_of(offered.proposal.entry.certificate),
        "address": offered.address,
        "dkim_domain": offered.proposal.dkim_domain,
        "first_seen": offered.proposal.first_seen,
        "replaces": replaces,
    }
