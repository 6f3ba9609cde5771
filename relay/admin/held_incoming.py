"""Incoming mail that stays closed and waits in Postfix's hold queue (`inbound.hold_closed`): opened, or released.

Raises `PostfixError`, `StoreError` and `NextHopError`; then the mail still waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.admin.explain_incoming import explain_incoming
from relay.admin.postfix.folder import run, run_octets
from relay.admin.postfix.queue import queued
from relay.config import Config
from relay.daemon.outlets import build_outlet
from relay.mail import headers
from relay.model import Address, Envelope, Recipient
from relay.model.envelope import is_queue_id
from relay.model.errors import AddressError, NextHopError, PostfixError
from relay.model.incoming import Incoming
from relay.model.mark import FIELD, Encryption

LARGEST = 1 << 30
"""Octets of a mail in the queue."""
_CLOSED = f"encryption={Encryption.CLOSED.value};"
_NULL = frozenset({"", "MAILER-DAEMON"})
"""The null reverse-path, as postqueue(1) prints it."""


@dataclass(frozen=True, slots=True)
class HeldMail:
    """An incoming mail in Postfix's hold queue."""

    queue_id: str
    envelope: Envelope
    content: bytes


def waiting(folder: Path | None, queue_id: str) -> HeldMail:
    """The mail of this queue id. Only root may ask."""
    if not is_queue_id(queue_id):
        raise PostfixError(f"{queue_id} is no queue id: postqueue -p lists those of held mail with a !")
    found = next((one for one in queued(folder) if one["queue_id"] == queue_id and one["queue_name"] == "hold"), None)
    if found is None:
        raise PostfixError(f"{queue_id} is not in the hold queue")
    content = _content(folder, queue_id)
    if not _is_closed(content):
        raise PostfixError(f"{queue_id} is no incoming mail that stays closed: postsuper -H releases other mail")
    return HeldMail(queue_id, _envelope(found), content)


async def open_again(config: Config, mail: HeldMail) -> bool:
    """Hand it to the relay once more, where a recipient may open it by now; whether that is so."""
    opens = await _opens(config, mail.envelope.recipients, mail.content)
    if opens:
        await _again(config, mail.envelope, mail.content)
    return opens


def release(folder: Path | None, queue_id: str) -> int:
    """Let it go as it is, now. Only root may."""
    run("postsuper", folder, "-H", queue_id)
    run("postqueue", folder, "-i", queue_id)
    return 0


def drop(folder: Path | None, queue_id: str) -> int:
    """Delete it from the queue, once the relay has taken it. Only root may."""
    run("postsuper", folder, "-d", queue_id)
    return 0


def _envelope(found: dict[str, Any]) -> Envelope:
    try:
        sender = None if found["sender"] in _NULL else Address(found["sender"])
        return Envelope(sender, tuple(Recipient(Address(one["address"])) for one in found["recipients"]))
    except AddressError:
        raise PostfixError(f"{found['queue_id']}: its envelope cannot be read") from None


def _content(folder: Path | None, queue_id: str) -> bytes:
    return run_octets("postcat", folder, "-hbq", queue_id, most=LARGEST).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _is_closed(content: bytes) -> bool:
    fields = headers.all(headers.split(content), FIELD.lower())
    return len(fields) == 1 and fields[0].value.startswith(_CLOSED)


async def _opens(config: Config, recipients: Sequence[Recipient], content: bytes) -> bool:
    """Whether one of them may open it by now."""
    for recipient in recipients:
        decision = (await explain_incoming(config, recipient.address, content)).decision
        if isinstance(decision, Incoming) and decision.mark.encryption is Encryption.DECRYPTED:
            return True
    return False


async def _again(config: Config, envelope: Envelope, content: bytes) -> None:
    """Send it through the running relay, which writes a new mark."""
    outlet = build_outlet(config, config.inbound.listen[0])
    try:
        replies = await outlet.send(envelope, content)
    finally:
        await outlet.close()
    if not all(reply.accepted for reply in replies):
        raise NextHopError("the relay does not take the mail now: it still waits")
