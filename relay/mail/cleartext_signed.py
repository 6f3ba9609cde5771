"""A text signed by the cleartext signature framework (RFC 9580 section 7), as its lines and signature packets.

What comes out is what was signed: no dash escapes, no spaces and tabs at the ends of lines, CRLF between lines, and no
line end behind the last one. Anything outside the framework could be taken for signed: then nothing is.
"""

from __future__ import annotations

import re

from relay.mail import armor, packets
from relay.mail.signed_message import MOST_SIGNATURES, SignedMessage
from relay.model.errors import OpenPgpError
from relay.model.opened import Reason

_BEGIN = re.compile(rb"^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?$", re.MULTILINE)
_SIGNATURE = re.compile(rb"^-----BEGIN PGP SIGNATURE-----[ \t]*\r?$", re.MULTILINE)
_HEADERS = re.compile(rb"\r?\n(?:Hash: ?[A-Za-z0-9, /-]{1,200}\r?\n){0,10}[ \t]*\r?\n")
_SPACE = b" \t\r\n"


def begins(octets: bytes) -> bool:
    """Whether it is such a text, perhaps with something in front."""
    return _BEGIN.search(octets) is not None


def read(octets: bytes) -> SignedMessage | Reason:
    """The text, or why nothing of it counts as signed."""
    begin = _BEGIN.search(octets)
    if begin is None:
        return Reason.DAMAGED
    if octets[: begin.start()].strip(_SPACE):
        return Reason.MIXED
    headers = _HEADERS.match(octets, begin.end())
    signature = _SIGNATURE.search(octets, headers.end() - 1) if headers else None
    if headers is None or signature is None:
        return Reason.DAMAGED
    try:
        content = _signed(octets[headers.end() : signature.start()])
        bodies = _signatures(octets[signature.start() :])
    except OpenPgpError:
        return Reason.DAMAGED
    return Reason.MIXED if bodies is None else SignedMessage(content, bodies)


def _signed(text: bytes) -> bytes:
    """The lines up to the line end in front of the signature, which is not signed."""
    *lines, last = text.split(b"\n")
    if last:
        raise OpenPgpError("no line end in front of the signature")
    return b"\r\n".join(_unescaped(line.rstrip(_SPACE)) for line in lines)


def _unescaped(line: bytes) -> bytes:
    if not line.startswith(b"-"):
        return line
    if line == b"-":  # "- " in front of an empty line
        return b""
    if not line.startswith(b"- "):
        raise OpenPgpError("a dash that is not escaped")
    return line[2:]


def _signatures(octets: bytes) -> tuple[bytes, ...] | None:
    """The bodies of the signature packets; None where something stands behind the block."""
    found = list(armor.locate(octets))
    if len(found) != 1 or found[0].block.kind != "SIGNATURE" or octets[found[0].end :].strip(_SPACE):
        return None
    return detached(found[0].block.data)


def detached(octets: bytes) -> tuple[bytes, ...]:
    """The bodies of signature packets that stand alone (section 10.4). Raises `OpenPgpError` for anything else."""
    found = list(packets.walk(octets, MOST_SIGNATURES))
    if not found or any(one.tag != packets.SIGNATURE for one in found):
        raise OpenPgpError("not signatures alone")
    return tuple(packets.body(octets, one) for one in found)
