"""Mail that is encrypted already, or looks so: what leaves of it, and what the trace, `explain` and notices say."""

from __future__ import annotations

import email
import email.policy
import json
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest
from lab.disguises import IN_WORDS, PLACES, pgp_mime
from lab.known import KNOWN, UNKNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink
from lab.texts import TEXTS

SENDER = "medecin@hopital.example"
RULES = [
    {"name": "known", "to": ["*@ville.example"], "pass_encrypted": "known", "encrypt": "required"},
    {"name": "preferred", "to": ["*@prefer.example"], "pass_encrypted": "known", "encrypt": "preferred"},
    {"name": "any", "encrypt": "required"},
]
ELSEWHERE, PREFERRED, KNOWN_PREFERRED = "x@ailleurs.example", "nobody@prefer.example", "known@prefer.example"
LOOKED = {"en": "It looked encrypted already", "fr": "Il semblait déjà chiffré"}
NOT_KNOWN = "it looks encrypted, but it is not encrypted to a key that is known for this recipient"


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    known: Known
    stranger: str
    language: str

    def sent(self, content: bytes, recipient: str) -> bytes:
        """What arrives of it: the mail, or the notice about it."""
        self.sink.forget()
        with smtplib.LMTP("127.0.0.1", self.relay.port, timeout=60) as client:
            client.sendmail(SENDER, [recipient], content)
        (mail,) = self.sink.wait_for(1)
        return mail.content

    def traced(self) -> tuple[str, str]:
        row = json.loads(self.relay.run("trace", "--json").stdout.splitlines()[-1])
        return row["action"], row["reason"]

    def encrypted(self, *to: str) -> bytes:
        words = [word for fingerprint in to for word in ("-r", fingerprint)]
        armor = self.known.person.gpg(
            "--trust-model", "always", "-a", "-e", *words, data=b"Content-Type: text/plain\n\nhi"
        )
        return pgp_mime(b"", armor=armor.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


@pytest.fixture(scope="module", params=["en", "fr"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Known(KNOWN, KNOWN_PREFERRED) as known, Sink() as sink, Relay() as relay:
        stranger = known.person.new_key("Stranger <stranger@ailleurs.example>")
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": RULES}
        relay.configure({**relay.settings, **settings, "notices": {"language": request.param}})
        known.introduce(relay)
        relay.start()
        yield Bench(relay, sink, known, stranger, request.param)


def body_of(mail: bytes) -> bytes:
    return mail.partition(b"\r\n\r\n")[2]


def notice_text(mail: bytes) -> str:
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report"
    return " ".join(str(next(iter(parsed.iter_parts())).get_content()).split())


@pytest.mark.parametrize(("recipient", "which"), [(KNOWN, 0), (KNOWN_PREFERRED, 1)])
def test_to_a_known_key_it_passes_unchanged(bench: Bench, recipient: str, which: int) -> None:
    content = bench.encrypted(bench.known.fingerprints[which], bench.stranger)
    assert body_of(bench.sent(content, recipient)) == body_of(content)
    assert bench.traced() == ("pass", "already encrypted: PGP/MIME")


@pytest.mark.parametrize("recipient", [KNOWN, KNOWN_PREFERRED])
def test_to_another_key_it_is_encrypted_again(bench: Bench, recipient: str) -> None:
    content = bench.encrypted(bench.stranger)
    mail = bench.sent(content, recipient)
    assert is_encrypted(mail)
    assert body_of(mail) != body_of(content)
    assert bench.traced()[0] == "encrypt"
    words = ("explain", "--from", SENDER, "--to", recipient, "--message", "-")
    said = " ".join(bench.relay.run(*words, content=content).stdout.decode().split())
    assert "it is not encrypted to a key that is known for this recipient" in said


def test_without_a_known_key_it_is_refused_where_encryption_is_required(bench: Bench) -> None:
    text = notice_text(bench.sent(bench.encrypted(bench.stranger), UNKNOWN))
    assert LOOKED[bench.language] in text
    assert bench.traced() == ("refuse", f"no key is known; {NOT_KNOWN}")


def test_without_a_key_it_passes_where_encryption_is_preferred(bench: Bench) -> None:
    content = bench.encrypted(bench.stranger)
    assert body_of(bench.sent(content, PREFERRED)) == body_of(content)
    assert bench.traced() == ("clear", f"no key is known; {NOT_KNOWN}")


def test_any_encrypted_mail_passes_under_a_rule_that_says_nothing_of_it(bench: Bench) -> None:
    content = bench.encrypted(bench.stranger)
    assert body_of(bench.sent(content, ELSEWHERE)) == body_of(content)
    assert bench.traced() == ("pass", "already encrypted: PGP/MIME")


CHANCE = Random(11)  # noqa: S311  not for secrets
DISGUISED = {
    "reads like text": PLACES["encrypted data"](TEXTS["Cyrillic"].encode(), CHANCE),
    "full lines": IN_WORDS["base64 with blanks"](TEXTS["Latin (English)"].encode(), CHANCE),
    "Content-ID": IN_WORDS["Content-ID"](TEXTS["Latin (English)"].encode(), CHANCE),
}


@pytest.mark.parametrize("doubt", DISGUISED)
def test_what_only_looks_encrypted_is_refused_and_the_notice_says_why(bench: Bench, doubt: str) -> None:
    text = notice_text(bench.sent(DISGUISED[doubt], ELSEWHERE))
    assert LOOKED[bench.language] in text
    action, reason = bench.traced()
    assert action == "refuse"
    assert doubt in reason
    words = ("explain", "--from", SENDER, "--to", ELSEWHERE, "--message", "-")
    said = " ".join(bench.relay.run(*words, content=DISGUISED[doubt]).stdout.decode().split())
    assert f"refuse: no key is known; it looks encrypted, but {reason.partition(', but ')[2]}" in said
    assert is_encrypted(bench.sent(DISGUISED[doubt], KNOWN))


def test_a_refused_mail_that_does_not_look_encrypted_is_told_as_before(bench: Bench) -> None:
    text = notice_text(bench.sent(b"Subject: x\r\n\r\nhello\r\n", ELSEWHERE))
    assert LOOKED[bench.language] not in text
    assert bench.traced() == ("refuse", "no key is known")
