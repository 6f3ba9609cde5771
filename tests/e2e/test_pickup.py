"""Pick-ups with a real Postfix on both sides of the relay: whatever dies, one mail that the last code opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy

import pytest
from lab import canary
from lab.french_mail import french_mail
from lab.password_readers import read_gnupg
from lab.public import WebPublic
from lab.sink import Taken
from lab.waiting import wait_for
from lab.way import Way, way

pytestmark = pytest.mark.waits

DOCTOR, PATIENT = "dr.martin@front.example", "lefevre@ville.example"
KILLED = """
import os, signal
from relay.pipeline.code_handover import CodeHandover
from relay.pipeline.pickup import Pickups
from relay.store.pickups import Pickups as Register
once = {once!r}
def stop_after(owner, name):
    real = getattr(owner, name)
    async def stopping(*given, **named):
        done = await real(*given, **named)
        if not os.path.exists(once):
            open(once, "w").close()
            os.kill(os.getpid(), signal.SIGSTOP)  # whoever waits for `once` kills it; it goes no further
        return done
    setattr(owner, name, stopping)
stop_after({owner}, {name!r})
"""
STEPS = {
    "stored": ("Pickups", "_prepared"),
    "code handed over": ("CodeHandover", "hand_over"),
    "activated": ("Register", "activate"),
    "recipient told": ("Pickups", "_released"),
}


@dataclass
class Hospital:
    way: Way
    web: WebPublic

    def mails(self, to: str) -> list[Taken]:
        return [mail for mail in self.way.sink.taken if to in mail.recipients]


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with WebPublic() as web:
        web.start()
        settings = {
            "own": {"domains": ["front.example"]},
            "notices": {"from": "postmaster@front.example", "language": "fr"},
            "policy": [
                {"name": "inside", "to": ["*@front.example"], "encrypt": "never"},
                {"name": "everyone", "without_key": "pickup"},
            ],
            "web": {"channel": f"unix:{web.socket}"},
            "pickup": {"url": f"http://127.0.0.1:{web.http}"},
        }
        with way(settings) as made:
            made.relay.run("own", "create", "Front")
            made.relay.run("own", "add", DOCTOR)
            yield Hospital(made, web)


def text(mail: Taken) -> str:
    return str(message_from_bytes(mail.content, policy=policy.default).get_content())


def opened(hospital: Hospital) -> bytes:
    """What the last letter's link holds, opened by the last code."""
    link = re.search(r"/m/[0-9a-f]{32}", text(hospital.mails(PATIENT)[-1]))
    (code,) = re.findall(r"[a-z]+(?:-[a-z]+){5}", text(hospital.mails(DOCTOR)[-1]))
    assert link
    return read_gnupg(hospital.web.ask(f"{link[0]}/message").body, code)


def test_the_clinician_gets_the_code_and_the_patient_the_link(hospital: Hospital) -> None:
    hospital.way.sink.forget()
    mail = french_mail(DOCTOR, PATIENT)
    canary.sent(mail)
    hospital.way.mta.submit(DOCTOR, [PATIENT], mail)
    hospital.way.mails(2)

    assert opened(hospital).endswith(mail.partition(b"\r\n\r\n")[2])
    assert [row["action"] for row in hospital.way.relay.trace("--to", PATIENT)] == ["pickup"]
    assert hospital.mails(PATIENT)[0].sender == DOCTOR
    assert hospital.mails(DOCTOR)[0].sender == ""


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step_it_ends_with_one_that_can_be_opened(hospital: Hospital, step: str) -> None:
    running, owner, name = hospital.way, *STEPS[step]
    once = running.relay.folder / f"killed-{name}"
    running.sink.forget()
    running.relay.stop()
    running.relay.altered = KILLED.format(once=str(once), owner=owner, name=name)
    running.relay.start()
    mail = french_mail(DOCTOR, PATIENT)
    canary.sent(mail)

    running.mta.submit(DOCTOR, [PATIENT], mail)
    wait_for(once.exists, "killed")
    running.relay.kill()
    running.relay.altered = ""
    running.relay.start()
    running.mta.retry()
    wait_for(lambda: hospital.mails(PATIENT), "told")
    running.mta.wait_empty()

    assert opened(hospital).endswith(mail.partition(b"\r\n\r\n")[2])
    assert len(hospital.mails(PATIENT)) == (2 if step == "recipient told" else 1)  # RFC 1047
    assert not any(b"Glyc" in one.content for one in running.sink.taken)
