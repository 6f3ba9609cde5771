"""Keys by mail, with GnuPG at one end and real servers at the other: a mail that waits, and five stories of one key.

Each says what the clinician, the administrator and the correspondent read.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from lab.key_loop import DOCTOR, Loop, key_loop, opened, text
from lab.key_mails import KEYS, Writer
from lab.sink import Taken
from lab.waiting import wait_for

pytestmark = pytest.mark.waits


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with key_loop() as made:
        yield made


def confirmed(loop: Loop, person: Writer, *, reads: str = "") -> Taken:
    """The challenge, answered; `reads` is the fingerprint that it must name."""
    challenge = loop.next(person.address)
    said = person.read(challenge)
    assert (reads or person.key) in said.replace(" ", "")
    assert "If it is your key, confirm it by " in said
    before = len(loop.results())
    loop.mails(person, person.signed_reply(person.token(challenge), key=reads))
    wait_for(lambda: {"enrolled", "proposed"}.intersection(loop.results()[before:]), "it is confirmed")
    return challenge


def enrolled(loop: Loop, person: Writer) -> None:
    loop.mails(person, person.key_mail())
    confirmed(loop, person)


def changes(loop: Loop, address: str) -> list[tuple[str, str, str]]:
    """What the administrator reads in the trail, each once: who, from which key, to which."""
    found = [one for one in loop.json("trace", "--keys") if one["address"] == address]
    return list(dict.fromkeys((one["actor"], one["old"] or "", one["new"] or "") for one in found))


def listed(loop: Loop, address: str) -> dict[str, str]:
    return {one["fingerprint"]: one["origin"] for one in loop.json("keys", "list") if address in one["addresses"]}


def test_a_mail_that_waits_leaves_encrypted_and_nobody_typed_a_command(loop: Loop) -> None:
    with loop.writer("ann") as ann:
        body = loop.writes(ann.address)
        notice, invitation = loop.next(DOCTOR), loop.next(ann.address)
        assert "We have asked the recipient for a key by mail." in text(notice)
        assert f"by a mail to {KEYS} from your own address" in text(invitation)
        assert DOCTOR not in text(invitation)
        loop.waits()
        loop.mails(ann, ann.key_mail())
        confirmed(loop, ann)
        assert body in opened(ann, loop.next(ann.address))
        loop.gateway.wait_empty()
        assert loop.json("held") == []
        assert changes(loop, ann.address) == [("enrolment", "", ann.key)]
        assert loop.inside.taken == [], "mails to the address for keys went on"


def test_not_me_by_mail_is_for_ever(loop: Loop) -> None:
    with loop.writer("nils") as nils:
        loop.writes(nils.address)
        assert "We have asked" in text(loop.next(DOCTOR))
        token = nils.refusal(loop.next(nils.address))
        before = len(loop.results())
        loop.mails(nils, nils.header(subject=f"not me {token}") + b"\r\nNo, thank you.\r\n")
        wait_for(lambda: "refused" in loop.results()[before:], "it is known")
        loop.writes(nils.address)
        assert "We have asked" not in text(loop.next(DOCTOR))


def test_a_correspondent_changes_the_key(loop: Loop) -> None:
    with loop.writer("bob") as bob:
        enrolled(loop, bob)
        new = bob.new_key(f"Bob <{bob.address}>")
        loop.mails(bob, bob.key_mail(key=bob.export(new)))
        body = loop.writes(bob.address)
        challenge, mail = loop.next(bob.address), loop.next(bob.address)
        if bob.opens(mail) != bob.key:
            challenge, mail = mail, challenge
        assert body in opened(bob, mail), "the key before stays in use"
        loop.mails(bob, bob.signed_reply(bob.token(challenge), key=new))
        wait_for(lambda: list(listed(loop, bob.address)) == [new], "it is confirmed")
        assert changes(loop, bob.address) == [("enrolment", "", bob.key), ("enrolment", bob.key, new)]
        body = loop.writes(bob.address)
        mail = loop.next(bob.address)
        assert (bob.opens(mail), body in opened(bob, mail)) == (new, True)


def test_a_correspondent_loses_the_key(loop: Loop) -> None:
    with loop.writer("leo") as before:
        enrolled(loop, before)
        lost = before.key
    with loop.writer("leo") as leo:
        body = loop.writes(leo.address)
        with pytest.raises(subprocess.CalledProcessError):
            opened(leo, loop.next(leo.address))
        loop.mails(leo, leo.key_mail())
        confirmed(loop, leo)
        assert listed(loop, leo.address) == {leo.key: "enrolled"}
        assert changes(loop, leo.address)[-1] == ("enrolment", lost, leo.key)
        body = loop.writes(leo.address)
        assert body in opened(leo, loop.next(leo.address))


def test_a_correspondent_lets_the_key_expire(loop: Loop) -> None:
    with loop.writer("eva") as eva:
        enrolled(loop, eva)
        eva.gpg("--quick-set-expire", eva.key, "seconds=2")
        loop.mails(eva, eva.key_mail())
        wait_for(lambda: loop.json("keys", "list", "--expired"), "its end is known, and over", 30)
        body = loop.writes(eva.address)
        notice, invitation = text(loop.next(DOCTOR)), text(loop.next(eva.address))
        assert "this person's encryption key has expired; a renewed one is needed." in notice
        assert "We have asked the recipient for a key by mail." in notice
        assert "is waiting to be encrypted" in invitation
        loop.waits()
        (held,) = [one for one in loop.json("held") if one["recipient"] == eva.address]
        assert held["reason"] == "the key has expired"
        eva.gpg("--quick-set-expire", eva.key, "1y")
        loop.mails(eva, eva.key_mail())
        assert body in opened(eva, loop.next(eva.address)), "a later end needs no challenge"
        assert listed(loop, eva.address) == {eva.key: "enrolled"}


def test_a_correspondent_revokes_the_key(loop: Loop) -> None:
    with loop.writer("ida") as ida:
        enrolled(loop, ida)
        ida.revoke(ida.key)
        before = len(loop.results())
        loop.mails(ida, ida.key_mail())
        wait_for(lambda: "renewed" in loop.results()[before:], "the revocation counts at once")
        body = loop.writes(ida.address)
        notice = text(loop.next(DOCTOR))
        assert "this person has withdrawn the encryption key; a new one is needed." in notice
        assert "is waiting to be encrypted" in text(loop.next(ida.address))
        loop.waits()
        (held,) = [one for one in loop.json("held") if one["recipient"] == ida.address]
        assert held["reason"] == "the key is revoked"
        old, ida.key = ida.key, ida.new_key(f"Ida <{ida.address}>")
        loop.mails(ida, ida.key_mail())
        confirmed(loop, ida)
        assert body in opened(ida, loop.next(ida.address))
        assert changes(loop, ida.address)[-1] == ("enrolment", old, ida.key)


def test_a_correspondent_changes_the_address(loop: Loop) -> None:
    with loop.writer("max") as max_:
        enrolled(loop, max_)
        body, max_.address = loop.writes(max_.address), "max.new@ville.example"
        assert body in opened(max_, loop.next("max@ville.example"))
        body = loop.writes(max_.address)
        assert "we have no encryption key for this address yet." in text(loop.next(DOCTOR))
        assert "is waiting to be encrypted" in text(loop.next(max_.address))
        loop.waits()
        max_.gpg("--quick-add-uid", max_.key, f"Max <{max_.address}>")
        loop.mails(max_, max_.key_mail())
        confirmed(loop, max_)
        assert body in opened(max_, loop.next(max_.address))
        assert listed(loop, max_.address) == {max_.key: "enrolled"}
        assert changes(loop, max_.address) == [("enrolment", "", max_.key)]
        assert changes(loop, "max@ville.example")[-1][2] == max_.key, "the address before keeps its key"
