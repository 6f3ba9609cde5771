"""The files that a configuration names: templates of notices, certificates and keys of TLS."""

from __future__ import annotations

import ssl
from functools import partial

from relay.config import Config
from relay.daemon import templates, tls
from relay.model.errors import ConfigError, Fault


def assure(config: Config) -> None:
    """Read all of them; raises `ConfigError` with the faults of all of them."""
    faults: list[Fault] = []
    for look in (templates.load, tls.inlet, tls.next_hop, partial(tls.channel, purpose=ssl.Purpose.SERVER_AUTH)):
        try:
            look(config)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(tuple(faults))
