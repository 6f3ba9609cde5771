"""The configuration: `load` reads config.yaml and returns a frozen `Config`, or raises `ConfigError` with all faults.

PyYAML and pydantic are used here alone. A `Config` does no I/O.
"""

from relay.config.loader import load, load_public, parse
from relay.config.model import Config
from relay.config.sections import Cache, Deadlines, LdapServer, Log, LookupKeys, Notices, Sign, Tls, Wkd
from relay.config.values import duration
from relay.model.endpoint import Endpoint, HostPort

__all__ = [
    "Cache",
    "Config",
    "Deadlines",
    "Endpoint",
    "HostPort",
    "LdapServer",
    "Log",
    "LookupKeys",
    "Notices",
    "Sign",
    "Tls",
    "Wkd",
    "duration",
    "load",
    "load_public",
    "parse",
]
