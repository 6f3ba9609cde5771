"""Where mail leaves (`postfix install --egress`): what Postfix itself sends out meets the relay too, and once.

A virtual alias, aliases(5), a `.forward`, a bounce and an ordinary mail, each to one external address; what stays in
the house never meets it. Next to it the plain content_filter, which does not see what local(8) forwards.
"""

from __future__ import annotations

import pwd
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from lab.canary import is_notice, take
from lab.certificates import Keypair
from lab.known import is_encrypted
from lab.readers import READERS
from lab.sink import Sink, Taken
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

OUTSIDE = "outside@localhost"  # a domain that is not ours and needs no DNS
SENDER = "doctor@front.example"
USER = pwd.getpwnam("games")
BODY = b"the canary\r\n"
MAIL = f"From: {SENDER}\r\nTo: someone@front.example\r\nSubject: canary\r\nMessage-ID: <e@front.example>\r\n\r\n"


@contextmanager
def house() -> Iterator[Path]:
    """Aliases, a `.forward` and a mail spool."""
    folder = Path(mkdtemp(prefix="pr", dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "aliases").write_text(f"alias {OUTSIDE}\n")
        (folder / "virtual").write_text(f"virtual@front.example {OUTSIDE}\nmany@front.example {OUTSIDE}, news\n")
        forward = folder / f"forward-{USER.pw_name}"
        forward.write_text(f"{OUTSIDE}\n")
        shutil.chown(forward, USER.pw_name)
        (folder / "spool").mkdir()
        (folder / "spool").chmod(0o1777)
        yield folder
        for mailbox in (folder / "spool").iterdir():
            take(mailbox)
    finally:
        shutil.rmtree(folder)


def local(folder: Path) -> dict[str, str]:
    return {
        "mydestination": "front.example",
        "local_recipient_maps": "",  # an unknown user is local's to find out: that makes the bounce
        "alias_maps": f"texthash:{folder}/aliases",
        "virtual_alias_maps": f"texthash:{folder}/virtual",
        "forward_path": f"{folder}/forward-${{user}}",
        "mail_spool_directory": f"{folder}/spool/",
        "smtp_host_lookup": "native",
    }


@contextmanager
def running(*, egress: bool, main: Mapping[str, str] = {}) -> Iterator[tuple[Way, Keypair, Path]]:
    with house() as folder, way(egress=egress, main={**local(folder), **main}) as made:
        yield made, made.know(OUTSIDE)[OUTSIDE], folder


@pytest.fixture(scope="module", params=["relayhost", "no relayhost"])
def egress(request: pytest.FixtureRequest) -> Iterator[tuple[Way, Keypair, Path]]:
    if request.param == "relayhost":
        with running(egress=True) as made:
            yield made
    else:
        with Sink() as sink:
            main = {"relayhost": "", "smtp_tcp_port": str(sink.port)}
            with running(egress=True, main=main) as (made, key, folder):
                made.sink = sink
                yield made, key, folder


def sent(way_: Way, recipient: str, sender: str = SENDER) -> None:
    way_.sink.forget()
    way_.mta.submit(sender, [recipient], MAIL.encode() + BODY)


def encrypted_once(way_: Way, key: Keypair, recipient: str, sender: str = SENDER) -> Taken:
    """Send it; the one mail that comes out is encrypted, and the relay was met once."""
    before = {str(line["id"]) for line in way_.relay.trace()}
    sent(way_, recipient, sender)
    (mail,) = way_.mails(1)
    (line,) = [line for line in way_.relay.trace() if line["id"] not in before]
    assert (line["action"], line["recipient"]) == ("encrypt", OUTSIDE)
    assert list(mail.recipients) == [OUTSIDE]
    assert READERS["sequoia"](encrypted_part(mail), key.secret, None)
    assert BODY not in mail.content
    assert mail.header.count("by relay.example (pgp-relay)") == 1
    return mail


@pytest.mark.parametrize(
    "recipient", [OUTSIDE, "virtual@front.example", "alias@front.example", f"{USER.pw_name}@front.example"]
)
def test_what_leaves_meets_the_relay_once_and_arrives_encrypted(
    egress: tuple[Way, Keypair, Path], recipient: str
) -> None:
    made, key, _ = egress
    assert encrypted_once(made, key, recipient).sender == SENDER


def test_a_bounce_to_the_outside_is_encrypted_too(egress: tuple[Way, Keypair, Path]) -> None:
    made, key, _ = egress
    assert encrypted_once(made, key, "nobody-here@front.example", sender=OUTSIDE).sender == ""


def test_local_mail_does_not_meet_the_relay(egress: tuple[Way, Keypair, Path]) -> None:
    made, _, folder = egress
    before = made.relay.trace()
    sent(made, "news@front.example")
    made.mta.wait_empty()
    (mail,) = take(folder / "spool" / "news")
    assert BODY.replace(b"\r\n", b"\n") in mail
    assert made.relay.trace() == before
    assert made.sink.taken == []


def test_one_mail_for_inside_and_outside_goes_both_ways(egress: tuple[Way, Keypair, Path]) -> None:
    made, key, folder = egress
    encrypted_once(made, key, "many@front.example")
    assert len(take(folder / "spool" / "news")) == 1


def test_a_refusal_is_told_to_a_sender_in_the_house() -> None:
    policy = [{"name": "must", "encrypt": "required"}]
    with house() as folder, way({"policy": policy}, egress=True, main=local(folder)) as made:
        made.mta.submit("news@front.example", [OUTSIDE], MAIL.encode() + BODY)
        made.mta.wait_empty()
        (notice,) = take(folder / "spool" / "news")
        assert b"was not sent" in notice
        assert is_notice(notice)
        assert made.sink.taken == []


# What the plain content_filter cannot see


@pytest.fixture(scope="module")
def ingress() -> Iterator[tuple[Way, Keypair, Path]]:
    with running(egress=False) as made:
        yield made


@pytest.mark.parametrize("recipient", [f"{USER.pw_name}@front.example", "alias@front.example"])
def test_with_the_plain_filter_what_local_forwards_leaves_in_clear(
    ingress: tuple[Way, Keypair, Path], recipient: str
) -> None:
    """The reason for `--egress`: the relay sees the address before it is forwarded, and no key for that one."""
    made, _, _ = ingress
    sent(made, recipient)
    (mail,) = made.mails(1)
    assert list(mail.recipients) == [OUTSIDE]
    assert BODY in mail.content
    assert not is_encrypted(mail.content)


def test_with_the_plain_filter_a_virtual_alias_is_looked_up_behind_the_relay(
    ingress: tuple[Way, Keypair, Path],
) -> None:
    made, _, _ = ingress
    sent(made, "virtual@front.example")
    (mail,) = made.mails(1)
    assert BODY in mail.content


def test_with_the_plain_filter_a_bounce_leaves_unseen(ingress: tuple[Way, Keypair, Path]) -> None:
    made, _, _ = ingress
    before = len(made.relay.trace())
    sent(made, "nobody-here@front.example", sender=OUTSIDE)
    (mail,) = made.mails(1)
    assert (mail.sender, list(mail.recipients)) == ("", [OUTSIDE])
    assert not is_encrypted(mail.content)
    assert BODY not in mail.content  # bounce_size_limit = 1
    assert len(made.relay.trace()) == before + 1  # the mail that bounced
