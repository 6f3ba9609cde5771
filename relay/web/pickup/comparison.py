"""The page as it is served, compared from outside with the one that this version has.

Whoever takes over the machine that serves it can serve a page that sends codes away. So this runs anywhere else, and
asks as a reader does. Raises `RelayError` with a sentence.
"""

from __future__ import annotations

import asyncio
import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping

from relay.config import Config
from relay.model.errors import RelayError
from relay.web.pickup.files import PAGE, Appearance, StaticFile, load

SECONDS = 10.0
LARGEST = 1 << 20
NOBODYS = "0" * 32
"""An id that no pick-up has: it gets the same page."""


def files_of(config: Config) -> Mapping[str, StaticFile]:
    """The page's files for this configuration. Raises `ConfigError`."""
    organisation = config.pickup.organisation or config.notices.from_.name
    return load(Appearance(organisation, config.pickup.colour, config.pickup.logo))


def path_of(name: str) -> str:
    """Where a file is served."""
    return f"/m/{NOBODYS}" if name == PAGE else f"/static/{name}"


async def compare(config: Config) -> str:
    """How many files are as they should be; raises where one is not."""
    url = config.pickup.url or ""
    wanted = files_of(config)
    served = {name: await asyncio.to_thread(_digest, f"{url}{path_of(name)}") for name in wanted}
    others = sorted(path_of(name) for name, digest in served.items() if digest != wanted[name].digest)
    if others:
        raise RelayError(
            f"{url} serves other files than this version has ({', '.join(others[:5])}): unless another one runs there, "
            "take it off the network"
        )
    return f"{url} serves the {len(wanted)} files of this version"


def _digest(url: str) -> str:
    """SHA-256 of what is there, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310  https, or http on this machine
            return hashlib.sha256(answer.read(LARGEST)).hexdigest()
    except urllib.error.HTTPError as error:
        with error:
            return hashlib.sha256(error.read(LARGEST)).hexdigest()
    except (OSError, ValueError) as error:
        raise RelayError(f"{url} cannot be reached: web public, its reverse proxy, DNS or the certificate") from error
