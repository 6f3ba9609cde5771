"""Postfix's side of the milter protocol (`lab.milter` has the other), for a mail that no Postfix is needed for.

`inserted(port, mail, sender, recipients, mx)` are the fields that the milter puts in front.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from relay.mail import headers

_LENGTH = struct.Struct("!I")
_ACTIONS, _STEPS = 0x1FF, 0
_INSERT = b"i"
_FINAL = frozenset({b"c", b"a", b"r", b"t", b"d", b"y"})
CHUNK = 65_535


def inserted(port: int, mail: bytes, sender: str, recipients: Sequence[str], mx: str) -> bytes:
    """The fields, in their order. Raises `AssertionError` where the milter does not take the mail."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, connection.makefile("rwb") as stream:

        def say(command: bytes, data: bytes = b"") -> None:
            stream.write(_LENGTH.pack(len(data) + 1) + command + data)
            stream.flush()

        def hear() -> tuple[bytes, bytes]:
            (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
            packet = stream.read(length)
            return packet[:1], packet[1:]

        def ask(command: bytes, data: bytes = b"") -> None:
            say(command, data)
            answer, _ = hear()
            assert answer in {b"c", b"O"}, (command, answer)

        ask(b"O", struct.pack("!III", 6, _ACTIONS, _STEPS))
        say(b"D", b"C" + _macros(j=mx, daemon_name="smtpd"))
        ask(b"C", b"client.example\0" + b"4" + struct.pack("!H", 25) + b"192.0.2.1\0")
        ask(b"H", b"client.example\0")
        say(b"D", b"M" + _macros(i="4XQUEUEID"))
        ask(b"M", f"<{sender}>\0".encode())
        for recipient in recipients:
            ask(b"R", f"<{recipient}>\0".encode())
        head = headers.split(mail)
        for field in head.fields:
            name, _, value = field.raw.partition(b":")
            ask(b"L", name + b"\0" + value.removesuffix(b"\r\n").replace(b"\r\n", b"\n").removeprefix(b" ") + b"\0")
        ask(b"N")
        for at in range(head.body_start, len(mail), CHUNK):
            ask(b"B", mail[at : at + CHUNK])
        say(b"E")
        fields: list[bytes] = []
        while (answer := hear())[0] not in _FINAL:
            if answer[0] == _INSERT:
                name, value, _ = answer[1][4:].split(b"\0")
                fields.insert(0, name + b": " + value.lstrip().replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n")
        say(b"Q")
        return b"".join(fields)


def _macros(**values: str) -> bytes:
    return b"".join(
        f"{name if len(name) == 1 else '{' + name + '}'}\0{value}\0".encode() for name, value in values.items()
    )
