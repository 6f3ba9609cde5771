"""OpenDKIM beside the relay, at the places that docs/content-filters.md names: behind it all that leaves is signed."""

from __future__ import annotations

import pytest
from lab.dkim_signer import DkimSigner
from lab.sink import Taken
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

SENDER, KNOWN, UNKNOWN = "dr@front.example", "bob@known.example", "ann@ville.example"
KEPT = "no_unknown_recipient_checks,no_header_body_checks"


def letter(to: str) -> bytes:
    return (
        f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: canary\r\nDate: Tue, 01 Dec 2026 08:00:00 +0000\r\n"
        f"Message-ID: <{to}>\r\n\r\nthe clear body\r\n"
    ).encode()


def sent(ready: Way, to: str) -> Taken:
    ready.sink.forget()
    ready.mta.submit(SENDER, [to], letter(to))
    (mail,) = ready.mails(1)
    return mail


def put_behind(ready: Way, signer: DkimSigner) -> None:
    """As the page says, for the smtpd that takes mail back."""
    service = ready.relay.settings["reinject"].removeprefix("smtp://") + "/inet"
    for option in (
        f"receive_override_options={KEPT}",
        f"smtpd_milters={signer.spec}",
        "milter_default_action=tempfail",
    ):
        ready.mta.command("postconf", "-P", f"{service}/{option}")


def test_behind_the_relay_encrypted_mail_and_cleartext_leave_with_a_signature_that_verifies() -> None:
    with DkimSigner() as signer, way() as ready:
        put_behind(ready, signer)
        ready.mta.reload()
        ready.know(KNOWN)
        encrypted, clear = sent(ready, KNOWN), sent(ready, UNKNOWN)
        assert encrypted_part(encrypted)
        assert b"the clear body" in clear.body
        for mail in (encrypted, clear):
            assert mail.header.count("DKIM-Signature:") == 1
            assert signer.verifies(mail.content)
        assert not signer.verifies(clear.content.replace(b"clear body", b"other body"))


def test_before_the_relay_only_cleartext_keeps_its_signature_and_install_says_so() -> None:
    with DkimSigner() as signer, way(main={"smtpd_milters": signer.spec}) as ready:
        told = ready.relay.run("postfix", "install", "--config-dir", ready.mta.folder).stdout.decode()
        assert "A milter that signs (DKIM) belongs behind the relay" in told
        ready.know(KNOWN)
        encrypted, clear = sent(ready, KNOWN), sent(ready, UNKNOWN)
        assert "DKIM-Signature:" not in encrypted.header
        assert signer.verifies(clear.content)


def test_a_signer_that_is_down_keeps_mail_waiting_and_nothing_leaves_unsigned() -> None:
    with way() as ready:
        with DkimSigner() as signer:
            put_behind(ready, signer)
        ready.mta.reload()
        ready.mta.submit(SENDER, [UNKNOWN], letter(UNKNOWN))
        ready.mta.wait_log("status=deferred")
        assert ready.sink.taken == []
