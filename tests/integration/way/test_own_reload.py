"""What is changed about own addresses counts at the next mail: by a reload, and by a command beside the relay."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.gnupghome import stop_agent
from lab.known import KNOWN, Known
from lab.relay import Relay
from lab.sink import Sink

MARTIN, DESK = "dr.martin@hopital.example", "accueil@hopital.example"


@pytest.fixture(params=["gnupg", "sequoia"])
def relay(request: pytest.FixtureRequest, known: Known, tmp_path: Path) -> Iterator[Relay]:
    (tmp_path / "addresses.txt").write_text(f"{MARTIN}\n")
    own = {"domains": ["hopital.example"], "addresses": str(tmp_path / "addresses.txt")}
    with Sink() as sink:
        settings = {"engine": request.param, "reinject": f"smtp://127.0.0.1:{sink.port}", "own": own}
        with Relay(settings) as relay:
            known.introduce(relay)
            relay.run("own", "create", "Hôpital Exemple")
            relay.start()
            yield relay
            relay.stop()
            stop_agent(relay.keyring)


def signed_by(relay: Relay, sender: str, number: int) -> str:
    """Who signed a mail that is sent now."""
    text = f"From: <{sender}>\r\nTo: {KNOWN}\r\nMessage-ID: <{number}@hopital.example>\r\n\r\nx\r\n"
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.sendmail(sender, [KNOWN], text)
    (row,) = [row for row in relay.trace() if row["message_id"] == f"<{number}@hopital.example>"]
    return str(row["signed_by"])


def fingerprints(relay: Relay) -> dict[str, str]:
    return {own["address"]: own["fingerprint"] for own in json.loads(relay.run("own", "list", "--json").stdout)}


def reload(relay: Relay, **own: object) -> None:
    relay.reload({**relay.settings, "own": {**relay.settings["own"], **own}})


def test_a_change_counts_at_the_next_mail(relay: Relay, tmp_path: Path) -> None:
    assert signed_by(relay, MARTIN, 1) == fingerprints(relay)[MARTIN]
    assert signed_by(relay, DESK, 2) == ""
    reload(relay, sign_from=["10.0.0.0/8"])
    assert signed_by(relay, MARTIN, 3) == ""
    reload(relay, sign_from=["127.0.0.0/8"])
    (tmp_path / "addresses.txt").write_text(f"{MARTIN}\n{DESK}\n")
    assert signed_by(relay, DESK, 4) == fingerprints(relay)[DESK]
    relay.run("own", "rotate", MARTIN)
    assert signed_by(relay, MARTIN, 5) == fingerprints(relay)[MARTIN]
    relay.run("own", "revoke", MARTIN, "--yes")
    assert signed_by(relay, MARTIN, 6) == ""
