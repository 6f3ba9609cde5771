"""Probes of the incoming way: whether the forged results in them would be believed."""

from __future__ import annotations

from relay.mail import probe

MX = "mx.hopital.example"
RECEIVED = b"Received: from client by mx.hopital.example (Postfix); Tue, 1 Dec 2026 08:00:00 +0000\r\n"


def test_below_the_field_of_our_mx_forged_results_do_not_survive() -> None:
    mail = probe.write(probe.new_token(), "", "dr@hopital.example", MX)
    assert mail.lower().count(b"authentication-results:") == 2
    assert not probe.is_forged(RECEIVED + mail, MX)
    assert not probe.is_forged(b"Authentication-Results: mx.hopital.example; dkim=none\r\n" + RECEIVED + mail, MX)


def test_where_our_mx_writes_no_field_they_would_be_believed_or_stay() -> None:
    mail = probe.write(probe.new_token(), "", "dr@hopital.example", MX)
    fields, _, rest = mail.partition(b"From:")
    assert probe.is_forged(fields + RECEIVED + b"From:" + rest, MX)
    assert probe.is_forged(RECEIVED + mail, "another.example")


def test_a_probe_of_the_outgoing_way_bears_none() -> None:
    mail = probe.write(probe.new_token(), "", "dr@hopital.example")
    assert b"Authentication-Results" not in mail
    assert probe.token_in(mail)
