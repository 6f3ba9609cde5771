"""The mail addresses in an OpenPGP user id (RFC 9580 section 5.11).

By convention a user id is an RFC 5322 name-addr, `Name <local@domain>`, or a bare address. People write others, so
two questions are kept apart:

- `address`: the one address that the user id names by that convention. Mail to it may be encrypted to the key.
- `addresses`: every address that a reader would see in the text, however written. Mail to one of these is never sent
  as if there were no key.

Nothing is raised. The cost is linear in the text. A local part without a domain is no address here.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterator
from urllib.parse import unquote

from relay.model.address import MAX_OCTETS, Address
from relay.model.certificate import UserId
from relay.model.errors import AddressError

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LABEL = r"[^\s\x00-\x2c./:-@\[-^`{-\x7f]+"
"""Of a domain: letters, digits, `-` and `_`, and all beyond ASCII."""
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[^\[\]\\\s]*\])"
_ADDRESS = re.compile(rf'\s*((?:[^\s<>\\,;:@"]+|{_QUOTED})@{_DOMAIN})\s*')
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_DOMAINS = (re.compile(_DOMAIN), re.compile(r"[\w-]+(?:\.[\w-]+)*"))
"""The second ends before a typographic bracket or quotation mark."""
_WORD_TO_THE_LEFT = re.compile(r'[^\s<>()\[\]\\,;:@"]*\Z')
_QUOTED_TO_THE_LEFT = re.compile(_QUOTED + r"\Z")
_SEPARATORS = re.compile(r"[/|=]")
_DECORATION = "'`*_~^#!?$&{}.-+\u00ab\u00b4\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a"
_COMMENT = re.compile(r"\([^()]*\)")
"""Of RFC 5322 section 3.2.2, which may stand between the parts of an address."""
_SPACED = re.compile(r" ?@ ?")
_SPELT_AT = re.compile(r" ?[(\[{] ?at ?[)\]}] ?|(?<=\w) at (?=[\w-]{1,64}\.\w)", re.IGNORECASE)
_SPELT_DOT = re.compile(r" ?[(\[{] ?dot ?[)\]}] ?", re.IGNORECASE)
_PLAIN = re.compile(r"[\w .,'-]*<[\w.+-]+@[\w.-]+>|[\w.+-]+@[\w.-]+", re.ASCII)
"""What nearly all user ids look like: there is nothing else to see in it."""


def decode(octets: bytes) -> str:
    """The text of a user id: UTF-8, or Latin-1 where it is none, as old keys have it."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def read(octets: bytes, *, revoked: bool = False, valid: bool = True) -> UserId:
    """A user id packet's body as a value."""
    text = decode(octets)
    named = address(text)
    others = tuple(found for found in addresses(text) if found != named)
    return UserId(text, named, revoked, valid, others)


def address(text: str) -> Address | None:
    """The address that a user id names by convention: the one in angle brackets, or the whole text."""
    outside = _IN_BRACKETS.sub("", text)
    if "<" in outside or ">" in outside:
        return None
    named = {_exact(inner) for inner in _IN_BRACKETS.findall(text) if "@" in inner} if "<" in text else {_exact(text)}
    return named.pop() if len(named) == 1 else None


def addresses(text: str) -> tuple[Address, ...]:
    """Every address that a reader would see in it, each once."""
    if _PLAIN.fullmatch(text) and " at " not in text and (found := address(text)):
        return (found,)
    written = dict.fromkeys(mailbox for reading in dict.fromkeys(_readings(text)) for mailbox in _mailboxes(reading))
    return tuple(dict.fromkeys(filter(None, (address(text), *map(_parse, written)))))


def shows(text: str, wanted: Collection[Address]) -> bool:
    """Whether a reader sees one of these addresses in it; costs little where not even a local part occurs."""
    if not any(_occurs(address.key.rpartition("@")[0], text) for address in wanted):
        return False
    return not set(wanted).isdisjoint(addresses(text))


def _occurs(local: str, text: str) -> bool:
    """Whether a folded local part stands somewhere in it, quoted or not."""
    written = (unicodedata.normalize("NFC", reading.replace("\\", "")).lower() for reading in _readings(text))
    return any(local.replace("\\", "") in each for each in written)


def _exact(text: str) -> Address | None:
    written = _ADDRESS.fullmatch(text)
    return _parse(written[1]) if written else None


def _readings(text: str) -> Iterator[str]:
    """The text as it stands, and as a reader takes it: no unseen characters, comments, escapes, signs in words."""
    yield text
    seen = unicodedata.normalize("NFKC", "".join(c for c in text if c.isspace() or not _is_unseen(c)))
    yield seen
    yield _COMMENT.sub("", seen)
    yield html.unescape(unquote(seen))
    seen = " ".join(seen.split())
    yield _SPACED.sub("@", _SPELT_DOT.sub(".", _SPELT_AT.sub("@", seen)))


def _is_unseen(character: str) -> bool:
    """Format and control characters: those between the letters of UTF-16 too."""
    return unicodedata.category(character) in {"Cf", "Cc"}


def _mailboxes(text: str) -> Iterator[str]:
    """Those around each `@`."""
    start = 0
    while (at := text.find("@", start)) >= 0:
        domains = dict.fromkeys(found[0].rstrip(".-") for domain in _DOMAINS if (found := domain.match(text, at + 1)))
        for local in dict.fromkeys(_locals(text[max(0, at - MAX_OCTETS) : at])) if domains else ():
            yield from (f"{local}@{domain}" for domain in domains)
        start = at + 1


def _locals(before: str) -> Iterator[str]:
    """The local parts that may be meant, of what stands before an `@`."""
    if quoted := _QUOTED_TO_THE_LEFT.search(before):
        yield quoted[0]
    if written := _WORD_TO_THE_LEFT.search(before):
        yield written[0]
        yield written[0].lstrip(_DECORATION)
        yield _SEPARATORS.split(written[0])[-1].lstrip(_DECORATION)


def _parse(text: str) -> Address | None:
    try:
        found = Address(text)
    except AddressError:
        return None
    return found if found.domain else None
