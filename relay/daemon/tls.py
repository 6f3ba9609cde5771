"""TLS contexts from a configuration's files: the inlet's, the console's, and the one the next hop is checked with.

A key with a passphrase is refused: a service cannot ask for it. Raises `ConfigError` naming the
file and what is wrong with it.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NoReturn

from relay.config import Config
from relay.model.errors import ConfigError, Fault, RelayError


def inlet(config: Config) -> ssl.SSLContext | None:
    """TLS of the inlet (RFC 3207); clients show a certificate where `client_ca` is set."""
    if config.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _read_key(context, config.tls.certificate, config.tls.key)
    if config.tls.client_ca:
        _trust(context, config.tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def next_hop(config: Config) -> ssl.SSLContext:
    """The context that verifies the next hop's certificate: its name, and an authority that we trust."""
    if config.reinject_ca_file is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks name and chain, trusts nobody yet
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(context, config.reinject_ca_file)
    return context


def console(config: Config) -> ssl.SSLContext:
    """TLS of the console, whose `console.tls` is given."""
    keys = config.console.tls
    if keys is None:
        raise ValueError("console.tls is not given")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _read_key(context, keys.certificate, keys.key)
    return context


def channel(config: Config, purpose: ssl.Purpose) -> ssl.SSLContext | None:
    """Of the channel between relay and public service: either end shows a certificate of the same authority.

    `purpose`: SERVER_AUTH for the relay, which asks; CLIENT_AUTH for the service, which answers.
    """
    keys = config.web.channel_tls
    if keys is None:
        return None
    server = purpose is ssl.Purpose.CLIENT_AUTH
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours
    _read_key(context, keys.certificate, keys.key)
    _trust(context, keys.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Protected(RelayError):
    """The key has a passphrase."""


def _read_key(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    _readable_certificates(certificate)
    try:
        context.load_cert_chain(certificate, key, password=_protected)
    except _Protected:
        _wrong(key, "the key has a passphrase: take it out, and let nobody else read the file")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            _wrong(key, f"the key is not that of {certificate}")
        _wrong(key, "no key in PEM")
    except OSError as error:
        _wrong(key, f"cannot be read: {error.strerror}")


def _protected() -> str:
    raise _Protected


def _readable_certificates(file: Path) -> None:
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), file)


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        _wrong(file, "no certificates in PEM")
    except OSError as error:
        _wrong(file, f"cannot be read: {error.strerror}")


def _wrong(file: Path, sentence: str) -> NoReturn:
    raise ConfigError((Fault(str(file), 0, sentence),)) from None
