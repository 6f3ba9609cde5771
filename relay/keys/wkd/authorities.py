"""The authorities that are trusted for web servers' certificates: the system's, or those of a file."""

from __future__ import annotations

import ssl
from pathlib import Path

from relay.model.errors import ConfigError, Fault


def context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that verifies certificate and name. Raises `ConfigError` where the file cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError((Fault(str(ca_file), 0, "cannot be read as certificates in PEM"),)) from error
