"""The section `own`: the organisation's key and the certificates of our own addresses."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from relay.config.base import Contradiction, Section, setting
from relay.config.values import AllowedNetwork, Duration, File, Listed, MailDomain


class SubkeyKeys(Section):
    """The life of an encryption subkey."""

    valid: Duration = setting("400d", "How long correspondents may encrypt to it.")
    renew: Duration = setting("200d", "After this time a new one is made.")
    keep: Duration = setting("30d", "How long after its end it is deleted: older mail cannot be opened any more.")

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew >= self.valid:
            raise Contradiction("renew", "renew is shorter than valid: else correspondents have no key meanwhile")
        return self


class OwnKeys(Section):
    """Our own mail addresses."""

    domains: Listed[MailDomain] = setting([], "Our own mail domains. Empty: the relay makes no certificates.")
    addresses: File | None = setting(
        None, "Who exists: a file with one address a line; null: those that `own add` was given."
    )
    subkey: SubkeyKeys = setting({}, "The life of encryption subkeys.")
    autocrypt: Literal["off", "encrypted", "all"] = setting(
        "encrypted",
        "On which outgoing mail the `Autocrypt` field with the sender's own key stands: none, what is encrypted, all.",
    )
    sign_from: Listed[AllowedNetwork] = setting(
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        "Networks of clients (XFORWARD) whose mail is signed with its sender's own key.",
    )
