"""Keys that are mailed to the address for keys, and answers to their challenges: with GnuPG and Sequoia's sq."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from lab.hospital import DR, MX, Hospital
from lab.key_mails import KEYS, Writer, through_mx
from lab.ports import free_port
from lab.prometheus import figures
from lab.public import HOST, WebPublic
from lab.sink import Taken
from lab.waiting import wait_for
from lab.way import encrypted_part

from relay.mail import armor

BOB, OURS = "bob@example.org", "postmaster@hopital.example"
Mail = Callable[[Writer], bytes]


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    settings = {
        "enrol": {
            "mail": KEYS,
            "budget": {"address": 100, "domain": 100, "all": 100},
            "judged": {"address": 100, "domain": 100, "all": 100},
        },
        "notices": {"from": f"Hôpital <{OURS}>"},
    }
    with Hospital("gnupg", settings) as made:
        made.relay.run("own", "add", KEYS, OURS)
        yield made


@pytest.fixture
def bob(hospital: Hospital) -> Iterator[Writer]:
    hospital.sink.forget()
    hospital.outside.forget()
    for fingerprint in known(hospital):
        hospital.relay.run("keys", "remove", fingerprint)
    with Writer(BOB, hospital.relay.run("own", "show", OURS).stdout) as made:
        yield made


def known(hospital: Hospital) -> dict[str, str]:
    return {
        one["fingerprint"]: one["origin"] for one in json.loads(hospital.relay.run("keys", "list", "--json").stdout)
    }


def send(hospital: Hospital, mail: bytes, sender: str = BOB) -> None:
    (answer,) = hospital.send(mail, KEYS, sender=sender)
    assert answer.startswith("250"), answer


def challenged(hospital: Hospital, mail: bytes) -> Taken:
    send(hospital, mail)
    (challenge,) = hospital.outside.taken
    assert hospital.sink.taken == [], "it went on to the mailbox"
    hospital.outside.forget()
    return challenge


def results(hospital: Hospital) -> list[str]:
    return [event["result"] for event in hospital.relay.events if event["event"] == "enrolment"]


def test_a_signed_reply_that_names_the_challenge_confirms(hospital: Hospital, bob: Writer) -> None:
    challenge = challenged(hospital, through_mx(bob.key_mail()))
    assert (challenge.sender, list(challenge.recipients)) == ("", [BOB])
    text = bob.read(challenge)
    assert bob.key[-4:] in text
    status = bob.gpg("--status-fd", "1", "--output", "/dev/null", "--decrypt", data=encrypted_part(challenge))
    assert b"GOODSIG" in status, "it is signed by ours"
    assert known(hospital) == {}
    send(hospital, through_mx(bob.signed_reply(bob.token(challenge))))
    assert known(hospital) == {bob.key: "enrolled"}
    assert hospital.sink.taken == []
    assert hospital.outside.taken == []


def test_a_known_key_that_a_program_attaches_to_a_question_swallows_no_question(
    hospital: Hospital, bob: Writer
) -> None:
    send(hospital, through_mx(bob.signed_reply(bob.token(challenged(hospital, through_mx(bob.key_mail()))))))
    send(hospital, through_mx(bob.key_mail()))
    assert results(hospital)[-1] == "renewed"
    assert hospital.outside.taken == []
    (mail,) = hospital.sink.taken
    assert b"Greetings" in mail.content


def test_while_the_next_hop_is_down_the_mail_comes_again_and_uses_up_no_budget() -> None:
    settings = {"enrol": {"mail": KEYS, "budget": {"address": 1}}}
    with Hospital("gnupg", settings) as hospital, Writer(BOB) as bob:
        mail, before = through_mx(bob.key_mail()), hospital.relay.settings
        restart(hospital, {**before, "reinject": f"smtp://127.0.0.1:{free_port()}"})
        for _ in range(3):
            (answer,) = hospital.send(mail, KEYS)
            assert answer.startswith("451"), answer
        restart(hospital, before)
        assert list(challenged(hospital, mail).recipients) == [BOB]
        send(hospital, mail)
        assert hospital.outside.taken == [], "beyond the budget"
        assert (results(hospital)[-1], len(hospital.sink.taken)) == ("budget", 1)


def test_the_page_that_it_links_to_confirms_as_well_and_opening_it_does_not() -> None:
    with WebPublic(settings={"enrol": {"web": f"https://{HOST}"}}) as web:
        web.start()
        settings = {"enrol": {"mail": KEYS, "web": f"https://{HOST}"}, "web": {"channel": f"unix:{web.socket}"}}
        with Hospital("gnupg", settings) as hospital, Writer(BOB) as bob:
            challenge = challenged(hospital, through_mx(bob.key_mail()))
            link = f"/keys/confirm/{bob.token(challenge)}"
            assert f"https://{HOST}{link}" in bob.read(challenge)
            page = web.ask(link)
            web.ask(link, "HEAD")
            assert web.ask(link, "POST", b"", Content_Type="application/x-www-form-urlencoded").status == 403
            assert known(hospital) == {}
            found = re.search(rb'name="token" value="([^"]*)"', page.body)
            assert found
            form = b"token=" + found[1]
            assert web.ask(link, "POST", form, Content_Type="application/x-www-form-urlencoded").status == 200
            wait_for(lambda: known(hospital) == {bob.key: "enrolled"}, "the relay has taken it")


def test_check_says_what_is_missing_for_keys_from_correspondents() -> None:
    with Hospital("gnupg", {"enrol": {"mail": KEYS}, "notices": {"from": OURS}}) as hospital:
        before = checked(hospital)
        assert before.startswith(f"keys come by mail to {KEYS}; challenges and invitations are not signed: ")
        assert f"pgp-relay own add {OURS}" in before
        assert before.endswith(f"replies cannot be encrypted: pgp-relay own add {KEYS}")
        hospital.relay.run("own", "add", OURS, KEYS)
        assert checked(hospital) == f"keys come by mail to {KEYS}"


def checked(hospital: Hospital) -> str:
    found = json.loads(hospital.relay.run("check", "--json", check=False).stdout)
    several = found["findings"] if isinstance(found, dict) else found
    return next(str(one["message"]) for one in several if one["name"] == "keys from correspondents")


def restart(hospital: Hospital, settings: Mapping[str, object]) -> None:
    hospital.relay.stop()
    hospital.relay.configure(settings)
    hospital.relay.start()


def test_a_reply_that_is_encrypted_to_our_address_confirms_too(hospital: Hospital, bob: Writer) -> None:
    token = bob.token(challenged(hospital, through_mx(bob.key_mail())))
    (block,) = armor.dearmor(hospital.relay.run("own", "show", KEYS).stdout)
    send(hospital, through_mx(bob.encrypted_reply(token, block.data)))
    assert known(hospital) == {bob.key: "enrolled"}


def test_what_does_not_prove_both_confirms_nothing_and_goes_on_to_the_mailbox(hospital: Hospital, bob: Writer) -> None:
    token = bob.token(challenged(hospital, through_mx(bob.key_mail())))
    other = bob.new_key(f"<{BOB}>")
    replies = [
        bob.plain_reply(token),
        bob.signed_reply(token, key=other),
        bob.signed_reply("A" * 32),
        bob.signed_reply(token[:-1] + "!"),
        bob.signed_reply(token).replace(b"> confirm", b"> Confirm"),
    ]
    for count, reply in enumerate(replies, start=1):
        send(hospital, through_mx(reply))
        assert len(hospital.sink.taken) == count
    assert known(hospital) == {}
    assert hospital.outside.taken == []
    send(hospital, through_mx(bob.signed_reply(token)))
    assert known(hospital) == {bob.key: "enrolled"}


NOT_TAKEN: dict[str, tuple[Mail, str]] = {
    "not signed": (lambda bob: b"Received: from a by b; x\r\n" + bob.key_mail(), "unaligned"),
    "a failed signature": (lambda bob: through_mx(bob.key_mail(), result="fail"), "unaligned"),
    "another domain's": (lambda bob: through_mx(bob.key_mail(), "evil.example"), "unaligned"),
    "a forged author": (lambda bob: through_mx(bob.key_mail(author="ann@other.example")), "unaligned"),
    "two authors": (lambda bob: through_mx(bob.key_mail(author="bob@example.org, eve@example.org")), "unaligned"),
    "results from below our MX": (
        lambda bob: b"Received: from x by y; z\r\n" + through_mx(bob.key_mail()),
        "unaligned",
    ),
    "l=": (lambda bob: through_mx(bob.key_mail()).replace(b"bh=xyz=;", b"bh=xyz=; l=1;"), "unaligned"),
    "a program's": (lambda bob: through_mx(bob.key_mail("Auto-Submitted: auto-replied")), "automatic"),
    "a list's": (lambda bob: through_mx(bob.key_mail("List-Id: <l.example.org>")), "automatic"),
    "bulk": (lambda bob: through_mx(bob.key_mail("Precedence: bulk")), "automatic"),
    "an own address": (
        lambda bob: through_mx(bob.key_mail(author=DR), "hopital.example"),
        "unusable",
    ),
    "a key for somebody else": (
        lambda bob: through_mx(bob.key_mail(author="ann@example.org")),
        "unusable",
    ),
}


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_each_condition_that_is_violated_answers_nothing(hospital: Hospital, bob: Writer, case: str) -> None:
    make, result = NOT_TAKEN[case]
    send(hospital, make(bob))
    assert results(hospital)[-1] == result
    assert hospital.outside.taken == []
    assert len(hospital.sink.taken) == 1
    assert known(hospital) == {}


def test_nothing_is_answered_to_the_null_sender(hospital: Hospital, bob: Writer) -> None:
    send(hospital, through_mx(bob.key_mail()), sender="")
    assert hospital.outside.taken == []
    assert results(hospital)[-1] == "automatic"


def test_nothing_that_the_sender_wrote_travels_in_the_challenge(hospital: Hospital, bob: Writer) -> None:
    bob.gpg("--quick-add-uid", bob.key, "Buy canary pills http://spam.example <bob@example.org>")
    text = bob.read(challenged(hospital, through_mx(bob.key_mail())))
    for word in ("canary", "spam.example", "Greetings", "My key"):
        assert word not in text


def test_somebody_elses_encryption_subkey_makes_its_owner_read_a_challenge_that_confirms_nothing(
    hospital: Hospital, bob: Writer, tmp_path: Path
) -> None:
    """An attacker binds the victim's subkey to a primary key of their own, with sq."""
    ours = hospital.relay.run("own", "show", OURS).stdout
    with Writer("victim@example.org", ours, created="20250101T120000") as victim:  # the newest one is challenged
        (tmp_path / "victim").write_bytes(victim.export(victim.key))
        keygrip = subkey(victim)
        (tmp_path / "mine").write_bytes(bob.gpg("--export-secret-keys", bob.key))
        command = ["sq", "--force", "key", "adopt", "-r", "victim", "-k", keygrip, "-o", "adopted", "mine"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        subprocess.run(["sq", "--force", "key", "extract-cert", "-o", "cert", "adopted"], cwd=tmp_path, check=True)
        (block,) = armor.dearmor((tmp_path / "cert").read_bytes())
        challenge = challenged(hospital, through_mx(bob.key_mail(key=block.data)))
        token = victim.token(challenge)
        with pytest.raises(subprocess.CalledProcessError):
            bob.read(challenge)
        hospital.sink.forget()
        send(hospital, through_mx(victim.signed_reply(token)))
        assert known(hospital) == {}
        assert results(hospital)[-1] == "unproved"


def subkey(person: Writer) -> str:
    """The fingerprint of the encryption subkey."""
    lines = person.gpg("--list-keys", "--with-colons", person.key).decode().splitlines()
    at = max(index for index, line in enumerate(lines) if line.startswith("sub:"))
    return next(line.split(":")[9] for line in lines[at:] if line.startswith("fpr:"))


def test_its_own_results_are_believed_from_our_mx_alone(hospital: Hospital, bob: Writer) -> None:
    forged = through_mx(bob.key_mail()).replace(MX.encode(), b"mx.evil.example", 1)
    send(hospital, forged)
    assert hospital.outside.taken == []


def test_a_flood_of_mailed_keys_is_not_examined_beyond_the_hours_limit() -> None:
    port = free_port()
    settings = {
        "enrol": {"mail": KEYS, "judged": {"address": 2, "domain": 3, "all": 4}},
        "metrics": f"127.0.0.1:{port}",
    }
    with Hospital("gnupg", settings) as hospital, Writer(BOB) as bob:
        senders = [BOB] * 4 + [f"b{n}@example.org" for n in range(4)] + [f"x@d{n}.example" for n in range(3)]
        for address in senders:
            key = bob.export(bob.key if address == BOB else bob.new_key(f"<{address}>"))
            send(hospital, through_mx(bob.key_mail(author=address, key=key), address.partition("@")[2]), sender=address)
        told = ["challenged"] * 2 + ["budget"] * 2 + ["challenged"] + ["budget"] * 3 + ["challenged"] + ["budget"] * 2
        assert results(hospital) == told
        assert len(hospital.outside.taken) == 4
        assert len(hospital.sink.taken) == 7, "the others go on to the mailbox"
        assert figures(port)["pgp_relay_enrolments_total", "budget"] == 7
