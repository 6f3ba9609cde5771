"""Cryptographic Message Syntax, as far as telling whether all of it is encrypted (RFC 5652, RFC 5083).

Strict: what has attributes or an originator's certificates outside of the encrypted content, a cipher that is none or
is weak, nobody it is for, text in the place of a key, a nonce or ciphertext, or a single octet behind it, is not
enveloped; the safe side is to encrypt it. Names of certificate authorities are text by their nature: each is bounded.
`read_enveloped` raises `Doubtful`, or `OpenPgpError` for what has not the form.
"""

from __future__ import annotations

from collections.abc import Iterator

import pybase64

from relay.mail.ber import Element, Reader
from relay.mail.randomness import are_random_digits, is_random
from relay.model import Doubt
from relay.model.errors import Doubtful, OpenPgpError

MAX_RECIPIENTS = 2_000
MAX_ALGORITHM = 128
"""Octets of an algorithm's identifier and parameters."""
MAX_NAME = 512
"""Octets of the name of a certificate authority."""
MAX_NAMES = 4_096
"""Octets of all different names together."""
MAX_SERIAL = 21
"""Octets of a certificate's serial number (RFC 5280 section 4.1.2.2)."""
MIN_KEY = 24
"""Octets of an encrypted key: one of AES-128 that is wrapped."""
MIN_CONTENT = 1
"""Octets of encrypted content: some ciphers have no blocks."""

_INTEGER, _BITS, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
_OF_A_NAME = frozenset({_OID, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E})
"""Object identifiers, and strings of every kind."""
_ENVELOPED = bytes.fromhex("2a864886f70d010703")
_AUTH_ENVELOPED = bytes.fromhex("2a864886f70d0109100117")
_CONTENTS = frozenset(
    {
        bytes.fromhex("2a864886f70d010701"),  # data
        bytes.fromhex("2a864886f70d010702"),  # signed
        bytes.fromhex("2a864886f70d010703"),  # enveloped
        bytes.fromhex("2a864886f70d0109100109"),  # compressed
        bytes.fromhex("2a864886f70d0109100117"),  # authenticated and enveloped
    }
)
_CIPHERS = (
    bytes.fromhex("60864801650304 01"),  # AES in every mode
    bytes.fromhex("2a864886f70d0307"),  # 3DES
    bytes.fromhex("2a864886f70d010910 0312"),  # ChaCha20-Poly1305 (RFC 8103)
    bytes.fromhex("2a83088c9a4b3d0101 01"),  # Camellia (RFC 3657)
)


def read_enveloped(data: bytes) -> None:
    """Return if it is enveloped data of which nothing but whom it is for can be read."""
    try:
        _Enveloped(data).read()
    except (IndexError, ValueError) as error:  # cut off, or another number of elements
        raise OpenPgpError("not enveloped data") from error


def _expect(condition: bool) -> None:  # noqa: FBT001  a condition is what it is about
    if not condition:
        raise OpenPgpError("not the form of enveloped data")


class _Enveloped:
    """One message while it is read: what of it has to be random, and the names in it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._reader = Reader(data)
        self._keys: list[Element] = []
        self._points: list[Element] = []
        self._nonces: list[Element] = []
        self._numbers: list[Element] = []
        self._names: set[bytes] = set()

    def read(self) -> None:
        reader = self._reader
        kind, explicit = reader.children(reader.whole(), _SEQUENCE)
        oid = reader.value(kind, _OID)
        _expect(oid in {_ENVELOPED, _AUTH_ENVELOPED})
        (inside,) = reader.children(explicit, 0xA0)
        version, recipients, content, *mac = reader.children(inside, _SEQUENCE)
        _expect(len(reader.value(version, _INTEGER)) == 1)
        _expect([one.tag for one in mac] == [_OCTETS] * (oid == _AUTH_ENVELOPED))
        self._nonces += [self._short(one) for one in mac]
        self._recipients(reader.children(recipients, _SET))
        self._verify(self._content(content))

    def _verify(self, text: list[Element]) -> None:
        """What is encrypted or random reads like text neither in its octets nor in the base64 that it is sent as."""
        groups = (self._keys, self._points, self._nonces, self._numbers, text)
        together = (b"".join(dict.fromkeys(map(self._reader.raw, group))) for group in groups)
        digits = (self._digits(one) for one in (*self._keys, *text))
        if not (all(map(is_random, together)) and all(map(are_random_digits, digits))):
            raise Doubtful(Doubt.READABLE)

    def _digits(self, element: Element) -> bytes:
        start = element.start - element.start % 3
        return pybase64.b64encode(self._data[start : element.end]).rstrip(b"=")

    def _short(self, octets: Element) -> Element:
        _expect(len(self._reader.value(octets, _OCTETS)) <= MAX_ALGORITHM)
        return octets

    def _content(self, content: Element) -> list[Element]:
        reader = self._reader
        kind, algorithm, encrypted = reader.children(content, _SEQUENCE)
        _expect(reader.value(kind, _OID) in _CONTENTS)
        cipher = reader.value(reader.children(algorithm, _SEQUENCE)[0], _OID)
        _expect(cipher.startswith(_CIPHERS) and len(cipher) <= 12)
        self._algorithm(algorithm)
        text = reader.pieces(encrypted, 0x80, 0xA0)
        _expect(sum(piece.end - piece.start for piece in text) >= MIN_CONTENT)
        return text

    def _recipients(self, recipients: list[Element]) -> None:
        _expect(0 < len(recipients) <= MAX_RECIPIENTS)
        for recipient in recipients:
            self._recipient(recipient)
        _expect(sum(map(len, self._names)) <= MAX_NAMES)

    def _recipient(self, recipient: Element) -> None:
        """RFC 5652 section 6.2: a key that is transported, agreed on, held before, or derived from a password."""
        match recipient.tag:
            case 0x30:
                version, who, algorithm, key = self._reader.children(recipient, _SEQUENCE)
                self._holder(who)
                self._key(algorithm, key)
            case 0xA1:
                version, *found = self._reader.children(recipient, 0xA1)
                self._agreement(found)
            case 0xA2:
                version, who, algorithm, key = self._reader.children(recipient, 0xA2)
                self._numbers.append(self._short(*self._reader.children(who, _SEQUENCE)))
                self._key(algorithm, key)
            case 0xA3:
                version, *derivation, algorithm, key = self._reader.children(recipient, 0xA3)
                _expect(len(derivation) <= 1)
                self._parameters(derivation)
                self._key(algorithm, key)
            case _:
                raise OpenPgpError("another way to hand over a key")
        _expect(len(self._reader.value(version, _INTEGER)) == 1)

    def _agreement(self, elements: list[Element]) -> None:
        """The originator, perhaps keying material, the algorithm, and a key for each of several (section 6.2.2)."""
        reader = self._reader
        originator, *material, algorithm, keys = elements
        (who,) = reader.children(originator, 0xA0)
        if who.tag == 0xA1:
            kind, bits = reader.children(who, 0xA1)
            _expect(bits.tag == _BITS)
            point = Element(
                _BITS, bits.start + 2, bits.end, bits.after
            )  # behind unused bits, and the form of the point
            self._algorithm(kind)
            self._points.append(point)
        else:
            self._holder(who)
        _expect(len(material) <= 1)
        for one in material:
            self._nonces.append(self._short(*reader.children(one, 0xA1)))
        self._algorithm(algorithm)
        for each in reader.children(keys, _SEQUENCE):
            holder, key = reader.children(each, _SEQUENCE)
            self._holder(holder)
            self._encrypted_key(key)

    def _holder(self, who: Element) -> None:
        """Whose certificate it is: issuer and serial number, or the identifier of its key."""
        reader = self._reader
        match who.tag:
            case 0x80:
                self._numbers.append(self._short(Element(_OCTETS, *who[1:])))
            case 0xA0:
                first, *_other = reader.children(who, 0xA0)
                self._numbers.append(self._short(first))
                _expect(not _other)
            case _:
                issuer, serial = reader.children(who, _SEQUENCE)
                number = reader.value(serial, _INTEGER)
                name = reader.raw(issuer)
                _expect(len(name) <= MAX_NAME and len(number) <= MAX_SERIAL)
                _expect(all(leaf.tag in _OF_A_NAME for leaf in self._leaves(reader.children(issuer, _SEQUENCE))))
                self._names.add(name)
                if len(number) > 8:  # shorter ones are counted up
                    self._numbers.append(serial)

    def _key(self, algorithm: Element, key: Element) -> None:
        self._algorithm(algorithm)
        self._encrypted_key(key)

    def _encrypted_key(self, key: Element) -> None:
        _expect(len(self._reader.value(key, _OCTETS)) >= MIN_KEY)
        self._keys.append(key)

    def _algorithm(self, algorithm: Element) -> None:
        _expect(algorithm.tag == _SEQUENCE and algorithm.end - algorithm.start <= MAX_ALGORITHM)
        self._parameters(self._reader.children(algorithm, _SEQUENCE))

    def _parameters(self, elements: list[Element]) -> None:
        """An algorithm's parameters may hold a nonce or a salt, and nothing else that is free."""
        for leaf in self._leaves(elements):
            value = self._reader.value(leaf, leaf.tag)
            match leaf.tag:
                case 0x04 if len(value) <= 64:
                    self._nonces.append(leaf)
                case 0x02 if len(value) <= 4:
                    pass
                case 0x05 if not value:
                    pass
                case 0x06 if len(value) <= 12:
                    pass
                case _:
                    raise OpenPgpError("a parameter that no algorithm has")

    def _leaves(self, elements: list[Element]) -> Iterator[Element]:
        waiting = elements[::-1]
        while waiting:
            element = waiting.pop()
            if element.tag & 0x20:
                waiting += self._reader.children(element, element.tag)[::-1]
            else:
                yield element
