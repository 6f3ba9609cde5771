"""The Autocrypt field: Level 1's five packets, one field an author, never over 10 KiB."""

from __future__ import annotations

import base64
import re

import pysequoia
import pytest
from lab.certificates import make_keypair

from relay.mail import autocrypt, headers, packets
from relay.mail.certificate_parts import joined, parts
from relay.mail.fingerprints import fingerprint
from relay.mail.headers import Field
from relay.model import Address

MARTIN = Address("Dr.Martin@hopital.example")
CERTIFICATE = make_keypair("<dr.martin@hopital.example>").public
SUBKEYS = [fingerprint(body) for tag, body in parts(CERTIFICATE) if tag == packets.PUBLIC_SUBKEY]


def encryption_subkey() -> str:
    """Of the certificate, as Sequoia reads it."""
    message = pysequoia.encrypt(b"x", recipients=[pysequoia.Cert.from_bytes(CERTIFICATE)], armor=False)
    named = packets.pkesk_key_id(packets.body(message, next(iter(packets.walk(message)))))
    return next(one for one in SUBKEYS if one.endswith(named))


def fields(*raw: bytes) -> tuple[Field, ...]:
    return headers.split(b"".join(raw) + b"\r\n").fields


def test_it_holds_the_five_packets_and_can_be_encrypted_to() -> None:
    line = autocrypt.field(MARTIN, CERTIFICATE, encryption_subkey())
    found = re.fullmatch(
        rb"Autocrypt: addr=Dr.Martin@hopital.example; keydata=((?:\r\n [A-Za-z0-9+/=]{1,72})+)\r\n", line
    )
    assert found is not None
    data = base64.b64decode(found[1])
    assert [packet.tag for packet in packets.walk(data)] == [6, 13, 2, 14, 2]
    assert pysequoia.encrypt(b"x", recipients=[pysequoia.Cert.from_bytes(data)])
    assert len(SUBKEYS) > 1, "there was something to leave out"


def test_of_several_signatures_the_newest_own_one_is_taken() -> None:
    whole = parts(CERTIFICATE)
    (user_id,) = [part for part in whole if part[0] == packets.USER_ID]
    stranger = next(iter(parts(make_keypair("<x@y.example>").public)[(13, b"<x@y.example>")]))
    whole[user_id] = {stranger: None, **whole[user_id]}
    assert autocrypt.minimal(joined(whole), encryption_subkey()) == autocrypt.minimal(CERTIFICATE, encryption_subkey())


@pytest.mark.parametrize("author", ['"a;b"@hopital.example', "a=b@hopital.example", "médecin@hopital.example"])
def test_an_address_that_would_need_quotes_has_none(author: str) -> None:
    assert autocrypt.field(Address(author), CERTIFICATE, encryption_subkey()) == b""


@pytest.mark.parametrize(("data", "subkey"), [(CERTIFICATE, "F" * 40), (b"", "F" * 40), (b"no packets", "F" * 40)])
def test_without_its_encryption_subkey_there_is_none(data: bytes, subkey: str) -> None:
    assert autocrypt.field(MARTIN, data, subkey) == b""


def test_one_that_is_too_large_is_left_out() -> None:
    long = make_keypair(f"{'x' * 9000} <dr.martin@hopital.example>").public
    subkeys = [fingerprint(body) for tag, body in parts(long) if tag == packets.PUBLIC_SUBKEY]
    assert [autocrypt.field(MARTIN, long, subkey) for subkey in subkeys] == [b""] * len(subkeys)


OURS = b"Autocrypt: addr=dr.martin@hopital.example; keydata=\r\n AAAA\r\n"


@pytest.mark.parametrize(
    "theirs",
    [
        b"Autocrypt: addr=dr.martin@hopital.example; keydata=BBBB\r\n",
        b"autocrypt: addr=DR.MARTIN@hopital.example; prefer-encrypt=mutual;\r\n keydata=\r\n BBBB\r\n",
    ],
)
def test_the_clients_own_field_for_the_author_stays_and_ours_is_left_out(theirs: bytes) -> None:
    assert autocrypt.placed(fields(b"From: x\r\n", theirs), OURS, MARTIN) == fields(b"From: x\r\n", theirs)


@pytest.mark.parametrize(
    "theirs",
    [
        b"Autocrypt: addr=accueil@hopital.example; keydata=BBBB\r\n",
        b"Autocrypt: keydata=BBBB\r\n",
        b"Autocrypt: addr=dr.martin@hopital.example\r\n",
        b"Autocrypt: addr=dr.martin@hopital.example; keydata=" + b"B" * 11000 + b"\r\n",
        b"",
    ],
)
def test_what_else_is_called_autocrypt_goes_where_ours_comes(theirs: bytes) -> None:
    assert autocrypt.placed(fields(b"From: x\r\n", theirs), OURS, MARTIN) == fields(b"From: x\r\n", OURS)


def test_where_there_is_none_of_ours_nothing_changes() -> None:
    theirs = fields(b"Autocrypt: addr=accueil@hopital.example; keydata=BBBB\r\n")
    assert autocrypt.placed(theirs, b"", MARTIN) == theirs
