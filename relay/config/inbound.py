"""The section `inbound`: mail that comes from outside, opened and marked."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from relay.config.base import Contradiction, Section, setting
from relay.config.lists import Listed
from relay.config.values import AsciiAddress, Host, Text, Where


class SubjectTags(Section):
    """What is put in front of the subject."""

    decrypted: Text | None = setting(None, "For a mail that was decrypted: `[chiffré]`.")
    signed: Text | None = setting(None, "For a mail whose signature is good: `[signé]`.")

    @property
    def all(self) -> tuple[str, ...]:
        """Those that are set."""
        return tuple(tag for tag in (self.decrypted, self.signed) if tag)


class InboundKeys(Section):
    """The section `inbound`: incoming mail."""

    listen: Listed[Where] = setting([], "Where the relay takes incoming mail: `lmtp://`. Empty: it takes none.")
    reinject: Where | None = setting(None, "The next hop for incoming mail: `smtp://127.0.0.1:10036`.")
    authserv_id: Host | None = setting(
        None,
        "The name that your MX writes into `Authentication-Results`; fields with other names are ignored. Null: "
        "`hostname`.",
    )
    return_path: AsciiAddress | None = setting(
        None,
        "The address to which bounces of decrypted mail return: `retour@hopital.example`; null: postmaster@ of "
        "the own domain.",
    )
    bad_signature: Literal["mark", "wrap"] = setting(
        "mark",
        "A mail with a bad signature: `mark`: it gets the field `X-PGP-Relay` only; `wrap`: it arrives inside a "
        "warning.",
    )
    explain_closed: bool = setting(
        default=False,
        why="Put a mail that was not decrypted into a note that tells its reader why.",
    )
    hold_closed: bool = setting(
        default=False,
        why="A mail that was not decrypted waits in Postfix's hold queue until `inbound open` releases it.",
    )
    subject_tag: SubjectTags | None = setting(None, "Tags in front of the subject; null: none.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.listen and self.reinject is None:
            raise Contradiction("listen", "there is no next hop: give reinject, such as smtp://127.0.0.1:10036")
        if self.reinject is not None and not self.listen:
            raise Contradiction("reinject", "no mail comes in: give listen, such as lmtp://127.0.0.1:10035")
        for place in self.listen:
            if not place.lmtp:
                raise Contradiction("listen", f"{place}: each recipient gets an answer of its own: write lmtp://")
        return self
