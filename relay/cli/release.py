"""After a change of keys: which held mails can leave, and a request to Postfix to send them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.context import run
from relay.cli.output import complain, say

if TYPE_CHECKING:  # loading what a command is made of takes longer than most commands run
    from relay.config import Config

Flush = Annotated[bool, typer.Option("--flush", help="Have Postfix retry the mails that waited for this key.")]

MOST_NAMED = 10


def release(config: Config, fingerprints: Collection[str], *, flush: bool, as_json: bool = False) -> None:
    """Print which mails waited for these keys; with `as_json` on standard error."""
    from relay.admin.released import released  # noqa: PLC0415  loads the sources
    from relay.daemon.storage import opened_store  # noqa: PLC0415  likewise
    from relay.process import postqueue  # noqa: PLC0415  likewise

    async def looking() -> list[str]:
        async with opened_store(config) as store:
            return [mail.queue_id for mail in await released(config, store, fingerprints)]

    waited = run(looking()) if fingerprints else []
    if not waited:
        return
    tell = complain if as_json else say
    ids = list(dict.fromkeys(filter(None, waited)))
    named = f": {', '.join(ids[:MOST_NAMED])}{', …' if len(ids) > MOST_NAMED else ''}" if ids else ""
    tell(f"1 mail waits for this key{named}" if len(waited) == 1 else f"{len(waited)} mails wait for this key{named}")
    if flush:
        asked = run(postqueue.flush(ids))
        tell(f"Postfix was asked to send {len(asked)} of them now")
    elif ids:
        leave = "It leaves" if len(waited) == 1 else "They leave"
        tell(f"{leave} with Postfix's next attempt; --flush asks it for one now")
