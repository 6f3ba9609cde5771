"""What the pipeline reads of a mail for its decisions."""

from __future__ import annotations

import pytest
from lab.fakes import inbound

from relay.mail import headers
from relay.mail.shape import Shape
from relay.pipeline.facts import Facts


@pytest.mark.parametrize(
    ("dates", "late"),
    [
        ((), False),  # the MTA writes its own
        (("Tue, 24 Nov 2026 12:00:00 +0000",), False),
        (("Tue, 24 Nov 2026 14:49:00 +0200",), False),
        (("Tue, 24 Nov 2026 14:51:00 +0200",), True),
        (("Tue, 24 Nov 2026 11:10:01 -0000",), False),
        (("Tue, 24 Nov 2026 11:09:59 -0000",), True),
        (("24 Nov 26 12:00 GMT",), False),
        (("yesterday",), False),  # it does not stand outside
        (("Tue, 24 Nov 2026 12:00:00 +0000", "Mon, 23 Nov 2026 12:00:00 +0000"), True),
        (("Fri, 01 Jan 0001 00:00:00 +2359",), True),
        (("Fri, 31 Dec 9999 23:59:59 -2359",), True),
    ],
)
def test_a_mail_is_late_more_than_fifty_minutes_from_its_date(dates: tuple[str, ...], *, late: bool) -> None:
    content = "".join(f"Date: {date}\r\n" for date in dates).encode() + b"\r\n"
    assert Facts(inbound("b@x.example", content=content), headers.split(content), Shape()).late is late
