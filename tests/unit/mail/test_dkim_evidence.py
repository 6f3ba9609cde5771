"""DKIM signatures and our MX's results, as opendkim, rspamd and others write them; and forged ones."""

from __future__ import annotations

import time

import pytest

from relay.mail import dkim_evidence, headers
from relay.model import Address
from relay.model.dkim import DkimEvidence, DkimResult

ID = "mx.hopital.example"
RECEIVED = b"Received: from a by mx.hopital.example; Tue, 1 Dec 2026 11:06:07 +0000\r\n"
SENDER = Address("bob@ville.example")
SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=Ville.example;\r\n"
    b"\ts=s1; t=1796000000; h=From:Date:\r\n\tAutocrypt ; bh=xyz=;\r\n\tb=AAaa BB/+\r\n\t cc==;\r\n"
)
HOLDS = DkimResult(passed=True, domain="ville.example", selector="s1", begins="AAaaBB/+")


def evidence(
    *results: bytes, rest: bytes = SIGNATURE, sender: Address | None = SENDER, received: bytes = RECEIVED
) -> DkimEvidence:
    above = b"".join(b"Authentication-Results: %b\r\n" % one for one in results)
    return dkim_evidence.read(headers.split(above + received + rest + b"\r\nbody\r\n"), ID, sender)


@pytest.mark.parametrize(
    "written",
    [
        b'mx.hopital.example; dkim=pass header.d=ville.example header.s=s1 header.b="AAaaBB/+"',
        (
            b"mx.hopital.example;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=ville.example"
            b' header.i=@ville.example header.a=rsa-sha256 header.s=s1 header.b="AAaaBB/+"'
        ),
        (
            b'mx.hopital.example; spf=pass smtp.mailfrom=bob@ville.example; dkim=pass reason="a; b"'
            b" header.i=bob@ville.example header.s=s1 header.b=AAaaBB/+; dmarc=pass (p=none) header.from=ville.example"
        ),
        (
            b"MX.hopital.example 1; DKIM/1 = Pass (a (nested) \\) comment)"
            b" Header . D=VILLE.example header.s=S1 header.b=AAaaBB/+"
        ),
    ],
)
def test_the_results_of_real_verifiers_are_read(written: bytes) -> None:
    assert evidence(written).results == (HOLDS,)


@pytest.mark.parametrize(
    "written",
    [
        b"mx.elsewhere.example; dkim=pass header.d=ville.example",
        b"mx.hopital.example; dkim=pass",
        b'mx.hopital.example; dkim=pass header.d="ville.example',
        b"mx.hopital.example; dkim=pass (header.d=ville.example",
        b"mx.hopital.example; dkim=pass header.d=evil.example header.d=ville.example",
        b"mx.hopital.example; dkim=pass header.d=ville.example and more",
        b"mx.hopital.example; x-dkim=pass header.d=ville.example",
        b'mx.hopital.example; spf=pass reason="; dkim=pass header.d=ville.example"',
        b"mx.hopital.example; spf=pass (; dkim=pass header.d=ville.example)",
        b"mx.hopital.example dkim=pass header.d=ville.example",
    ],
)
def test_what_is_no_result_of_ours_is_none(written: bytes) -> None:
    assert evidence(written).results == ()


def test_a_result_that_is_forged_below_our_received_field_is_none() -> None:
    forged = b"Authentication-Results: mx.hopital.example; dkim=pass header.d=ville.example\r\n"
    assert evidence(rest=forged + SIGNATURE).results == ()


def test_every_result_is_told_also_those_that_do_not_hold() -> None:
    found = evidence(b"mx.hopital.example; dkim=fail header.d=ville.example; dkim=pass header.d=evil.example")
    assert [(one.passed, one.domain) for one in found.results] == [(False, "ville.example"), (True, "evil.example")]


def test_a_signature_is_read() -> None:
    (one,) = evidence().signatures or ()
    assert (one.domain, one.selector, one.value, one.limited) == ("ville.example", "s1", "AAaaBB/+cc==", False)
    assert one.fields == {"from", "date", "autocrypt"}


def test_one_that_is_made_for_the_beginning_of_the_body_says_so() -> None:
    (one,) = evidence(rest=SIGNATURE.replace(b"s=s1;", b"s=s1; l=0;")).signatures or ()
    assert one.limited


@pytest.mark.parametrize(
    "odd",
    [
        SIGNATURE.replace(b"d=Ville.example", b"d=evil.example; d=ville.example"),
        SIGNATURE.replace(b"d=Ville.example", b"x=1"),
        SIGNATURE.replace(b"s=s1", b"s=s1; i=a=3B=20dkim=3Dpass@ville.example"),
        SIGNATURE.replace(b"s=s1", b"s=s1; i=a(@ville.example"),
        SIGNATURE.replace(b"s=s1", b's=s1; i="a"@ville.example'),
        SIGNATURE.replace(b"s=s1", b"s=s1(x)"),
        SIGNATURE.replace(b"d=Ville.example", b"d=ville.example(x)"),
        SIGNATURE.replace(b"a=rsa-sha256", b"a=(rsa)"),
        SIGNATURE.replace(b"h=From", b"x=From"),
        SIGNATURE.replace(b"s=s1", b"s"),
        SIGNATURE.replace(b"From:Date", b"From:Da te"),
        SIGNATURE.replace(b"From:Date", b"Sender:Date"),
        SIGNATURE.replace(b"b=AA", b"b=\xc3\xa9"),
        SIGNATURE.replace(b"v=1", b"v=" + b"1" * dkim_evidence.MOST_OCTETS),
        SIGNATURE * (dkim_evidence.MOST_FIELDS + 1),
    ],
)
def test_one_that_cannot_be_read_spoils_them_all(odd: bytes) -> None:
    assert evidence(rest=SIGNATURE + odd).signatures is None


PASS = b"mx.hopital.example; dkim=pass header.d=ville.example"


@pytest.mark.parametrize("sender", ["a;dkim=pass@x.example", "a(b@x.example", '"a"@x.example', "a)@x.example"])
def test_where_the_envelope_sender_could_begin_a_result_there_is_none(sender: str) -> None:
    assert evidence(PASS).results
    assert evidence(PASS, sender=None).results
    assert evidence(PASS, sender=Address("b+tag=x.example@srs.example")).results
    assert evidence(PASS, sender=Address(sender)) == DkimEvidence()


def test_where_the_clients_name_could_begin_a_result_there_is_none() -> None:
    client = RECEIVED.replace(b"from a", b"from a;dkim=pass(x)header.d=ville.example")
    assert evidence(PASS, received=client) == DkimEvidence()
    assert evidence(PASS, received=RECEIVED.partition(b";")[0] + b"\r\n") == DkimEvidence()


def test_a_mail_without_any_has_none() -> None:
    assert dkim_evidence.read(headers.split(b"From: a@b\r\n\r\n"), ID, SENDER) == DkimEvidence()


@pytest.mark.parametrize("piece", [b"(", b'"', b"\\", b";", b" dkim=pass", b"; dkim=pass header.d=a.b", b"a.b = c "])
def test_reading_takes_linear_time(piece: bytes) -> None:
    long = piece * (dkim_evidence.MOST_OCTETS // len(piece) - 10)
    begun = time.process_time()
    for _ in range(3):
        evidence(b"mx.hopital.example;" + long, rest=SIGNATURE.replace(b"v=1", long))
    assert time.process_time() - begun < 1.0
