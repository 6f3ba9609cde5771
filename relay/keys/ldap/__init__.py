"""Certificates from directories: GnuPG's LDAP schema, or a site's own (RFC 4511, 4515, 4516, 4519).

`source.Ldap` is the source. Its parts: `server` (what is configured), `filter` (escaping), `schema` (where keys
stand in a directory), `worker` (a process of its own with bonsai, the one place that speaks LDAP), `connection` (this
side of that process), `protocol` (what the two say), `pool`, `directory` (one server), `judge` (which certificate).
This module stays empty: the worker loads it.
"""
