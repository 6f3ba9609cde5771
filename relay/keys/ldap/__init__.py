"""Certificates from directories: GnuPG's LDAP schema, or a site's own (RFC 4511, 4515, 4516, 4519).

`Ldap` is the source. Its parts: `server` (what is configured), `filter` (escaping), `schema` (where keys
stand in a directory), `worker` (a process of its own with bonsai, the one place that speaks LDAP),
`connection` (this side of that process), `pool`, `directory` (one server), `judge` (which certificate).
"""

from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap

__all__ = ["Ldap", "Reason", "Server", "Unavailable"]
