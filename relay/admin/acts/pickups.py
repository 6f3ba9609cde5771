"""Acts about pick-ups: list them, send their link again, withdraw them, give them more time."""

from __future__ import annotations

from relay.admin import pickup
from relay.admin.acts.site import MOST, Arguments, Json, Site, wanted
from relay.model.pickup import Pickup


async def listed(site: Site, given: Arguments) -> Json:
    """The pick-ups that can be opened now, the newest first; empty where the configuration makes none."""
    del given
    return {"rows": [_told(one) for one in (await pickup.listed(site.store))[:MOST]], "on": site.config.web.linked}


async def resend(site: Site, given: Arguments) -> Json:
    """Mail the link to the recipient again, without the code."""
    return _told(await pickup.resend(site.config, site.store, wanted(given, "id"), site.actor))


async def withdraw(site: Site, given: Arguments) -> Json:
    """Withdraw a pick-up: nobody can open it any more."""
    return _told(await pickup.withdraw(site.config, site.store, wanted(given, "id"), site.actor))


async def extend(site: Site, given: Arguments) -> Json:
    """Give a pick-up more time: it can be opened as long as `pickup.keep` says, from now."""
    one = await pickup.extend(site.config, site.store, wanted(given, "id"), site.config.pickup.keep, site.actor)
    return {"expires": one.expires}


def _told(one: Pickup) -> Json:
    return {
        "id": one.id,
        "recipient": one.recipient.text,
        "sender": one.sender.text if one.sender else "",
        "created": one.created,
        "expires": one.expires,
        "opened": one.opened,
        "size": one.size,
    }
