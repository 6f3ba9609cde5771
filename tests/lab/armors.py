"""Armor around a key as people send it; gpg 2.2 imports each of these variants."""

from __future__ import annotations

from relay.mail.armor import enarmor

KIND = "PUBLIC KEY BLOCK"


def lines(data: bytes) -> tuple[bytes, list[bytes], bytes, bytes]:
    """First line, base64, checksum, last line."""
    begin, _, *body, checksum, end, _ = enarmor(data, KIND).split(b"\r\n")
    return begin, body, checksum, end


def text(*parts: bytes) -> bytes:
    return b"\n".join(parts) + b"\n"


def variants(data: bytes) -> dict[str, bytes]:
    """Each is imported by gpg 2.2 (`tests/integration/test_armor_gnupg.py` holds that)."""
    begin, body, checksum, end = lines(data)
    return {
        "as it should be": text(begin, b"", *body, checksum, end),
        "no empty line": text(begin, *body, checksum, end),
        "a header and no empty line": text(begin, b"Version: x", *body, checksum, end),
        "checksum without =": text(begin, b"", *body, checksum[1:], end),
        "no checksum": text(begin, b"", *body, end),
        "neither empty line nor checksum": text(begin, *body, end),
        "no empty line, checksum without =": text(begin, *body, checksum[1:], end),
        "no last line": text(begin, b"", *body, checksum),
        "neither last line nor checksum": text(begin, b"", *body),
        "base64 indented": text(begin, b"", *(b"  " + line for line in body), checksum, end),
        "blanks at line ends": text(*(line + b"  \t" for line in (begin, b"", *body, checksum, end))),
        "empty lines in it": text(begin, b"", *(part for line in body for part in (line, b"")), checksum, end),
        "base64 on one line": text(begin, b"", b"".join(body), checksum, end),
        "checksum on the same line": text(begin, b"", b"".join(body) + checksum, end),
        "last line not on its own": text(begin, b"", *body, checksum + end),
        "last line of another kind": text(begin, b"", *body, checksum, b"-----END PGP MESSAGE-----"),
        "CRLF": text(begin, b"", *body, checksum, end).replace(b"\n", b"\r\n"),
        "thirty headers": text(begin, *[b"Comment: x"] * 30, b"", *body, checksum, end),
        "a long header": text(begin, b"Comment: " + b"x" * 500, b"", *body, checksum, end),
        "a header in UTF-8": text(begin, "Comment: é".encode(), b"", *body, checksum, end),
        "a stray character": text(begin, b"", body[0][:9] + b"!" + body[0][9:], *body[1:], checksum, end),
        "text around": text(b"Dear all,", begin, b"", *body, checksum, end, b"Regards, Bob (see: https://x.example)"),
        "in a web page": text(b"<pre>", begin, b"", *body, checksum, end, b"</pre>"),
    }
