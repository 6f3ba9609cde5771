"""Forms as browsers send them, and what none of them sends."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from lab.http_requests import share

from relay.web.http.forms import form
from relay.web.http.messages import Refusal, Request

ENCODED = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=----FormBoundaryAbC123"
LINE = b"------FormBoundaryAbC123\r\n"
END = b"------FormBoundaryAbC123--\r\n"
PART = LINE + b'Content-Disposition: form-data; name="a"\r\n\r\nabc\r\n'
BODY = (
    LINE
    + b'Content-Disposition: form-data; name="key"\r\n\r\n-----BEGIN\r\n\r\nabc\r\n'
    + LINE
    + b'Content-Disposition: form-data; name="file"; filename="../../\xc3\xa9.asc"\r\n'
    + b"Content-Type: application/octet-stream\r\n\r\n"
    + b"\x99\x00\r\n--\xff\r\n"
    + END
)


def posted(kind: str, body: bytes) -> Request:
    async def read(most: int) -> bytes:
        if len(body) > most:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return body

    return Request("POST", "/keys", "", "h", "", {"Content-Type": kind}, read, share)


async def test_an_encoded_form_is_read_octet_by_octet() -> None:
    assert await form(posted(ENCODED, b"key=a%0D%0Ab+c%FF&address=&key=second"), 1000) == {
        "key": b"a\r\nb c\xff",
        "address": b"",
    }


async def test_a_form_in_parts_keeps_the_octets_of_a_file_and_no_name_of_it() -> None:
    assert await form(posted(PARTS, BODY), 1000) == {"key": b"-----BEGIN\r\n\r\nabc", "file": b"\x99\x00\r\n--\xff"}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("", b"key=a", 415),
        ("text/plain", b"key=a", 415),
        ("application/json", b"{}", 415),
        ("multipart/form-data", BODY, 415),
        ("multipart/form-data; boundary=" + "a" * 71, BODY, 415),
        ('multipart/form-data; boundary="a\r\nb"', BODY, 415),
        (PARTS, b"", 400),
        (PARTS, BODY[:-10], 400),
        (PARTS, LINE + b"\r\nabc\r\n" + END, 400),
        (PARTS, PART.replace(b'"a"', b'"A B"') + END, 400),
        (PARTS, PART.replace(b"\r\n\r\n", b"\r\n") + END, 400),
        (PARTS, PART * 40 + END, 400),
        (ENCODED, b"&".join(b"a=%d" % number for number in range(100)), 400),
        (ENCODED, b"key=\xff", 400),
        (ENCODED, b"key=" + b"a" * 6000, 413),
    ],
)
async def test_what_no_form_of_ours_sends_is_refused(kind: str, body: bytes, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        await form(posted(kind, body), 5000)
    assert refused.value.answer.status == status
