"""Recipients whom To and Cc do not name, and the header fields that would tell of them.

Bcc goes always. So does a field that is made to name recipients (`X-Envelope-To`, `Apparently-To`), unless To and Cc
name all whom it names, and any other field in which the address of a hidden recipient of the envelope stands. A
`Received` field loses its `for` clause (RFC 5321 section 4.4) and nothing else. Fields that say who wrote a mail, what
it answers or how its body is built always stay (`KEPT`). The cost is linear in the header. Raises nothing.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from relay.mail import headers
from relay.mail.addresses import addresses
from relay.mail.encoded_words import MAX_TEXT
from relay.mail.headers import BLIND, Field, Head
from relay.model import Address, Envelope, normalise_domain
from relay.model.errors import AddressError

AUTHORS = frozenset({"from", "sender", "reply-to", "resent-from", "resent-sender", "resent-reply-to"})
KEPT = frozenset(
    {
        *AUTHORS, *headers.NAMING, "return-path", "date", "message-id", "in-reply-to", "references", "subject",
        "resent-date", "resent-message-id", "mime-version", "autocrypt", "errors-to",
        "mail-reply-to", "mail-followup-to", "followup-to", "disposition-notification-to", "return-receipt-to",
        "authentication-results", "arc-authentication-results", "arc-seal",
    }
)  # fmt: skip
"""They may hold an address for another reason than that it is a recipient's."""
KEPT_FAMILIES = ("content-", "list-")

_OTHER = frozenset({"delivered-to", "x-failed-recipients"})
"""Stops loops; tells of another mail. They are judged by what they hold."""
_WORDS = frozenset({"bcc", "rcpt", "rcptto", "recipient", "recipients", "receiver", "receivers", "envelopeto"})
_TO = re.compile(
    r"(?:x-)?(?:[a-z0-9]+-)*(?:apparently|envelope|original|orig|forwarded|delivered|real|actual|final|smtp|sent)-to"
)
_TOKEN = re.compile(r"([^\s<>,;:()\[\]\"]+)@([^\s<>,;:()\[\]\"'|=@]{1,255})")
_AT = re.compile(r"@([^\s<>,;:()\[\]\"'|=@]{1,255})")
_FOR = re.compile(rb"[ \t\r\n]+for[ \t\r\n]+<?([^\s<>;()]+@[^\s<>;()]+)>?", re.IGNORECASE)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class HiddenRecipients:
    """Who is named and who is hidden, of one mail."""

    named: Container[Address] = frozenset()
    """Who stands in To and Cc."""
    keys: frozenset[str] = frozenset()
    """The keys of the hidden ones' addresses; an author of the mail is not hidden in it."""
    _domains: frozenset[str] = field(init=False, repr=False, compare=False)
    _odd: frozenset[str] = field(init=False, repr=False, compare=False)
    """The domains of those that `_TOKEN` does not find in a text: any address there may be theirs."""

    def __post_init__(self) -> None:
        odd = [key for key in self.keys if not _TOKEN.fullmatch(key)]
        object.__setattr__(self, "_domains", frozenset(map(_domain, self.keys)))
        object.__setattr__(self, "_odd", frozenset(map(_domain, odd)))

    def visible(self, fields: Iterable[Field]) -> tuple[Field, ...]:
        """The fields that tell of none of them."""
        return tuple(shown for one in fields if (shown := self._shown(one)))

    def _shown(self, one: Field) -> Field | None:
        if one.name in KEPT:  # none of them is in BLIND or names recipients
            return one
        if one.name in BLIND or (_names_recipients(one.name) and not self._all_named(one)):
            return None
        if not self.keys or one.name.startswith(KEPT_FAMILIES):
            return one
        if one.name == "received":
            one = replace(one, raw=_FOR.sub(self._without_for, one.raw))
        return None if self._tells(one) else one

    def _all_named(self, one: Field) -> bool:
        found = list(addresses(one.value))
        return bool(found) and all(address in self.named for address in found)

    def _without_for(self, clause: re.Match[bytes]) -> bytes:
        return b"" if self._is_hidden(clause[1].decode("utf-8", "surrogateescape")) else clause[0]

    def _tells(self, one: Field) -> bool:
        if len(one.raw) > MAX_TEXT and b"=?" in one.raw:  # more than is decoded
            return True
        return any(map(self._tells_in, _readings(one)))

    def _tells_in(self, text: str) -> bool:
        if self._odd and any(normalise_domain(match[1]) in self._odd for match in _AT.finditer(text)):
            return True
        return any(self._is_hidden(match[0]) for match in _TOKEN.finditer(text))

    def _is_hidden(self, text: str) -> bool:
        text = text.strip("'").rstrip(".")
        if normalise_domain(_domain(text)) not in self._domains:
            return False
        try:
            return Address(text).key in self.keys
        except AddressError:
            return True


NOBODY = HiddenRecipients()
"""Nobody is named and nobody hidden."""


def hidden_recipients(envelope: Envelope, head: Head) -> HiddenRecipients:
    """Of a mail with this header."""
    named = headers.named_recipients(head)
    authors = {address for one in head.fields if one.name in AUTHORS for address in addresses(one.value)}
    hidden = {one.address for one in envelope.recipients} - named - authors - {envelope.sender}
    return HiddenRecipients(named, frozenset(address.key for address in hidden))


Edit = Callable[[tuple[Field, ...]], tuple[Field, ...]]
"""What else is done to the header fields."""


def passed_on(content: bytes, received: bytes, hidden: HiddenRecipients, edit: Edit | None = None) -> bytes:
    """`received` in front, what tells of hidden recipients out, every other octet as it came, but for the `edit`.

    A first line that begins with white space would be taken for more of `received`, and what follows for a header, in
    which nobody has looked for Bcc or a subject. It is the body, as for Postfix: an empty line says so.
    """
    if content.startswith((b" ", b"\t")):
        return received + b"\r\n" + content
    head = headers.split(content)
    shown = hidden.visible(edit(head.fields) if edit and head.separator else head.fields)
    if shown == head.fields:
        return received + content
    return b"".join([received, *(one.raw for one in shown), head.separator, memoryview(content)[head.body_start :]])


def _names_recipients(name: str) -> bool:
    """Whether a field is made to name this mail's recipients."""
    return name not in _OTHER and (not _WORDS.isdisjoint(name.split("-")) or _TO.fullmatch(name) is not None)


def _readings(one: Field) -> Iterator[str]:
    """The value as it stands, as people read it, and as DKIM writes copies of header fields (RFC 6376 section 2.11)."""
    value = one.value
    yield value
    if "=?" in value:
        yield headers.decoded(one)
    if "=" in value:
        yield quopri.decodestring(value.encode()).decode("utf-8", "replace")
