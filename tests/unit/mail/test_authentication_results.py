from __future__ import annotations

import time

import pytest

from relay.mail import authentication_results, headers

ID = "mx.hopital.example"

OURS = [
    b"Authentication-Results: mx.hopital.example; dkim=pass",
    b"authentication-RESULTS: MX.Hopital.Example; dkim=pass",
    b"Authentication-Results :mx.hopital.example; dkim=pass",
    b"Authentication-Results:\r\n\tmx.hopital.example;\r\n dkim=pass",
    b"Authentication-Results: mx.hopital.example 1; dkim=pass",
    b"Authentication-Results: mx.hopital.example. ; dkim=pass",
    b"Authentication-Results: mx.hopital.example",
    b'Authentication-Results: "mx.hopital.example"; dkim=pass',
    b'Authentication-Results: "mx\\.hopital.example"; dkim=pass',
    b"Authentication-Results: (a comment) mx.hopital.example (b); dkim=pass",
    b"Authentication-Results: (;) mx.hopital.example; dkim=pass",
    b"Authentication-Results: (a (nested) \\) one;) mx.hopital.example; dkim=pass",
    b"Authentication-Results: mx.hopital(x).example; dkim=pass",
    b"Authentication-Results: mx.hopital.\r\n\texample; dkim=pass",
    b"Authentication-Results: (never closed; mx.hopital.example; dkim=pass",
    b"Authentication-Results: =?utf-8?q?mx=2Ehopital=2Eexample?=; dkim=pass",
    b"Authentication-Results: =?utf-8?b?bXguaG9waXRhbC5leGFtcGxl?=; dkim=pass",
    "Authentication-Results: \uff4d\uff58.hopital.example; dkim=pass".encode(),
    "Authentication-Results: mx.hop\u00adital.example; dkim=pass".encode(),
    "Authentication-Results: mx\u3002hopital\u3002example; dkim=pass".encode(),
]
OTHERS = [
    b"Authentication-Results: mx.elsewhere.example; spf=pass smtp.mailfrom=a@mx.hopital.example",
    b"Authentication-Results: xmx.hopital.example; dkim=pass",
    b"Authentication-Results: mx.hopital.example.evil.example; dkim=pass",
    b"ARC-Authentication-Results: i=1; mx.hopital.example; dkim=pass",
    b"Subject: Authentication-Results: mx.hopital.example; dkim=pass",
]
RECEIVED = b"Received: from x by mx.hopital.example"
MARKS = [b"X-PGP-Relay: encryption=decrypted", b"x-pgp-RELAY :\r\n\tx", b"X-Pgp-Relay:", b"X-PGP-Relay: =?utf-8?q?x?="]


def head(*fields: bytes) -> headers.Head:
    return headers.split(b"".join(field + b"\r\n" for field in fields) + b"\r\nbody")


def raw(fields: tuple[headers.Field, ...]) -> list[bytes]:
    return [field.raw.removesuffix(b"\r\n") for field in fields]


@pytest.mark.parametrize("field", OURS)
def test_below_our_received_it_is_forged(field: bytes) -> None:
    assert raw(authentication_results.genuine(head(RECEIVED, field, b"From: a@b.example"), ID)) == [
        RECEIVED,
        b"From: a@b.example",
    ]


@pytest.mark.parametrize("field", OURS)
def test_above_our_received_it_counts(field: bytes) -> None:
    whole = head(field, RECEIVED, b"Received: from y by x", field)

    assert raw(authentication_results.ours(whole, ID)) == [field]
    assert raw(authentication_results.genuine(whole, ID)) == [field, RECEIVED, b"Received: from y by x"]


@pytest.mark.parametrize("field", OURS)
def test_without_a_received_field_none_stays(field: bytes) -> None:
    assert raw(authentication_results.genuine(head(field, b"From: a@b.example"), ID)) == [b"From: a@b.example"]
    assert authentication_results.ours(head(field), ID) == ()


@pytest.mark.parametrize("field", OTHERS)
def test_others_stay_and_do_not_count(field: bytes) -> None:
    for whole in (head(field, RECEIVED, field), head(field)):
        assert authentication_results.genuine(whole, ID) == whole.fields
        assert authentication_results.ours(whole, ID) == ()


@pytest.mark.parametrize("mark", MARKS)
def test_no_mark_of_others_stays(mark: bytes) -> None:
    assert raw(authentication_results.genuine(head(mark, RECEIVED, mark, mark), ID)) == [RECEIVED]


def test_an_identifier_beyond_ascii() -> None:
    field = "Authentication-Results: mx.hôpital.example; dkim=pass".encode()

    assert raw(authentication_results.genuine(head(RECEIVED, field), "mx.xn--hpital-ixa.example")) == [RECEIVED]


def test_hostile_fields_take_linear_time() -> None:
    begun = time.process_time()
    for text in ("(" * 60_000, "é." * 30_000, '"' * 60_000, "\\" * 60_000, "=?utf-8?q?" * 6_000, ";" * 60_000):
        authentication_results.genuine(head(RECEIVED, b"Authentication-Results: " + text.encode()), ID)
    assert time.process_time() - begun < 3
