"""`check`, `explain` and `trace`: what an administrator asks before and after a mail."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import Keypair, make_keypair
from lab.client import Client
from lab.nexthop import Say, ScriptedHop
from lab.relay import Relay
from lab.tls import make_identity
from lab.wkd import Authority

FROM = "dr.martin@hopital.example"
KNOWN = "known@ville.example"
UNKNOWN = "unknown@ville.example"
CONFIDENTIAL = "From: a\nSubject: =?utf-8?q?Bilan_=5BCONFIDENTIEL=5D?=\n\nBonjour\n"
POLICY = [
    {"name": "inside", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "marked", "subject": "[confidentiel]", "encrypt": "required", "without_key": "hold"},
    {"name": "others", "encrypt": "preferred"},
]


@pytest.fixture(scope="module")
def site() -> Iterator[Relay]:
    with Relay({"reinject": "smtp://127.0.0.1:1", "policy": POLICY}) as made:
        yield made


@pytest.fixture(scope="module")
def known(site: Relay) -> Keypair:
    pair = make_keypair(f"<{KNOWN}>")
    site.run("keys", "import", "-", content=pair.public)
    return pair


def explained(site: Relay, to: str, content: str | None = None) -> dict[str, Any]:
    mail = [] if content is None else ["--message", "-"]
    words = ["explain", "--from", FROM, "--to", to, *mail, "--json"]
    found: dict[str, Any] = json.loads(site.run(*words, content=(content or "").encode()).stdout)
    assert list(found) == [
        "action",
        "rule",
        "reason",
        "fingerprint",
        "origin",
        "expires",
        "signed_by",
        "binding",
        "config",
    ]
    return found


async def test_check_tells_each_thing_on_a_line_and_what_to_do_about_what_is_down(site: Relay) -> None:
    down = await asyncio.to_thread(site.run, "check", check=False)
    header, *lines = [line.split("\t") for line in down.stdout.decode().splitlines()]
    assert down.returncode == 1
    assert header == ["what", "state", "details"]
    assert [name for name, _, _ in lines] == [
        *("configuration", "keyring", "store", "nodes", "signing key", "next hop", "sources", "service", "postfix"),
    ]
    assert [line for line in lines if line[1] != "ok"] == [
        ["next hop", "fault", "smtp://127.0.0.1:1 does not answer: start it, or set reinject"],
        ["service", "fault", "no relay runs with this configuration: systemctl start pgp-relay, or pgp-relay serve"],
    ], "all was ok with the relay stopped"
    async with ScriptedHop() as hop:
        site.configure({**site.settings, "reinject": hop.url})
        await asyncio.to_thread(site.start)
        up = await asyncio.to_thread(site.run, "check", "--json", check=False)
        before = site.settings
        site.configure({**before, "listen": ["lmtp://127.0.0.1:1"]})
        elsewhere = await asyncio.to_thread(site.run, "check", check=False)
        site.configure(before)
        await asyncio.to_thread(site.stop)
    assert up.returncode == 0
    assert "service\tfault\tnothing answers on lmtp://127.0.0.1:1: " in elsewhere.stdout.decode()
    assert all(found["ok"] and set(found) - {"config"} == {"name", "ok", "message"} for found in json.loads(up.stdout))
    assert [line.split(" ")[0] for line in hop.commands] == ["EHLO", "QUIT"] * 2


def test_check_did_not_say_which_configuration_it_had_read(site: Relay) -> None:
    first, *others = json.loads(site.run("check", "--json", check=False).stdout)
    assert (first["name"], first["config"]) == ("configuration", str(site.file))
    assert not [each for each in others if "config" in each]


async def test_check_says_where_no_daily_report_is_sent(site: Relay) -> None:
    """Nothing did, and the report starts only where notices.contact holds an address."""
    silent = "configuration\tok\tnotices.contact holds no address: no daily report of keys is sent\n"
    notices = site.settings["notices"]
    for contact in ("the IT desk, phone 4321", None):
        assert silent in await checked(site, {"notices": {**notices, "contact": contact}})
    told = await checked(site, {"notices": {**notices, "contact": "the IT desk <it@hopital.example>, phone 4321"}})
    assert "configuration\tok\tcan be used\n" in told


async def checked(site: Relay, settings: dict[str, Any]) -> str:
    before = site.settings
    site.configure({**before, **settings})
    try:
        return (await asyncio.to_thread(site.run, "check", check=False)).stdout.decode()
    finally:
        site.configure(before)


@pytest.mark.parametrize(
    ("offered", "name", "answer", "told"),
    [
        (False, "IP:127.0.0.1", None, "it offers no STARTTLS: switch TLS on there"),
        (True, "IP:127.0.0.1", "454 4.7.0 CANARY", "it answers STARTTLS with 454: its own log says why"),
        (True, "DNS:other.example", None, "its certificate is for another name: write its name in reinject"),
    ],
    ids=["none offered", "none granted", "for another name"],
)
async def test_check_told_to_start_a_next_hop_that_gave_no_tls(  # noqa: PLR0913  four, and pytest's two
    site: Relay, tmp_path: Path, *, offered: bool, name: str, answer: str | None, told: str
) -> None:
    identity = make_identity(tmp_path, name)
    async with ScriptedHop(tls=identity.server() if offered else None) as hop:
        if answer:
            hop.at["STARTTLS"] = Say(answer)
        where = f"smtp+starttls://127.0.0.1:{hop.port}"
        said = await checked(site, {"reinject": where, "reinject_ca_file": str(identity.certificate)})
    assert f"next hop\tfault\t{where} answers, but {told}\n" in said


async def test_check_told_to_start_a_next_hop_whose_authority_it_did_not_know(site: Relay, tmp_path: Path) -> None:
    async with ScriptedHop(tls=make_identity(tmp_path).server()) as hop:
        said = await checked(site, {"reinject": f"smtp+starttls://127.0.0.1:{hop.port}"})
    assert "no authority trusted here vouches for its certificate: set reinject_ca_file\n" in said


async def test_check_told_to_start_a_next_hop_whose_certificate_had_expired(site: Relay, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with ScriptedHop(tls=authority.context("localhost", expired=True)) as hop:
        where = f"smtp+starttls://localhost:{hop.port}"
        said = await checked(site, {"reinject": where, "reinject_ca_file": str(authority.ca_file)})
    assert f"next hop\tfault\t{where} answers, but its certificate has expired: renew it there\n" in said


async def test_check_told_to_start_a_next_hop_that_turned_it_away(site: Relay) -> None:
    async with ScriptedHop() as hop:
        hop.at["connect"] = Say("554 5.7.1 CANARY")
        said = await checked(site, {"reinject": hop.url})
    assert f"next hop\tfault\t{hop.url} answers, but it refuses the connection (554): its own log says why\n" in said


def test_check_with_a_signing_key_that_is_not_there_says_how_to_make_one(site: Relay) -> None:
    before = site.settings
    site.configure({**before, "sign": {"default": "relay@hopital.example"}})
    try:
        done = site.run("check", check=False)
    finally:
        site.configure(before)
    assert done.returncode == 1
    assert (
        b"signing key\tfault\tthe keyring has no secret key relay@hopital.example: pgp-relay keys generate"
        in done.stdout
    )


def test_explain_follows_the_rules_and_the_keys(site: Relay, known: Keypair) -> None:
    encrypted = explained(site, KNOWN)
    assert (encrypted["action"], encrypted["rule"], encrypted["fingerprint"]) == (
        "encrypt",
        "others",
        known.fingerprint,
    )
    assert (encrypted["origin"], encrypted["reason"]) == ("imported", "key found: keyring")
    clear = explained(site, UNKNOWN)
    assert (clear["action"], clear["rule"], clear["reason"], clear["fingerprint"]) == (
        "clear",
        "others",
        "no key is known",
        None,
    )
    held = explained(site, UNKNOWN, CONFIDENTIAL)
    assert (held["action"], held["rule"]) == ("hold", "marked")


def test_explain_reasons_step_by_step_and_sends_and_writes_nothing(site: Relay, known: Keypair) -> None:
    site.run("keys", "show", KNOWN)
    told = site.run("explain", "--from", FROM, "--to", KNOWN).stdout.decode()
    verdict, rules, keys = (part.splitlines() for part in told.split("\n\n"))
    assert verdict[0] == "encrypt: key found: keyring", "what is looked for first comes first"
    assert re.fullmatch(rf"  key        {known.fingerprint} by keyring \(imported\), expires \S+", verdict[1])
    assert verdict[2:] == ["  signed by  nobody", "  subject    protected"]
    assert rules == [
        "rules",
        "  inside  no: the recipient is not *@hopital.example",
        "  marked  no: the subject does not contain [confidentiel]",
        "  others  matches: encrypt: preferred",
    ]
    source, certificate = keys[1:]
    assert re.fullmatch(rf"  keyring      has {known.fingerprint} \(\d+\.\d+ s\); usable: the search ends", source)
    assert re.fullmatch(
        rf"  certificate  made \S+; expires \S+; encrypts with \w{{16}} \(\w+\); has a user id with {KNOWN}; not weak",
        certificate,
    )
    held = site.run("explain", "--from", FROM, "--to", UNKNOWN, "--message", "-", content=CONFIDENTIAL.encode())
    assert held.stdout.decode().splitlines()[:3] == [
        "hold: no key is known",
        "  key     no source knows one",
        "  sender  gets a notice",
    ]


TRACE = [
    *("time", "id", "queue_id", "message_id", "sender", "recipient", "action", "rule", "reason"),
    *("fingerprint", "signed_by", "reply", "size", "direction", "mark", "binding"),
]


async def test_trace_tells_every_decision_and_finds_it_by_id_and_addresses(site: Relay, known: Keypair) -> None:
    content = f"From: {FROM}\r\nTo: {KNOWN}\r\nMessage-ID: <1@h>\r\nSubject: Le bilan\r\n\r\nBonjour\r\n".encode()
    async with ScriptedHop() as hop:
        site.configure({**site.settings, "reinject": hop.url})
        await asyncio.to_thread(site.start)
        async with Client(f"lmtp://127.0.0.1:{site.port}") as client:
            await client.hello()
            await client.say("XFORWARD IDENT=4F0A")
            replies = await client.send(FROM, [KNOWN, "Unknown@Ville.Example"], content)
            replies += await client.send("", [UNKNOWN], content)
        assert all(reply.startswith("250 ") for reply in replies)
        await asyncio.to_thread(site.stop)
    bounced = site.trace("--from", "<>")
    assert [(line["sender"], line["recipient"]) for line in bounced] == [("", UNKNOWN)], "and not nothing"
    lines = site.trace("--from", FROM)
    assert [list(line) for line in lines] == [TRACE, TRACE]
    by_action = {line["action"]: line for line in lines}
    encrypted, clear = by_action["encrypt"], by_action["clear"]
    assert (encrypted["fingerprint"], encrypted["queue_id"], encrypted["message_id"]) == (
        known.fingerprint,
        "4F0A",
        "<1@h>",
    )
    assert clear["reply"].startswith("250 2.0.0")
    assert clear["size"] == len(content)
    assert site.trace("--id", encrypted["id"], "--to", UNKNOWN) == [clear]
    assert site.trace("--queue-id", "4F0A") == lines
    assert [line for line in site.trace("--message-id", "<1@h>") if line["queue_id"]] == lines
    assert site.trace("--queue-id", "4F0B") == site.trace("--message-id", "1@h") == []
    assert site.trace("--since", "1h", "--from", FROM.upper()) == lines
    assert site.trace() == [*lines, *bounced]
    plain = site.run("trace", "--from", FROM).stdout.decode()
    header, *rows = [line.split("\t") for line in plain.splitlines()]
    assert header == [
        *("time", "action", "recipient", "reason", "id", "sender", "rule"),
        *("reply", "mark", "signed by"),
    ]
    assert [row[1] for row in rows] == [line["action"] for line in lines]
    assert [datetime.fromisoformat(row[0]) for row in rows] == [datetime.fromisoformat(line["time"]) for line in lines]
    assert "bilan" not in plain


def test_verify_tells_that_the_chain_holds_and_which_row_was_altered(site: Relay) -> None:
    whole = json.loads(site.run("trace", "--verify", "--json").stdout)
    changes = len(site.run("trace", "--keys", "--json").stdout.splitlines())
    assert (whole["holds"], whole["checked"], whole["fault"]) == (True, 3 + changes, None)
    assert changes == 1
    with sqlite3.connect(site.keyring / "store.db") as store:
        store.execute("UPDATE trace SET action = 'encrypt' WHERE action = 'clear'")
    store.close()
    altered = site.run("trace", "--verify", check=False)
    assert (altered.returncode, altered.stdout) == (1, b"")
    assert altered.stderr.startswith(b"row ")
    assert json.loads(site.run("trace", "--verify", "--json", check=False).stdout)["holds"] is False
