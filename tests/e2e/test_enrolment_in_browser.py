"""The whole circle in a real browser: a mail waits, its recipient gives a key on our page, and it leaves by itself."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path

from lab.browser import browser, needs_browser, next_page, tab
from lab.certificates import make_keypair
from lab.public import WebPublic
from lab.readers import READERS
from lab.way import encrypted_part, way

from relay.mail.armor import enarmor

DOCTOR, BOB = "doctor@front.example", "bob@hold.example"
BODY = b"Le canari est arriv\xc3\xa9.\r\n"
POLICY = [{"name": "wait", "to": ["*@hold.example"], "without_key": "hold"}]
MAIL = (
    f"From: <{DOCTOR}>\r\nTo: {BOB}\r\nSubject: findings canari\r\nMessage-ID: <b1@front.example>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
).encode() + BODY


@needs_browser
def test_a_mail_that_waits_leaves_once_its_recipient_has_given_a_key_in_a_browser(tmp_path: Path) -> None:
    pair = make_keypair(f"Bob <{BOB}>")
    (tmp_path / "key.asc").write_bytes(enarmor(pair.public, "PUBLIC KEY BLOCK"))
    with WebPublic() as web:
        url = f"http://127.0.0.1:{web.http}"
        web.configure({**web.settings, "enrol": {"web": url}})
        web.start()
        settings = {"enrol": {"web": url}, "policy": POLICY, "web": {"channel": f"unix:{web.socket}"}}
        with way(settings, signer=True) as running, browser() as started, tab(started) as page:
            running.mta.submit(DOCTOR, [BOB], MAIL)
            running.mta.wait_log("status=deferred.*Waiting for the recipient's key")
            running.mta.wait_deferred()  # one that is still under way is not sent again at once

            page.goto(f"{url}/keys")
            page.set_input_files("#file", tmp_path / "key.asc")
            with next_page(page):
                page.click("form button")
            page.get_by_label(BOB).check()
            with next_page(page):
                page.click("form button")

            running.sink.wait_for(2)  # the notice, and the challenge
            (challenge,) = [mail for mail in running.sink.taken if BOB in mail.recipients]
            clear = READERS["sequoia"](encrypted_part(challenge), pair.secret, None)
            body = email.message_from_bytes(clear, policy=email.policy.default).get_content()
            link = re.search(rf"{re.escape(url)}/keys/confirm/[\w-]+", body)
            assert link, body
            page.goto(link[0])
            with next_page(page):
                page.click("form button")
            assert "confirmée" in page.inner_text("h1")

            running.sink.wait_for(3)
            running.mta.wait_empty()
            mail = running.sink.taken[-1]
            assert READERS["sequoia"](encrypted_part(mail), pair.secret, None).endswith(BODY)
