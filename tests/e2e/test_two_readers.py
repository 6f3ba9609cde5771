"""Postfix and the relay read one address alike, or the relay takes it for ambiguous, of which no clear mail comes.

Names: where Postfix would send, as the name that it asks its name server for. Addresses: the house or outside, and
the mailbox, as Postfix hands it to the next hop.
"""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from lab.dns import NameServer
from lab.postfix import Postfix
from lab.sink import Sink
from lab.spellings import HOUSE, addresses, names

from relay.model import Address
from relay.model.errors import AddressError

COUNT = 5000
SEED = 20261127
PATIENT = {
    **dict.fromkeys(("smtpd_hard_error_limit", "smtpd_soft_error_limit", "smtpd_recipient_limit"), "100000"),
    "smtpd_error_sleep_time": "0",
    "smtpd_relay_restrictions": "",
}
KNOWN_NAMES = (
    "i\N{HEAVY BLACK HEART}.ws",
    "\N{FULLWIDTH LATIN SMALL LETTER H}ouse.example",
    "house\N{IDEOGRAPHIC FULL STOP}example",
    "hou\N{SOFT HYPHEN}se.example",
    "hou\N{WORD JOINER}se.example",
    "fa\N{LATIN SMALL LETTER SHARP S}.example",
)


def said(client: smtplib.SMTP, command: str) -> int:
    client.send(f"{command}\r\n".encode())
    code, _ = client.getreply()
    return code


@contextmanager
def talking(port: int) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=60) as client:
        client.ehlo()
        assert said(client, "MAIL FROM:<doctor@front.example> SMTPUTF8") == 250
        yield client


def ours(address: str) -> Address | None:
    try:
        return Address(address)
    except AddressError:
        return None


def told(counts: Counter[str], capsys: pytest.CaptureFixture[str], what: str) -> None:
    with capsys.disabled():
        print(f"\n{what}: {dict(counts)}")


def test_a_domain_is_one_name_for_postfix_and_the_relay_or_ambiguous(capsys: pytest.CaptureFixture[str]) -> None:
    counts, wrong = Counter[str](), []
    main = {
        **PATIENT,
        "disable_dns_lookups": "no",
        "smtpd_recipient_restrictions": "reject_unknown_recipient_domain, reject",
    }
    with NameServer() as server, Postfix(main=main, resolver=server.address) as mta, talking(mta.port) as client:
        for name in (*KNOWN_NAMES, *names(SEED, COUNT)):
            said(client, f"RCPT TO:<bob@{name}>")
            asked = server.asked()
            read = ours(f"bob@{name}")
            verdict = _of_name(asked, read)
            counts[verdict] += 1
            if verdict == "differ":
                wrong.append((name, asked, read and read.domain))
    told(counts, capsys, "names")
    assert not wrong, wrong[:20]
    assert counts["agree"] > COUNT / 10 < counts["ambiguous"]


def _of_name(asked: list[str], read: Address | None) -> str:
    if not asked:
        return "not of Postfix"
    if read is None or read.ambiguous:
        return "ambiguous"
    return "agree" if [name.lower() for name in asked] == [read.domain] else "differ"


def test_an_address_is_one_mailbox_for_postfix_and_the_relay_or_ambiguous(capsys: pytest.CaptureFixture[str]) -> None:
    counts, wrong = Counter[str](), []
    tried = dict(enumerate(addresses(SEED, COUNT)))
    arrived = through_postfix(tried.values())
    for number, address in tried.items():
        read = ours(address)
        verdict = _of_address(arrived.get(number), read)
        counts[verdict] += 1
        if verdict == "differ":
            wrong.append((address, arrived[number], read and read.key))
    told(counts, capsys, "addresses")
    assert not wrong, wrong[:20]
    assert counts["agree"] > COUNT / 10 < counts["ambiguous"]


def _of_address(arrived: tuple[bool, str] | None, read: Address | None) -> str:
    if arrived is None:
        return "not of Postfix"
    if read is None or read.ambiguous or read.nameless:
        return "ambiguous"
    inside, text = arrived
    return "agree" if inside == (read.domain == HOUSE) and Address(text) == read else "differ"


def through_postfix(tried: Iterable[str]) -> dict[int, tuple[bool, str]]:
    """By its number: whether it is of the house for Postfix, and the address that the next hop got."""
    with Sink() as outside, Sink(lmtp=True) as inside:
        main = {**PATIENT, "mydestination": HOUSE, "local_recipient_maps": "", "disable_dns_lookups": "yes"}
        main |= {
            "local_transport": f"lmtp:inet:127.0.0.1:{inside.port}",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        }
        with Postfix(relayhost=outside.port, main=main) as mta:
            with talking(mta.port) as client:
                for number, address in enumerate(tried):
                    said(client, f"RCPT TO:<{address}> ORCPT=rfc822;{number}")
                assert said(client, "DATA") == 354
                assert said(client, "From: doctor@front.example\r\nSubject: x\r\n\r\nx\r\n.") == 250
            mta.wait_empty()
        return {
            int(option.partition(";")[2]): (sink is inside, address)
            for sink in (outside, inside)
            for mail in sink.taken
            for address, options in mail.recipients.items()
            for option in options
            if option.startswith("ORCPT")
        }
