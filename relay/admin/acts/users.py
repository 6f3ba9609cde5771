"""Acts about who may log in."""

from __future__ import annotations

from dataclasses import asdict

from relay.admin import persons
from relay.admin.acts.site import Arguments, Json, Site, WrongAct, wanted


async def users(site: Site, given: Arguments) -> Json:
    """The console's users, with their roles and logins."""
    del given
    return {"rows": [asdict(each) for each in await persons.every(site.store)]}


async def enable(site: Site, given: Arguments) -> Json:
    """Enable a user who was disabled."""
    await persons.enable(site.store, wanted(given, "name"), site.actor, enabled=True)
    return {}


async def disable(site: Site, given: Arguments) -> Json:
    """Disable a user. Raises `WrongAct` for the user who asks."""
    if (name := wanted(given, "name")).lower() == site.name.lower():
        raise WrongAct("you cannot disable yourself: ask another administrator, or use the command")
    await persons.enable(site.store, name, site.actor, enabled=False)
    return {}
