"""Upkeep by the real relay process, at a real slapd filled by `gpg --send-keys` and a real Web Key Directory.

`lookup.cache.found` is seconds here, so that a day passes while a test waits; what is asked when, and what is left
alone, is in `tests/unit/daemon/test_key_refresh.py` with a clock that tests turn.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from lab.correspondent import Correspondent, in_days, in_seconds
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.slapd import Slapd
from lab.timed import send
from lab.waiting import wait_for

from relay.daemon.jobs.key_refresh import EARLY, MARGIN

pytestmark = pytest.mark.waits

DOMAIN = "ville.example"
FETCHED, IMPORTED, ALIAS = f"fetched@{DOMAIN}", f"imported@{DOMAIN}", f"alias@{DOMAIN}"
OTHER = "imported@elsewhere.example"
SOON, LATER = in_days(40), in_days(1500)


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published
    directory: Slapd
    person: Correspondent

    def keys(self) -> dict[str, dict[str, Any]]:
        """What the store has, by fingerprint."""
        return {key["fingerprint"]: key for key in json.loads(self.relay.run("keys", "list", "--json").stdout)}

    def wait_renewed(self, fingerprint: str, reason: str | None) -> None:
        """Until the relay has taken a new state of this key, which is usable or no more, for this reason."""

        def renewed() -> bool:
            told = [e for e in self.relay.events if e["event"] == "renewed" and e["fingerprint"] == fingerprint]
            return bool(told) and told[-1].get("reason") == reason

        wait_for(renewed, f"{fingerprint} is renewed", 60)

    def send(self, address: str) -> str:
        """`encrypted`, `refused`, or what was answered in place of 250."""
        self.sink.forget()
        reply = asyncio.run(send(f"lmtp://127.0.0.1:{self.relay.port}", address))
        if not reply.startswith("250"):
            return reply
        (taken,) = self.sink.wait_for(1)
        assert b"the clear body" not in taken.content
        return "encrypted" if b"multipart/encrypted" in taken.content else "refused"

    def to_directory(self, fingerprint: str) -> None:
        """As GnuPG's users do, over what stands there."""
        self.person.send(self.directory.writable, fingerprint)

    def prolong(self, fingerprint: str) -> None:
        self.person.gpg("--quick-set-expire", fingerprint, LATER)
        self.person.gpg("--quick-set-expire", fingerprint, LATER, "*")


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        directory = stack.enter_context(Slapd())
        directory.add_root()
        directory.add_server_info()
        wkd = stack.enter_context(Published(DOMAIN, "elsewhere.example"))
        ldap = [{"url": directory.url, "timeout": "10s"}]
        lookup = {"ldap": ldap, "wkd": wkd.settings, "cache": {"found": "4s", "not_found": "4s"}}
        relay = stack.enter_context(Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup}))
        yield Site(relay, sink, wkd, directory, stack.enter_context(Correspondent()))


@pytest.mark.timeout(600)
def test_keys_are_renewed_and_revoked_at_their_sources_while_nobody_writes(site: Site) -> None:
    fetched, imported, other = (site.person.new_key(f"<{a}>", expires=SOON) for a in (FETCHED, IMPORTED, OTHER))
    site.wkd.publish(FETCHED, site.person.export(fetched))
    site.relay.run("keys", "import", "-", content=site.person.export(imported, other))
    site.relay.start()
    assert [site.send(a) for a in (FETCHED, IMPORTED, OTHER)] == ["encrypted"] * 3
    before = site.keys()

    for key in (fetched, imported, other):
        site.prolong(key)
    site.wkd.publish(FETCHED, site.person.export(fetched))
    site.wkd.publish(IMPORTED, site.person.export(imported))
    site.to_directory(other)
    for key in (fetched, imported, other):
        site.wait_renewed(key, None)
    after = site.keys()
    assert all(after[key]["expires"] > before[key]["expires"] for key in (fetched, imported, other))
    assert [after[key]["origin"] for key in (fetched, imported, other)] == ["wkd", "imported", "imported"]

    for key in (fetched, imported, other):
        site.person.revoke(key)
    site.wkd.publish(FETCHED, site.person.export(fetched))
    site.wkd.publish(IMPORTED, site.person.export(imported))
    site.to_directory(other)
    for key in (fetched, imported, other):
        site.wait_renewed(key, "the key is revoked")
    assert [site.send(a) for a in (FETCHED, IMPORTED, OTHER)] == ["refused"] * 3


def test_a_revocation_that_one_mails_lookup_finds_counts_for_the_next_mail_to_another_address(site: Site) -> None:
    key = site.person.new_key(f"<{IMPORTED}>")
    site.person.gpg("--quick-add-uid", key, f"<{ALIAS}>")
    site.relay.configure({**site.relay.settings, "lookup": {**site.relay.settings["lookup"], "cache": {}}})
    site.relay.run("keys", "import", "-", content=site.person.export(key))
    site.relay.start()
    wait_for(lambda: {"imported", "alias"} <= set(site.wkd.asked), "upkeep has asked for both")
    assert [site.send(IMPORTED), site.send(ALIAS)] == ["encrypted", "encrypted"]
    site.person.gpg("--quick-add-uid", key, "<third@ville.example>")
    site.person.revoke(key)
    site.wkd.publish("third@ville.example", site.person.export(key))
    assert [site.send("third@ville.example"), site.send(IMPORTED), site.send(ALIAS)] == ["refused"] * 3


def test_a_fetched_key_is_asked_for_once_more_before_its_time_ends(site: Site) -> None:
    """Nobody writes, the answer is not old yet, and the owner has prolonged the key: no mail will meet the old one."""
    lookup = {**site.relay.settings["lookup"], "sources": ["wkd"], "cache": {"found": "1m"}}
    site.relay.configure({**site.relay.settings, "lookup": lookup})
    site.relay.start()
    key = site.person.new_key(f"<{FETCHED}>", expires=in_seconds(MARGIN + 10))
    site.wkd.publish(FETCHED, site.person.export(key))
    assert site.send(FETCHED) == "encrypted"
    asked, before = time.monotonic(), site.keys()[key]["expires"]
    site.prolong(key)
    site.wkd.publish(FETCHED, site.person.export(key))

    site.wait_renewed(key, None)

    assert time.monotonic() - asked < EARLY * 60, "before the answer was old"
    assert before < site.keys()[key]["expires"]
    assert site.wkd.asked == ["fetched"] * 2
    assert site.send(FETCHED) == "encrypted"
