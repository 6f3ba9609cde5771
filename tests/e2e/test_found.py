"""Keys find themselves: Postfix -> a relay that knows no key -> the key found by WKD or LDAP -> encrypted."""

from __future__ import annotations

from collections.abc import Iterator

import pysequoia
import pytest
from lab.certificates import Keypair, make_keypair
from lab.correspondent import Correspondent
from lab.published import Published
from lab.slapd import Slapd
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

SENDER = "doctor@front.example"
POLICY = [{"name": "everyone", "encrypt": "preferred"}]


def mail(to: str) -> bytes:
    return f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: canary\r\n\r\nthe body\r\n".encode()


@pytest.fixture(scope="module")
def wkd() -> Iterator[Published]:
    with Published("ville.example") as server:
        yield server


@pytest.fixture(scope="module")
def directory() -> Iterator[Slapd]:
    with Slapd() as server:
        server.add_root()
        server.add_server_info()
        yield server


@pytest.fixture(scope="module")
def whole(wkd: Published, directory: Slapd) -> Iterator[Way]:
    lookup = {"ldap": [{"url": directory.url, "timeout": "10s"}], "wkd": wkd.settings}
    with way({"policy": POLICY, "lookup": lookup}) as made:
        yield made


def decrypted(key: Keypair, armored: bytes) -> bytes:
    secret = pysequoia.Tsk.from_bytes(key.secret)
    return pysequoia.decrypt(armored, decryptor=secret.decryptor()).bytes or b""


def test_a_key_that_the_recipients_domain_publishes(whole: Way, wkd: Published) -> None:
    whole.sink.forget()
    key = make_keypair("<bob@ville.example>")
    wkd.publish("bob@ville.example", key.public)
    whole.mta.submit(SENDER, ["bob@ville.example"], mail("bob@ville.example"))
    (taken,) = whole.mails(1)
    assert b"the body" in decrypted(key, encrypted_part(taken))
    assert whole.relay.trace("--to", "bob@ville.example")[0]["reason"] == "key found: wkd/advanced"


def test_a_key_that_gpg_sent_to_the_hospitals_directory(whole: Way, directory: Slapd) -> None:
    whole.sink.forget()
    with Correspondent() as carol:
        carol.send(directory.writable, carol.new_key("Carol <carol@ville.example>"))
        whole.mta.submit(SENDER, ["carol@ville.example"], mail("carol@ville.example"))
        (taken,) = whole.mails(1)
        assert b"the body" in carol.gpg("--decrypt", data=encrypted_part(taken))
    assert whole.relay.trace("--to", "carol@ville.example")[0]["reason"] == "key found: ldap/gpgMailbox"
