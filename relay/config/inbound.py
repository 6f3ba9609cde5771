"""The section `inbound`: mail that comes from outside, opened and marked."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from relay.config.base import Contradiction, Section, setting
from relay.config.lists import Listed
from relay.config.values import AsciiAddress, Host, Text, Where


class SubjectTags(Section):
    """What is put in front of the subject."""

    decrypted: Text | None = setting(None, "Of a mail that was opened: `[chiffré]`.")
    signed: Text | None = setting(None, "Of a mail whose signature is good: `[signé]`.")

    @property
    def all(self) -> tuple[str, ...]:
        """Those that are set."""
        return tuple(tag for tag in (self.decrypted, self.signed) if tag)


class InboundKeys(Section):
    """Incoming mail."""

    listen: Listed[Where] = setting([], "Where the relay takes incoming mail: `lmtp://`. Empty: it takes none.")
    reinject: Where | None = setting(None, "Where it goes on: `smtp://127.0.0.1:10036`.")
    authserv_id: Host | None = setting(
        None, "Whose `Authentication-Results` are believed: the name of your MX in them; null: `hostname`."
    )
    return_path: AsciiAddress | None = setting(
        None, "Where bounces of opened mail come back: `retour@hopital.example`; null: postmaster@ of the own domain."
    )
    bad_signature: Literal["mark", "wrap"] = setting(
        "mark", "A mail with a bad signature: `mark`, or `wrap`: it arrives inside a warning."
    )
    explain_closed: bool = setting(default=False, why="Put a mail that stays closed into a note for its reader.")
    hold_closed: bool = setting(
        default=False, why="A mail that stays closed waits in Postfix's hold queue until `inbound open` releases it."
    )
    subject_tag: SubjectTags | None = setting(None, "Tags in front of the subject; null: none.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.listen and self.reinject is None:
            raise Contradiction("listen", "incoming mail needs a way on: give reinject, such as smtp://127.0.0.1:10036")
        if self.reinject is not None and not self.listen:
            raise Contradiction("reinject", "nothing comes here: give listen, such as lmtp://127.0.0.1:10035")
        for place in self.listen:
            if not place.lmtp:
                raise Contradiction("listen", f"{place}: each recipient gets an answer of its own: write lmtp://")
        return self
