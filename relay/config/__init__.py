"""config.yaml -> a frozen `Config`, or a `ConfigError` with all that is wrong in it.

YAML and pydantic have their room here. `load` reads; a `Config` itself does no I/O.
"""

from relay.config.loader import load, parse
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
    "parse",
]
