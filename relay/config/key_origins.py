"""The sections about where keys are from: incoming mail, authorities, and keyservers that verify addresses."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from relay.config.base import Section, needed, setting
from relay.config.lists import AtLeastOne, Listed
from relay.config.values import Fingerprint, Kind, MailDomain, Text


def _keyserver(text: str) -> str:
    try:
        parts = urlsplit(text)
        whole = (parts.scheme, parts.path.rstrip("/"), parts.query, parts.fragment) == ("https", "", "", "")
        right = whole and bool(parts.hostname) and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        right = False
    if not right:
        raise ValueError("a keyserver is https://host, perhaps with :port, and nothing behind it")
    return f"https://{parts.netloc.lower()}"


Keyserver = Annotated[Text, AfterValidator(_keyserver), Kind("https://host")]


class HarvestKeys(Section):
    """Keys that incoming mail brings."""

    from_: Listed[Literal["autocrypt", "attached"]] = setting(
        [],
        "What is read: the `autocrypt` field, keys that are `attached` or stand in the text. Empty: nothing.",
        alias="from",
    )
    use: Literal["propose", "instead_of_clear"] = setting(
        "propose",
        "`propose`: an administrator approves each key. `instead_of_clear`: it is used under `encrypt: preferred` "
        "where mail would leave in cleartext, and for nothing else.",
    )


class AuthorityKeys(Section):
    """A key whose certification makes a key that was found as good as approved, for its own domains."""

    key: Fingerprint = needed("Its fingerprint; the key is imported.")
    domains: AtLeastOne[MailDomain] = needed("The mail domains for which its certifications count.")
