"""The whole way: Postfix -> the relay as its content filter -> the same Postfix -> a mailbox.

The lines in Postfix's files are those that `pgp-relay postfix install` puts there.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.certificates import Keypair, make_keypair
from lab.mime import octets, parts
from lab.nexthop import Message
from lab.ports import free_port
from lab.postfix import Postfix
from lab.relay import PROGRAM, Relay
from lab.sink import Sink, Taken


@dataclass
class Way:
    """What a test has in hand; all of it runs."""

    mta: Postfix
    relay: Relay
    sink: Sink

    def know(self, *addresses: str) -> dict[str, Keypair]:
        """Make a key for each address and import it, as an administrator does; it counts when this returns."""
        pairs = {address: make_keypair(f"<{address}>") for address in addresses}
        content = b"".join(pair.public for pair in pairs.values())
        self.relay.run("keys", "import", "-", content=content)
        return pairs

    def mails(self, count: int) -> list[Taken]:
        """What has arrived, once nothing is left on the way; there must be so many."""
        try:
            self.sink.wait_for(count)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.mta.log[-3000:]}\n{self.relay.log[-3000:]}") from None
        self.mta.wait_empty()
        taken = self.sink.taken
        assert len(taken) == count, [(mail.sender, list(mail.recipients), mail.header) for mail in taken]
        return taken


@contextlib.contextmanager
def way(  # noqa: PLR0913  what differs from site to site
    settings: Mapping[str, Any] = {},
    *,
    scheme: str = "lmtp",
    egress: bool = False,
    main: Mapping[str, str] = {},
    signer: bool = False,
    anew: bool = False,
) -> Iterator[Way]:
    """Start everything, and leave nothing behind. With `anew` all that makes the relay run starts from nothing."""
    back = free_port()
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{back}", **settings}, scheme=scheme) as relay:
        relay.program = (PROGRAM,) if anew else ()
        mta = Postfix(relayhost=sink.port, main=main, relays=[relay])
        relay.mail_config = mta.folder
        try:
            relay.run("postfix", "install", "--config-dir", mta.folder, *(["--egress"] if egress else []))
            if signer:
                relay.run("keys", "generate", "Relay", "relay@front.example")
                relay.configure({**relay.settings, "sign": {"default": "relay@front.example"}})
            relay.start()
            relay.program = ()
            mta.start()
            yield Way(mta, relay, sink)
        finally:
            mta.stop()
            mta.remove()


def encrypted_part(mail: Taken | Message) -> bytes:
    """The armored message of a PGP/MIME mail; its structure must be RFC 3156's, to the letter."""
    parsed = email.message_from_bytes(mail.content, policy=email.policy.compat32)
    assert parsed.get_content_type() == "multipart/encrypted"
    assert parsed.get_param("protocol") == "application/pgp-encrypted"
    version, encrypted = parts(parsed)
    assert str(version.get_payload()).split() == ["Version:", "1"]
    return octets(encrypted)
