"""Mails in which text stands where ciphertext may stand, and everything else is as an encrypted mail has it.

`PLACES` makes such a mail of octets, each in another place; what is not text is noise of a seeded generator. `IN_WORDS`
does so with words, where only ASCII may stand.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from random import Random

from relay.mail.armor import enarmor
from relay.mail.packets import packet

Disguise = Callable[[bytes, Random], bytes]

PKESK, SKESK, SED, SEIPD, AEAD = 1, 3, 9, 18, 20
HEAD = b"From: dr.martin@hopital.example\r\nTo: bob@ville.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def x25519(chance: Random, *, key_id: bytes = b"", ephemeral: bytes = b"", wrapped: bytes = b"") -> bytes:
    """A PKESK of version 3."""
    fields = (key_id or chance.randbytes(8)) + b"\x19" + (ephemeral or chance.randbytes(32))
    return packet(PKESK, b"\x03" + fields + b"\x29\x09" + (wrapped or chance.randbytes(40)))


def rsa(chance: Random, number: bytes = b"") -> bytes:
    """A PKESK with one number modulo an RSA key."""
    number = number or b"\xc0" + chance.randbytes(255)
    bits = 8 * len(number) - 8 + number[0].bit_length()
    return packet(PKESK, b"\x03" + chance.randbytes(8) + b"\x01" + bits.to_bytes(2, "big") + number)


def seipd(chance: Random, body: bytes = b"", *, size: int = 200) -> bytes:
    """Encrypted data of version 1."""
    return packet(SEIPD, b"\1" + (body or chance.randbytes(size)))


def inline(message: bytes) -> bytes:
    """Armor as the body of a mail."""
    return HEAD + b"\r\n" + enarmor(message, "MESSAGE")


def pgp_mime(  # noqa: PLR0913  each is a place
    message: bytes,
    *,
    boundary: bytes = b"b",
    preamble: bytes = b"",
    version: bytes = b"Content-Type: application/pgp-encrypted\r\n",
    data: bytes = b"Content-Type: application/octet-stream; name=encrypted.asc\r\n",
    armor: bytes = b"",
    epilogue: bytes = b"",
    said: bytes = b"Version: 1",
) -> bytes:
    """PGP/MIME (RFC 3156 section 4)."""
    kind = b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="%b"\r\n\r\n' % boundary
    delimiter = b"--" + boundary
    parts = (version + b"\r\n" + said, data + b"\r\n" + (armor or enarmor(message, "MESSAGE")))
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return HEAD + kind + preamble + body + delimiter + b"--\r\n" + epilogue


def attached(message: bytes) -> bytes:
    """A binary OpenPGP file as the body of a mail."""
    kind = b"Content-Type: application/octet-stream; name=message.gpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return HEAD + kind + base64.encodebytes(message).replace(b"\n", b"\r\n")


def ber(tag: int, *inside: bytes) -> bytes:
    """An element with a length of four octets."""
    content = b"".join(inside)
    return bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content


def oid(dotted: str) -> bytes:
    """An object identifier, of its octets in hexadecimal."""
    return ber(0x06, bytes.fromhex(dotted))


def enveloped(  # noqa: PLR0913  each is a place
    chance: Random,
    *,
    content: bytes = b"",
    pieces: int = 0,
    key: bytes = b"",
    nonce: bytes = b"",
    identifier: bytes = b"",
    recipient: bytes = b"",
) -> bytes:
    """Enveloped data for somebody who is named by a key identifier."""
    rsa_encryption = ber(0x30, oid("2a864886f70d010101"), b"\x05\x00")
    whom = ber(0x80, identifier or chance.randbytes(20))
    somebody = ber(0x30, b"\x02\x01\x02", whom, rsa_encryption, ber(0x04, key or chance.randbytes(256)))
    cipher = ber(0x30, oid("60864801650304012a"), ber(0x04, nonce or chance.randbytes(16)))
    octets = content or chance.randbytes(208)
    cut = [octets[at : at + pieces] for at in range(0, len(octets), pieces)] if pieces else []
    text = ber(0xA0, *(ber(0x04, piece) for piece in cut)) if cut else ber(0x80, octets)
    encrypted = ber(0x30, oid("2a864886f70d010701"), cipher, text)
    inside = ber(0x30, b"\x02\x01\x02", ber(0x31, recipient or somebody), encrypted)
    return ber(0x30, oid("2a864886f70d010703"), ber(0xA0, inside))


def agreed(chance: Random, *, point: bytes = b"", material: bytes = b"", key: bytes = b"") -> bytes:
    """A recipient with whom a key is agreed (RFC 5652 section 6.2.2)."""
    kind = ber(0x30, oid("2a8648ce3d0201"), oid("2a8648ce3d030107"))
    originator = ber(0xA0, ber(0xA1, kind, ber(0x03, b"\0\4" + (point or chance.randbytes(64)))))
    wrap = ber(0x30, oid("60864801650304012d"))
    keys = ber(0x30, ber(0x30, ber(0xA0, ber(0x04, chance.randbytes(20))), ber(0x04, key or chance.randbytes(40))))
    parts = (b"\x02\x01\x03", originator, ber(0xA1, ber(0x04, material or chance.randbytes(64))))
    return ber(0xA1, *parts, ber(0x30, oid("2b8105010b01"), wrap), keys)


def s_mime(data: bytes, encoding: str = "base64") -> bytes:
    """S/MIME, in base64 or as the octets are."""
    kind = b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n"
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n") if encoding == "base64" else data
    return HEAD + kind + b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding.encode() + encoded


def _cut(text: bytes, size: int, chance: Random) -> list[bytes]:
    """The text in pieces of one size, the last filled with noise."""
    filled = text + chance.randbytes(-len(text) % size)
    return [filled[at : at + size] for at in range(0, len(filled), size)]


def _padded(text: bytes, size: int, chance: Random) -> bytes:
    return text + chance.randbytes(max(0, size - len(text)))


PLACES: dict[str, Disguise] = {
    "encrypted data": lambda text, chance: inline(x25519(chance) + seipd(chance, _padded(text, 48, chance))),
    "encrypted data, PGP/MIME": lambda text, chance: pgp_mime(rsa(chance) + seipd(chance, _padded(text, 48, chance))),
    "encrypted data, a file": lambda text, chance: attached(rsa(chance) + seipd(chance, _padded(text, 48, chance))),
    "encrypted data amid noise": lambda text, chance: inline(
        x25519(chance) + seipd(chance, chance.randbytes(chance.randrange(3_000)) + text + chance.randbytes(3_000))
    ),
    "encrypted data of version 2": lambda text, chance: inline(
        x25519(chance) + packet(SEIPD, b"\2\x09\2\x10" + chance.randbytes(32) + _padded(text, 48, chance))
    ),
    "encrypted data without integrity": lambda text, chance: inline(
        x25519(chance) + packet(SED, _padded(text, 48, chance))
    ),
    "encrypted data of GnuPG's own": lambda text, chance: inline(
        x25519(chance) + packet(AEAD, b"\1\x09\2\x10" + chance.randbytes(15) + _padded(text, 48, chance))
    ),
    "RSA numbers": lambda text, chance: inline(
        b"".join(rsa(chance, b"\xc5" + piece) for piece in _cut(text, 127, chance)) + seipd(chance)
    ),
    "ephemeral keys": lambda text, chance: inline(
        b"".join(x25519(chance, ephemeral=piece) for piece in _cut(text, 32, chance)) + seipd(chance)
    ),
    "wrapped keys": lambda text, chance: pgp_mime(
        b"".join(x25519(chance, wrapped=piece) for piece in _cut(text, 40, chance)) + seipd(chance)
    ),
    "key ids": lambda text, chance: inline(
        b"".join(x25519(chance, key_id=piece) for piece in _cut(text, 8, chance)) + seipd(chance)
    ),
    "fingerprints": lambda text, chance: inline(
        b"".join(
            packet(PKESK, b"\6\x21\6" + piece + b"\x19" + chance.randbytes(32) + b"\x28" + chance.randbytes(40))
            for piece in _cut(text, 32, chance)
        )
        + seipd(chance)
    ),
    "keys by password": lambda text, chance: inline(
        b"".join(
            packet(SKESK, b"\4\x09\3\x08" + chance.randbytes(8) + b"\xff" + piece) for piece in _cut(text, 33, chance)
        )
        + seipd(chance)
    ),
    "salts": lambda text, chance: inline(
        b"".join(
            packet(SKESK, b"\4\x09\4" + piece + b"\1\4\x15" + chance.randbytes(33))
            for piece in _cut(text[:256], 16, chance)
        )
        + seipd(chance)
    ),
    "S/MIME content": lambda text, chance: s_mime(enveloped(chance, content=text)),
    "S/MIME content, 8bit": lambda text, chance: s_mime(enveloped(chance, content=text), "8bit"),
    "S/MIME content in pieces": lambda text, chance: s_mime(enveloped(chance, content=text, pieces=70)),
    "S/MIME key": lambda text, chance: s_mime(enveloped(chance, key=_padded(text, 64, chance))),
    "S/MIME point": lambda text, chance: s_mime(
        enveloped(chance, recipient=agreed(chance, point=_padded(text, 64, chance)))
    ),
    "S/MIME keying material": lambda text, chance: s_mime(
        enveloped(chance, recipient=agreed(chance, material=text[:128]))
    ),
    "S/MIME agreed key": lambda text, chance: s_mime(enveloped(chance, recipient=agreed(chance, key=text))),
    "S/MIME key identifier": lambda text, chance: s_mime(enveloped(chance, identifier=text[:128])),
    "S/MIME nonce": lambda text, chance: s_mime(enveloped(chance, nonce=text[:64])),
}
"""By the name of the place."""


def _message(chance: Random) -> bytes:
    return x25519(chance) + seipd(chance)


def _token(words: bytes, mark: bytes) -> bytes:
    return re.sub(rb"[^A-Za-z0-9]+", mark, words).strip(mark)


def _digits(words: bytes, mark: bytes) -> bytes:
    """Words as base64: a multiple of four digits."""
    digits = _token(words, mark)
    return digits[: len(digits) // 4 * 4]


def _armored(lines: bytes) -> bytes:
    return HEAD + b"\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n" + lines + b"\r\n-----END PGP MESSAGE-----\r\n"


def _columns(digits: bytes, width: int = 64) -> bytes:
    return b"\r\n".join(digits[at : at + width] for at in range(0, len(digits), width))


def _as_digits(words: bytes, chance: Random, mark: bytes) -> bytes:
    """A message whose encrypted data is what the words decode to, in full lines."""
    said = base64.b64decode(_digits(words, mark) * 3)
    start = x25519(chance)
    fill = -(len(start) + 7) % 3
    data = start + packet(SEIPD, b"\1" + chance.randbytes(48 + fill) + said)
    return base64.b64encode(data)


def _broken(chance: Random, words: bytes, mark: bytes) -> bytes:
    """A message whose last base64 is words with marks between them that decoders pass over."""
    said = base64.b64decode(_digits(words, b""))
    start = x25519(chance)
    noise = chance.randbytes(60 + -(len(start) + 7) % 3)
    whole = base64.b64encode(start + packet(SEIPD, b"\1" + noise + said))
    front = _columns(whole[: -len(said) // 3 * 4])
    return front + b"\r\n" + _marked(words, mark, len(said) // 3 * 4)


def _marked(words: bytes, mark: bytes, digits: int) -> bytes:
    """So many letters and digits of the words, with the mark in the place of all else."""
    found = re.finditer(rb"[A-Za-z0-9]+|[^A-Za-z0-9]+", words)
    marked = b""
    for match in found:
        left = digits - len(marked.replace(mark, b""))
        marked += match[0][:left] if match[0].isalnum() else mark
    return marked.strip(mark)


def _data(field: bytes) -> bytes:
    return b"Content-Type: application/octet-stream\r\n" + field


IN_WORDS: dict[str, Disguise] = {
    "boundary": lambda words, chance: pgp_mime(_message(chance), boundary=_token(words, b"-")[:60]),
    "boundary without marks": lambda words, chance: pgp_mime(_message(chance), boundary=_token(words, b"")[:60]),
    "boundary in base64": lambda words, chance: pgp_mime(
        _message(chance), boundary=base64.b64encode(words[:48]).rstrip(b"=")
    ),
    "boundary in hexadecimal": lambda words, chance: pgp_mime(_message(chance), boundary=words[:34].hex().encode()),
    "Content-ID": lambda words, chance: pgp_mime(
        _message(chance), data=_data(b"Content-ID: <%b@x>\r\n" % _token(words, b".")[:90])
    ),
    "Content-ID's domain": lambda words, chance: pgp_mime(
        _message(chance), data=_data(b"Content-ID: <1@%b>\r\n" % _token(words, b".")[:90].lower())
    ),
    "description": lambda words, chance: pgp_mime(_message(chance), data=_data(b"Content-Description: %b\r\n" % words)),
    "file name": lambda words, chance: pgp_mime(
        _message(chance), data=b'Content-Type: application/octet-stream; name="%b.asc"\r\n' % words[:60]
    ),
    "disposition": lambda words, chance: pgp_mime(
        _message(chance), data=_data(b'Content-Disposition: attachment; filename="%b.pgp"\r\n' % words[:60])
    ),
    "parameter": lambda words, chance: pgp_mime(
        _message(chance), data=b'Content-Type: application/octet-stream; x="%b"\r\n' % words[:60]
    ),
    "preamble": lambda words, chance: pgp_mime(_message(chance), preamble=words + b"\r\n"),
    "epilogue": lambda words, chance: pgp_mime(_message(chance), epilogue=words),
    "version": lambda words, chance: pgp_mime(_message(chance), said=b"Version: 1 " + words),
    "armor comment": lambda words, chance: pgp_mime(
        b"",
        armor=enarmor(_message(chance), "MESSAGE").replace(
            b"-----\r\n\r\n", b"-----\r\nComment: %b\r\n\r\n" % words, 1
        ),
    ),
    "base64 with blanks": lambda words, chance: _armored(_broken(chance, words, b" ")),
    "base64 in lines of words": lambda words, chance: _armored(_broken(chance, words, b"\r\n")),
    "base64 in full lines": lambda words, chance: _armored(_columns(_as_digits(words, chance, b""))),
    "base64 in full lines, with marks": lambda words, chance: _armored(_columns(_as_digits(words, chance, b"+"))),
    "S/MIME in base64 with words": lambda words, chance: s_mime(
        enveloped(chance, content=chance.randbytes(48) + base64.b64decode(_digits(words, b"") * 2))
    ),
}
"""By the name of the place."""
