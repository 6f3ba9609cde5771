"""Where this machine's Postfix leads its mail. Raises `PostfixError` where there is no Postfix."""

from __future__ import annotations

from collections.abc import Sequence

from relay.admin.postfix.folder import postconf
from relay.admin.postfix.settings import TRANSPORT, settings
from relay.config import Config

LEADING = ("content_filter", "default_transport")


def wanted(config: Config) -> str:
    """The transport and next hop that lead to the relay of this configuration."""
    (_, filter_), *_ = settings(config).main
    return filter_


def led() -> Sequence[str]:
    """The next hops to which Postfix leads mail by our transport."""
    found = [postconf(None, "-h", name) for name in LEADING]
    found += [line.partition(" = ")[2] for line in postconf(None, "-P", "*/*/content_filter").splitlines()]
    return [value.strip() for value in found if value.startswith(f"{TRANSPORT}:")]
