"""Whose key signs a mail, and what the mail announces: the whole pipeline, with what is around it in memory."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest
from lab.certificates import make_keypair
from lab.fakes import found, inbound
from lab.outgoing import Bench

from relay.mail import content_type, headers, mime, packets
from relay.mail.certificate_parts import parts, without_subkeys
from relay.mail.fingerprints import fingerprint
from relay.model import Address, Inbound, NotFound, Signer
from relay.model.own import OwnKey, OwnSubkey
from relay.pipeline.author import Authors
from relay.policy import Encryption, Rule

MARTIN = "dr.martin@hopital.example"
B, C = "b@there.example", "c@there.example"
OTHER = Signer("F" * 40)
INSIDE = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"))
CERTIFICATE = make_keypair(f"<{MARTIN}>").public
SUBKEY = next(fingerprint(body) for tag, body in parts(CERTIFICATE) if tag == packets.PUBLIC_SUBKEY)
OWN = OwnKey(
    Address(MARTIN), fingerprint(next(iter(parts(CERTIFICATE)))[1]), CERTIFICATE, (OwnSubkey(SUBKEY, 1, 2, ""),), 1
)
SIGNER = Signer(OWN.fingerprint, without_subkeys(CERTIFICATE, frozenset({SUBKEY})))
LETTER = f"From: Dr Martin <{MARTIN}>\r\nTo: b@there.example, c@there.example\r\nSubject: canary\r\n\r\nbody\r\n"


@dataclass
class Own:
    """`OwnSenders`."""

    keys: Mapping[str, OwnKey]

    async def key(self, address: Address) -> OwnKey | None:
        return self.keys.get(address.key)


def letter(content: str = LETTER, *, sender: str | None = MARTIN, client: str = "10.0.0.5") -> Inbound:
    mail = inbound(B, C, content=content.encode(), sender=sender)
    return replace(mail, envelope=replace(mail.envelope, xforward=(("ADDR", client),)))


def bench(rule: Rule, *, announced: bool = True, on_clear: bool = False) -> Bench:
    authors = Authors(
        lambda _sender: OTHER.fingerprint,
        Own({MARTIN: OWN}),
        INSIDE,
        announced=announced,
        announced_on_clear=on_clear,
    )
    return Bench(rule, answers={B: found(B), C: NotFound("keyring")}, authors=authors)


PREFERRED = Rule(name="preferred", encrypt=Encryption.PREFERRED)
SIGNED = replace(PREFERRED, sign_clear=True)


@pytest.mark.parametrize(
    ("mail", "own"),
    [
        (letter(), True),
        (letter(LETTER.replace(MARTIN, MARTIN.upper())), True),
        (letter(client="203.0.113.9"), False),
        (letter(client="[UNAVAILABLE]"), False),
        (letter(sender="accueil@hopital.example"), False),
        (letter(sender=None), False),
        (letter(LETTER.replace(MARTIN, "accueil@hopital.example")), False),
        (letter(LETTER.replace("\r\nTo:", ", x@hopital.example\r\nTo:")), False),
        (letter(f"From: {MARTIN}\r\n{LETTER}"), False),
        (letter(f"Received: from x (x [203.0.113.9]) by mx with ESMTP; d\r\n{LETTER}"), False),
        (letter(f"X-PGP-Relay: encryption=decrypted\r\n{LETTER}"), False),
        (letter(LETTER.partition("\r\n")[2]), False),
    ],
)
async def test_an_own_key_signs_where_it_is_sure_who_wrote_it_and_another_does_otherwise(
    mail: Inbound, own: bool
) -> None:
    at = bench(PREFERRED)
    await at.run(mail)
    assert at.engine.signers == [SIGNER if own else OTHER]
    signed_by = {record.recipient: record.signed_by for record in at.trail.records}
    assert signed_by == {B: OWN.fingerprint if own else OTHER.fingerprint, C: ""}


async def test_a_rule_without_signatures_has_none_of_own_keys_either() -> None:
    at = bench(replace(PREFERRED, sign=False))
    await at.run(letter())
    assert at.engine.signers == [None]


@pytest.mark.parametrize(
    ("announced", "on_clear", "where"), [(False, False, []), (True, False, [B]), (True, True, [B, C])]
)
async def test_the_autocrypt_field_stands_where_the_configuration_says(
    announced: bool, on_clear: bool, where: list[str]
) -> None:
    at = bench(PREFERRED, announced=announced, on_clear=on_clear)
    await at.run(letter())
    found = {to[0]: headers.all(headers.split(content), "autocrypt") for to, content in at.mails()}
    assert sorted(to for to, fields in found.items() if fields) == where
    for (field,) in filter(None, found.values()):
        assert field.value.startswith(f"addr={MARTIN}; keydata=")
        data = base64.b64decode(field.value.partition("keydata=")[2].replace(" ", ""))
        assert [packet.tag for packet in packets.walk(data)] == [6, 13, 2, 14, 2]


async def test_a_mail_of_another_author_announces_nothing_and_keeps_the_field_of_its_client() -> None:
    at = bench(PREFERRED, on_clear=True)
    await at.run(letter(f"Autocrypt: addr=x@y.example; keydata=AAAA\r\n{LETTER}", sender="accueil@hopital.example"))
    values = [headers.all(headers.split(content), "autocrypt")[0].value for _, content in at.mails()]
    assert values == ["addr=x@y.example; keydata=AAAA"] * 2


async def test_clear_mail_is_passed_on_byte_for_byte_but_for_the_field() -> None:
    at = bench(PREFERRED, on_clear=True)
    mail = letter(f"Autocrypt: nonsense\r\n{LETTER}")
    await at.run(mail)
    clear = next(content for to, content in at.mails() if to == [C])
    head = headers.split(clear)
    (ours,) = headers.all(head, "autocrypt")
    received = head.fields[0].raw
    assert clear == received + LETTER.encode().replace(b"\r\n\r\n", b"\r\n" + ours.raw + b"\r\n", 1)


async def test_clear_mail_is_signed_where_the_rule_says_so() -> None:
    at = bench(SIGNED)
    assert await at.run(letter()) == [250, 250]
    clear = next(content for to, content in at.mails() if to == [C])
    whole = mime.root(clear)
    kind = content_type.of(whole.head)
    assert kind is not None
    assert kind.kind == "multipart/signed"
    assert at.engine.payloads[-1] == b"\r\nbody\r\n"
    assert at.engine.signers == [SIGNER] * 2
    assert {record.signed_by for record in at.trail.records} == {OWN.fingerprint}


@pytest.mark.parametrize(
    "old_and_new",
    [
        ("Subject: canary", "Subject: canary\r\nList-Id: <x.hopital.example>"),
        ("Subject: canary", "Content-Type: text/calendar"),
        ("Subject: canary", "Content-Type: multipart/report; boundary=b"),
        ("Subject: canary", 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b'),
        ("Subject: canary", 'Content-Type: multipart/signed; protocol="x/y"; boundary=b'),
        ("body", "-----BEGIN PGP SIGNED MESSAGE-----"),
        ("Subject: canary", "Content-Type: text/plain; name=\xe9\r\nContent-Transfer-Encoding: x-unknown"),
    ],
)
async def test_what_is_not_to_be_signed_in_clear_is_left_alone(old_and_new: tuple[str, str]) -> None:
    at = bench(SIGNED)
    mail = letter(
        LETTER.replace(*old_and_new).replace("body", "body ")
        if "x-unknown" in old_and_new[1]
        else LETTER.replace(*old_and_new)
    )
    assert await at.run(mail) == [250, 250]
    assert next(content for to, content in at.mails() if to == [C]).endswith(mail.content)
    assert {record.recipient: record.signed_by for record in at.trail.records}[C] == ""


async def test_what_leaves_late_is_not_signed_in_clear_and_the_trace_says_so() -> None:
    at = bench(SIGNED)
    mail = letter(f"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n{LETTER}")
    await at.run(mail)
    assert at.engine.signers == [None]
    reasons = {record.recipient: record.reason for record in at.trail.records}
    assert all(reason.endswith("not signed: its Date is more than 50 minutes from now") for reason in reasons.values())


async def test_where_signing_fails_nothing_leaves() -> None:
    at = bench(SIGNED)
    at.engine.fail = True
    assert await at.run(letter()) == [451, 451]
    assert at.outlet.sent == []


async def test_hidden_recipients_stay_hidden_in_what_is_signed_in_clear() -> None:
    at = bench(SIGNED)
    await at.run(
        letter(LETTER.replace(", c@there.example", "").replace("\r\nSubject", "\r\nBcc: c@there.example\r\nSubject"))
    )
    clear = next(content for to, content in at.mails() if to == [C])
    assert b"multipart/signed" in clear
    assert b"c@there.example" not in clear
