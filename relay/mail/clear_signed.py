"""A mail that is signed in clear: multipart/signed around an entity and its OpenPGP signature (RFC 3156 section 5).

`signed` raises nothing; `verify` raises `NotSigned`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from relay.mail import armor, content_type, mime, packets
from relay.mail.headers import Field
from relay.mail.outer_headers import MIME_VERSION
from relay.model.errors import NotSigned

_HASHES = {8: b"pgp-sha256", 9: b"pgp-sha384", 10: b"pgp-sha512", 11: b"pgp-sha224"}
"""RFC 9580 section 9.5, as `micalg` names them."""
_TYPE = b'Content-Type: multipart/signed; micalg=%b;\r\n\tprotocol="application/pgp-signature";\r\n\tboundary="%b"\r\n'
_SIGNATURE_PART = (
    b"--%b\r\n"
    b'Content-Type: application/pgp-signature; name="signature.asc"\r\n'
    b"Content-Description: OpenPGP digital signature\r\n"
    b'Content-Disposition: attachment; filename="signature.asc"\r\n'
    b"\r\n"
)


def signed(fields: Iterable[Field], entity: bytes, signature: bytes, *, received: bytes) -> bytes:
    """The mail with these header fields, but those that say how its body is built; `signature` is one binary packet."""
    boundary = b"=_pgp-relay_%b" % secrets.token_hex(16).encode()
    return b"".join(
        [
            received,
            *(one.line for one in fields if one.name != "mime-version" and not one.name.startswith("content-")),
            MIME_VERSION,
            _TYPE % (_micalg(signature), boundary),
            b"\r\n--%b\r\n" % boundary,
            entity,
            b"\r\n",
            _SIGNATURE_PART % boundary,
            armor.enarmor(signature, "SIGNATURE"),
            b"\r\n--%b--\r\n" % boundary,
        ]
    )


def verify(message: bytes, entity: bytes, signature: bytes) -> None:
    """Raise `NotSigned` unless the message contains exactly these octets, and this signature over them."""
    whole = mime.root(message)
    kind = content_type.of(whole.head)
    mark = b"--%b" % kind.get("boundary") if kind and kind.kind == "multipart/signed" else b"--"
    if mark == b"--" or message.count(mark, whole.start) != 3 or not message.endswith(b"\r\n%b--\r\n" % mark):
        raise NotSigned("not signed: there are not two parts")
    first = whole.start + len(mark) + len(b"\r\n")
    second = first + len(entity)
    if not (
        message.startswith(b"%b\r\n" % mark, whole.start)
        and message.startswith(entity, first)
        and message.startswith(b"\r\n%b\r\n" % mark, second)
    ):
        raise NotSigned("not signed: a reader would find other octets than those that were signed")
    if [block.data for block in armor.dearmor(message[second:])] != [signature]:
        raise NotSigned("not signed: a reader would find another signature")


def _micalg(signature: bytes) -> bytes:
    """Versions 4 and 6 name the hash in the fourth octet (RFC 9580 section 5.2.3)."""
    packet = next(packets.walk(signature))
    return _HASHES.get(signature[packet.body_start + 3], b"pgp-sha512")
