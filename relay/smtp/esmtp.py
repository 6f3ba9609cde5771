"""The arguments of MAIL, RCPT and XFORWARD: parsed and checked; their values are kept exactly as they came.

RFC 5321 section 4.1.2 (paths and parameters), RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8),
RFC 3461 section 4 (RET, ENVID, NOTIFY, ORCPT in xtext), RFC 6533 section 3 (utf-8 in ORCPT), and Postfix's
XFORWARD_README. Raises `Refusal` with the reply to give, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from relay.model import Address, Recipient, Reply, replies
from relay.model.errors import AddressError, RelayError

XFORWARD_NAMES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")

_ARGUMENT = re.compile(r'(?P<verb>FROM|TO): *<(?P<path>(?:"(?:[^"\\]|\\.)*"|[^"<>])*)>(?P<rest>| .*)', re.IGNORECASE)
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\x00-\x20=\x7f]+))?")
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+")
_ORCPT = re.compile(r"[A-Za-z0-9-]+;(?P<address>.+)")
_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE)


class Refusal(RelayError):
    """A command that gets this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL FROM: the sender (None for `<>`), its parameters as they came but for SIZE, and what they say."""

    sender: Address | None
    options: tuple[str, ...]
    size: int
    smtputf8: bool


def read_mail(argument: str, *, limit: int) -> Mail:
    """Read `FROM:<path> parameters`; `limit` is the largest message taken."""
    path, options = _split(argument, "FROM", replies.BAD_SENDER)
    values = _judged(options, _MAIL)
    smtputf8 = "SMTPUTF8" in values
    size = int(values.get("SIZE") or 0)
    if size > limit:
        raise Refusal(replies.too_large(limit))
    sender = _address(path, replies.BAD_SENDER, smtputf8=smtputf8) if path else None
    return Mail(sender, tuple(option for option in options if option[:5].upper() != "SIZE="), size, smtputf8)


def read_recipient(argument: str, *, smtputf8: bool) -> Recipient:
    """Read `TO:<path> parameters`; `smtputf8` is what MAIL asked for."""
    path, options = _split(argument, "TO", replies.BAD_RECIPIENT)
    address = _address(path, replies.BAD_RECIPIENT, smtputf8=smtputf8)
    _judged(options, _RCPT_UTF8 if smtputf8 else _RCPT)
    return Recipient(address, options)


def read_xforward(argument: str) -> tuple[tuple[str, str], ...]:
    """Read `NAME=value …`; the values stay in xtext."""
    pairs = tuple((name, value) for name, _, value in (word.partition("=") for word in argument.split()))
    if not pairs or not all(name.upper() in XFORWARD_NAMES and _xforward_value(value) for name, value in pairs):
        raise Refusal(replies.BAD_ARGUMENT)
    return pairs


def _split(argument: str, verb: str, bad: Reply) -> tuple[str, tuple[str, ...]]:
    match = _ARGUMENT.fullmatch(argument)
    if match is None or match["verb"].upper() != verb:
        raise Refusal(bad)
    return match["path"], tuple(word for word in match["rest"].split(" ") if word)


def _address(path: str, bad: Reply, *, smtputf8: bool) -> Address:
    if not path.isascii() and not smtputf8:
        raise Refusal(replies.NEEDS_SMTPUTF8)
    try:
        path.encode()  # what was no UTF-8 came as surrogates
        return Address(path)
    except (AddressError, UnicodeEncodeError):
        raise Refusal(bad) from None


Judge = Callable[[str | None], bool]


def _judged(options: tuple[str, ...], known: dict[str, Judge]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for option in options:
        match = _PARAMETER.fullmatch(option)
        if match is None:
            raise Refusal(replies.BAD_ARGUMENT)
        name = match["name"].upper()
        if name not in known:
            raise Refusal(replies.UNKNOWN_PARAMETER)
        if name in values or not known[name](match["value"]):
            raise Refusal(replies.BAD_ARGUMENT)
        values[name] = match["value"]
    return values


def _xforward_value(value: str) -> bool:
    return 0 < len(value) <= 255 and _XTEXT.fullmatch(value) is not None


def _one_of(*words: str) -> Judge:
    return lambda value: value is not None and value.upper() in words


def _size(value: str | None) -> bool:
    return value is not None and value.isascii() and value.isdigit() and len(value) <= 20


def _envid(value: str | None) -> bool:
    return value is not None and len(value) <= 100 and _XTEXT.fullmatch(value) is not None


def _notify(value: str | None) -> bool:
    if value is None or _NOTIFY.fullmatch(value) is None:
        return False
    words = value.upper().split(",")
    return len(words) == len(set(words))


def _orcpt(value: str | None) -> bool:
    match = _ORCPT.fullmatch(value or "")
    return match is not None and len(value or "") <= 500 and _XTEXT.fullmatch(match["address"]) is not None


def _orcpt_utf8(value: str | None) -> bool:
    if _orcpt(value):
        return True
    kind, _, address = (value or "").partition(";")
    return kind.lower() == "utf-8" and 0 < len(address) <= 500 and _encodes(address)


def _encodes(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


_MAIL: dict[str, Judge] = {
    "SIZE": _size,
    "BODY": _one_of("7BIT", "8BITMIME"),
    "SMTPUTF8": lambda value: value is None,
    "RET": _one_of("FULL", "HDRS"),
    "ENVID": _envid,
}
_RCPT: dict[str, Judge] = {"NOTIFY": _notify, "ORCPT": _orcpt}
_RCPT_UTF8: dict[str, Judge] = {"NOTIFY": _notify, "ORCPT": _orcpt_utf8}
