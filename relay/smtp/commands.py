"""The commands that pass an envelope to the next hop, according to the extensions it announces.

Parameters are passed on as they came where the next hop knows them: RET, ENVID, NOTIFY and ORCPT with DSN (RFC 3461
section 5.2.2 lets a relay leave them out otherwise), XFORWARD's attributes that it names, BODY with 8BITMIME, SMTPUTF8;
SIZE is that of what is sent (RFC 1870). Two decisions:
- If 8BITMIME is not announced, BODY is left out and the octets are sent as they are. Recoding would break
  signatures and change the content; every next hop in use today passes eight bits.
- If SMTPUTF8 is not announced, a mail that asked for it is refused (RFC 6531 section 3.2), because it cannot be sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.model import Envelope, Recipient

_DSN_MAIL = frozenset({"RET", "ENVID"})
_DSN_RCPT = frozenset({"NOTIFY", "ORCPT"})
_COMMAND_LENGTH = 510  # RFC 5321 section 4.5.3.1.4, less CRLF

Extensions = dict[str, str]
"""Keyword in lower case, its parameters."""


def needs_smtputf8(envelope: Envelope) -> bool:
    """Whether it was received with SMTPUTF8, or has an address that needs it."""
    addresses = (envelope.sender, *(recipient.address for recipient in envelope.recipients))
    asked = any(option.upper() == "SMTPUTF8" for option in envelope.options)
    return asked or not all(address is None or address.is_ascii for address in addresses)


def mail(envelope: Envelope, size: int, extensions: Extensions) -> str:
    """MAIL FROM and its parameters."""
    options = [option for option in envelope.options if _passes(_keyword(option), extensions)]
    if "size" in extensions:
        options.append(f"SIZE={size}")
    if needs_smtputf8(envelope) and not any(_keyword(option) == "SMTPUTF8" for option in options):
        options.append("SMTPUTF8")
    return " ".join((f"MAIL FROM:<{envelope.sender or ''}>", *options))


def rcpt(recipient: Recipient, extensions: Extensions) -> str:
    """RCPT TO and its parameters."""
    options = [option for option in recipient.options if _passes(_keyword(option), extensions)]
    return " ".join((f"RCPT TO:<{recipient.address}>", *options))


def xforward(envelope: Envelope, extensions: Extensions) -> Iterator[str]:
    """XFORWARD as often as the length of a command asks for."""
    known = extensions.get("xforward", "").upper().split()
    line = "XFORWARD"
    for name, value in envelope.xforward:
        word = f" {name}={value}"
        if name.upper() not in known:
            continue
        if len(line) + len(word) > _COMMAND_LENGTH:
            yield line
            line = "XFORWARD"
        line += word
    if line != "XFORWARD":
        yield line


def _passes(keyword: str, extensions: Extensions) -> bool:
    if keyword in _DSN_MAIL or keyword in _DSN_RCPT:
        return "dsn" in extensions
    return {"BODY": "8bitmime", "SMTPUTF8": "smtputf8"}.get(keyword, "") in extensions


def _keyword(option: str) -> str:
    return option.partition("=")[0].upper()
