"""What an encrypted mail was made of: the received Content fields and body, taken out of the payload."""

from __future__ import annotations

from relay.mail import headers

_OURS = b'boundary="=_pgp-relay_'


def is_wrapped(payload: bytes) -> bool:
    """Whether the received entity is one part of a multipart/mixed that the relay made."""
    first = headers.split(payload).fields[0]
    return first.name == "content-type" and _OURS in first.raw


def entity(payload: bytes) -> bytes:
    """The received Content fields, an empty line, and the body; of one that is wrapped byte for byte."""
    head = headers.split(payload)
    if not is_wrapped(payload):
        structural = [field.raw for field in head.fields if field.name.startswith("content-")]
        return b"".join([*structural, b"\r\n", payload[head.body_start :]])
    boundary = head.fields[0].raw.partition(b'boundary="')[2].partition(b'"')[0]
    begin, end = b"--%b\r\n" % boundary, b"\r\n--%b--\r\n" % boundary
    assert payload[head.body_start :].startswith(begin)
    assert payload.endswith(end)
    return payload[head.body_start + len(begin) : -len(end)]


def body(payload: bytes) -> bytes:
    """The received body."""
    found = entity(payload)
    return found[headers.split(found).body_start :]
