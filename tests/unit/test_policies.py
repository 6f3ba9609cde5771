"""docs/policies.md: each example loads, and decides as the table under it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from lab.fakes import found

from relay import policy
from relay.config import parse
from relay.facts import Facts
from relay.mail import headers
from relay.mail.shape import shape_of
from relay.model import Address, Envelope, Inbound, Lookup, NotFound, Origin, Recipient, Unusable, Why, verb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]


class Row(NamedTuple):
    """A line of a table."""

    sender: str
    recipient: str
    subject: str
    key: str
    action: str
    rule: str


def examples() -> list[tuple[str, Row]]:
    return [
        (section.split("```yaml\n")[1].split("```")[0], Row(*line.split(" | ")))
        for section in SECTIONS
        for line in re.findall(r"^\| (\S+@.*) \|$", section, re.MULTILINE)
    ]


def answer(key: str, address: str) -> Lookup:
    answers: dict[str, Lookup] = {
        "known": found(address),
        "none": NotFound("keyring"),
        "expired": Unusable(Why.EXPIRED, "A" * 40, Origin.IMPORTED, "keyring"),
    }
    return answers[key]


@pytest.mark.parametrize(("configuration", "row"), examples())
def test_it_decides_as_the_page_says(configuration: str, row: Row) -> None:
    rules = parse(configuration.encode(), Path("/etc/pgp-relay/config.yaml")).rules()
    content = f"Subject: {row.subject}\r\n\r\n".encode()
    recipient = Address(row.recipient)
    envelope = Envelope(Address(row.sender), (Recipient(recipient),))
    inbound = Inbound("id", envelope, content, datetime.now(UTC), "", "", "LMTP", single_answer=False)

    rule = policy.match(rules, Facts(inbound, headers.split(content), shape_of(content)).of(recipient))
    lookup = answer(row.key, row.recipient) if policy.needs_key(rule, encrypted_as=None) else None

    assert (verb(policy.decide(rule, encrypted_as=None, lookup=lookup)), rule.name) == (row.action, row.rule)


def test_no_example_is_without_a_table() -> None:
    assert all("```yaml" in section and "| known |" in section and "| none |" in section for section in SECTIONS)
    assert len(examples()) > len(SECTIONS) * 3 > 9
