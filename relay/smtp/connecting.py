"""Connects to the next hop: greeting, STARTTLS if it is required, and EHLO or LHLO.

Every failure is a `NextHopError`; `Unwilling` means that the next hop was reached and refused.
"""
# ruff: noqa: ASYNC109  each step has its own deadline, which its caller knows

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.esmtp import parse_esmtp_extensions

from relay.model.endpoint import Endpoint
from relay.model.errors import NextHopError, Unwilling
from relay.smtp.connection import Connection
from relay.smtp.unwilling import demand, untrusted, why


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds the next hop has: for a step, and for what follows the final dot."""

    step: float = 60.0
    final_dot: float = 600.0


@contextlib.asynccontextmanager
async def connecting(place: Endpoint, timeout: float) -> AsyncIterator[Connection]:
    """A new connection; it is aborted where the block fails."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            if place.path:
                _, connection = await loop.create_unix_connection(lambda: Connection(loop), place.path)
            else:
                _, connection = await loop.create_connection(lambda: Connection(loop), place.host, place.port)
    except OSError as error:  # TimeoutError is one
        raise NextHopError(f"no connection: {why(error)}") from None
    try:
        yield connection
    except BaseException:
        connection.abandon()
        raise


async def connect(
    place: Endpoint,
    *,
    hostname: str,
    timeouts: Timeouts,
    tls: ssl.SSLContext,
) -> Connection:
    """Connect to `place`: greeting, STARTTLS where the URL demands it, EHLO or LHLO."""
    verb = "LHLO" if place.lmtp else "EHLO"
    async with connecting(place, timeouts.step) as connection:
        demand(await connection.reply(timeouts.step), "the connection")
        await _hello(connection, verb, hostname, timeouts.step)
        if place.starttls:
            await _secure(connection, tls, place.host, timeouts.step)
            await _hello(connection, verb, hostname, timeouts.step)
    return connection


async def _hello(connection: Connection, verb: str, hostname: str, timeout: float) -> None:
    """Say EHLO or LHLO, and note what the reply announces."""
    given = await connection.ask(f"{verb} {hostname}", timeout)
    demand(given, "the hello")
    connection.extensions, _ = parse_esmtp_extensions(given.message)


async def _secure(connection: Connection, context: ssl.SSLContext, name: str, timeout: float) -> None:
    """STARTTLS, with the certificate's name checked (RFC 3207, RFC 6125)."""
    if "starttls" not in connection.extensions:
        raise Unwilling("it offers no STARTTLS: switch TLS on there")
    try:
        await connection.start_tls(context, name, timeout)
    except SMTPResponseException as error:
        raise Unwilling(f"it answers STARTTLS with {error.code}: its own log says why") from None
    except ssl.SSLCertVerificationError as error:
        raise Unwilling(untrusted(error)) from None
    except (OSError, SMTPException) as error:
        raise NextHopError(f"STARTTLS failed: {why(error)}") from None
