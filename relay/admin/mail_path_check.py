"""The checks of the path of mail: Postfix, the running relay, the next hops.

Each returns what it found, and raises `RelayError` with what to do where all is not well.
"""

from __future__ import annotations

import asyncio

from relay.admin.postfix import leading
from relay.admin.postfix.folder import postconf
from relay.admin.postfix.inbound_settings import TRANSPORT as INBOUND
from relay.admin.postfix.inbound_settings import inbound_settings
from relay.admin.postfix.settings import TRANSPORT
from relay.config import Config, Endpoint
from relay.daemon.outlets import build_outlet
from relay.model.errors import NextHopError, PostfixError, RelayError, Unwilling
from relay.smtp.outlet import SmtpOutlet
from relay.telemetry.status_client import ask

NOT_EGRESS = (
    "aliases and forwards of this Postfix that lead outside would carry decrypted mail in cleartext: "
    "pgp-relay postfix install --egress"
)
GREETED_WITHIN = 5.0


async def next_hop(config: Config) -> str:
    """Connect to the next hops, and name them."""
    await _answers(build_outlet(config, config.reinject), config.reinject, "reinject")
    if place := config.inbound.reinject:
        await _answers(build_outlet(config, place), place, "inbound.reinject")
    return ", ".join(map(str, filter(None, (config.reinject, config.inbound.reinject))))


async def _answers(outlet: SmtpOutlet, place: Endpoint, key: str) -> None:
    try:
        await outlet.probe()
    except Unwilling as error:
        raise NextHopError(f"{place} answers, but {error}") from error
    except NextHopError as error:
        raise NextHopError(f"{place} does not answer: start it, or set {key}") from error
    finally:
        await outlet.close()


async def service(config: Config) -> str:
    """Whether a relay runs with this keyring, answers where it listens, and is ready."""
    told = await asyncio.to_thread(ask, config.keyring)
    if told is None:
        raise RelayError("no relay runs with this configuration: systemctl start pgp-relay, or pgp-relay serve")
    for place in config.everywhere:
        await _greeted(place)
    if told["lacks"]:
        raise RelayError(f"it runs and is not ready ({told['lacks']}): pgp-relay status")
    return f"answers on {', '.join(map(str, config.everywhere))}"


async def _greeted(place: Endpoint) -> None:
    try:
        async with asyncio.timeout(GREETED_WITHIN):
            if place.path:
                reader, writer = await asyncio.open_unix_connection(place.path)
            else:
                reader, writer = await asyncio.open_connection(place.host, place.port)
            try:
                await reader.readline()
            finally:
                writer.close()
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise RelayError(f"nothing answers on {place}: listen needs a restart of the relay") from error


async def postfix(config: Config) -> str:
    """Where this machine's Postfix leads its mail, if there is one."""
    try:
        wanted, ours = leading.wanted(config), await asyncio.to_thread(leading.led)
    except PostfixError:
        return "not set up on this machine"
    if not ours:
        return "leads no mail to the relay: content_filter is not set (pgp-relay postfix install)"
    if wanted not in ours:
        raise RelayError(f"leads mail to {ours[0]}, and the relay listens at {wanted}: pgp-relay postfix install")
    return f"leads mail to {wanted}"


async def incoming(config: Config) -> str:
    """Whether this machine's Postfix leads mail from outside to the relay, and what leaves too."""
    wanted = inbound_settings(config).filter
    try:
        lines = (await asyncio.to_thread(postconf, None, "-P", "*/*/content_filter")).splitlines()
        leaving = await asyncio.to_thread(postconf, None, "-h", "default_transport")
    except PostfixError:
        return "Postfix is not set up on this machine"
    given = [line.partition(" = ")[2].strip() for line in lines if f"= {INBOUND}:" in line]
    if not given:
        return "Postfix leads no mail from outside to the relay (pgp-relay postfix install --inbound)"
    if wanted not in given:
        raise RelayError(f"Postfix leads it to {given[0]}, not to {wanted}: pgp-relay postfix install --inbound")
    return f"Postfix leads it to {wanted}" if leaving.startswith(f"{TRANSPORT}:") else f"{wanted}; {NOT_EGRESS}"
