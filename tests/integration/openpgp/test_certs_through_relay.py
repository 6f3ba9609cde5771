"""The oracle, through the program: what `keys import` says of each real certificate, and what becomes of mail to it.

One relay an engine; certificates that have an address in common, or are two states of one, are in its store one after
the other. Each address gets a mail under `preferred`, one under `required` and one under `required` with `without_key:
hold`. What `keys import` refuses leaves an address without a key: under `preferred` such mail is clear by that rule, so
it is not sent here.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable
from dataclasses import dataclass, field
from json import loads
from pathlib import Path
from typing import Any

import pytest
from lab.gnupghome import gnupg_home, gpg
from lab.known import armored, is_encrypted
from lab.relay import Relay
from lab.shared import FORGED, VERSION_3, VERSION_6, WHY_NOT, Row, needs_certs, octets, public_half, table
from lab.sink import Sink, Taken

from relay.mail import armor, packets
from relay.model import Address, Why, user_id
from relay.openpgp.completion import NO_USER_ID

pytestmark = needs_certs

PREFERRED, REQUIRED, HELD = "preferred@hopital.example", "required@hopital.example", "held@hopital.example"
POLICY = [
    {"name": "required", "from": [REQUIRED], "encrypt": "required"},
    {"name": "held", "from": [HELD], "encrypt": "required", "without_key": "hold"},
    {"name": "everyone", "encrypt": "preferred"},
]
SECRET = b"La glycemie du patient est elevee."
USER_ID = 13
REVOCATION = "rnp-validity/alice-rev.pgp"
"""Of a certificate of the table: no row of it (tests/integration/keys/test_import_odd.py)."""
REVOKED = {
    "rnp-validity/case6/pubring.gpg": Why.REVOKED,
    "rnp-validity/case7/pubring.gpg": Why.SUBKEY_REVOKED,
}
"""Not in the table, where no primary key is revoked; what their authors say (`cases.txt`)."""


@dataclass
class Mailed:
    """One mail, and what became of it."""

    sender: str
    address: str
    code: int
    arrived: list[Taken]
    traced: dict[str, Any] = field(default_factory=dict)

    @property
    def to_address(self) -> list[bytes]:
        return [mail.content for mail in self.arrived if self.address in mail.recipients]


@dataclass
class Fate:
    """What was told of a certificate at import, and the mails to its addresses."""

    told: dict[str, Any]
    mails: dict[str, Mailed] = field(default_factory=dict)
    """By Message-ID."""

    @property
    def stored(self) -> bool:
        return bool(self.told["result"] == "imported")


def addresses(row: Row) -> set[Address]:
    """In its user ids, as they stand."""
    return {address for text in user_ids(row) for address in user_id.addresses(text)}


def everything() -> list[Row]:
    rows = table()
    return [row for row in rows if row.file != REVOCATION] + [Row(f, 1, "", gpg22=False) for f in REVOKED if rows]


def user_ids(row: Row) -> list[str]:
    data = public_half(octets(row.path))
    return [user_id.decode(packets.body(data, packet)) for packet in packets.walk(data) if packet.tag == USER_ID]


def primary(row: Row) -> bytes:
    """The first packet: two states of one certificate have it in common."""
    data = public_half(octets(row.path))
    return packets.body(data, next(packets.walk(data)))


def collide(one: Row, other: Row) -> bool:
    return bool(addresses(one) & addresses(other)) or primary(one) == primary(other)


def groups(rows: Iterable[Row]) -> list[list[Row]]:
    """No two certificates of a group collide."""
    made: list[list[Row]] = []
    for row in rows:
        group = next((g for g in made if not any(collide(row, other) for other in g)), None)
        if group is None:
            made.append(group := [])
        group.append(row)
    return made


class Sweep:
    """A relay that runs, and where its mail goes."""

    def __init__(self, relay: Relay, sink: Sink) -> None:
        self.relay = relay
        self.sink = sink
        self.stored: dict[str, Row] = {}

    def through(self, group: list[Row]) -> dict[str, Fate]:
        """Import them, in place of those they collide with, and send to each."""
        for name in [name for name, old in self.stored.items() if any(collide(old, row) for row in group)]:
            self.relay.run("keys", "remove", name)
            del self.stored[name]
        fates = self.imported(group)
        with smtplib.LMTP("127.0.0.1", self.relay.port, timeout=60) as client:
            for row in group:
                fate = fates[row.file]
                for address in sorted(addresses(row), key=lambda each: each.key):
                    for sender in (PREFERRED, REQUIRED, HELD) if fate.stored else (REQUIRED, HELD):
                        name = f"<{len(fate.mails)}.{row.file.replace('@', '.')}@hopital.example>"
                        fate.mails[name] = self.mailed(client, sender, address.text, name)
        self.stored |= {fates[row.file].told["fingerprint"]: row for row in group if fates[row.file].stored}
        return fates

    def imported(self, group: list[Row]) -> dict[str, Fate]:
        files = {str(self.relay.folder / f"{number}.pgp"): row for number, row in enumerate(group)}
        for file, row in files.items():
            Path(file).write_bytes(public_half(octets(row.path)))
        told = self.relay.run("keys", "import", "--json", *files, check=False).stdout.splitlines()
        assert len(told) == len(files)
        return {files[line["place"]].file: Fate(line) for line in map(loads, told)}

    def mailed(self, client: smtplib.LMTP, sender: str, address: str, name: str) -> Mailed:
        self.sink.forget()
        head = f"From: <{sender}>\r\nTo: <{address}>\r\nSubject: x\r\nMessage-ID: {name}\r\n\r\n"
        code = 250
        try:
            client.sendmail(sender, [address], head.encode() + SECRET + b"\r\n")
        except smtplib.SMTPDataError as refused:
            code = refused.smtp_code
        return Mailed(sender, address, code, self.sink.taken)


@pytest.fixture(scope="module", params=["gnupg", "sequoia"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fates(engine: str) -> dict[str, Fate]:
    settings = {"engine": engine, "policy": POLICY, "refuse_with": "reply"}
    found: dict[str, Fate] = {}
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}) as relay:
        relay.start()
        sweep = Sweep(relay, sink)
        for group in groups(everything()):
            found |= sweep.through(group)
        traced = {line["message_id"]: line for line in relay.trace()}
    for fate in found.values():
        for name, mailed in fate.mails.items():
            mailed.traced = traced[name]
    return found


rows = pytest.mark.parametrize("row", everything(), ids=lambda row: row.file)


def told_of(row: Row, engine: str) -> str | None:
    """The reason, in the command's words."""
    if engine == "sequoia" and "/v6-" in row.file:
        return None if user_ids(row) else NO_USER_ID  # one of them has one, without an address
    why = {**WHY_NOT, **REVOKED}.get(row.file)
    return None if why is None else str(why)


def may_be_encrypted_to(row: Row) -> set[str]:
    """Key ids, as gpg lists those that encrypt and are neither expired nor revoked."""
    data = public_half(octets(row.path))
    with gnupg_home() as home:
        listing = gpg(home, "--with-colons", "--show-keys", content=data).stdout.decode("utf-8", "replace")
    keys = [line.split(":") for line in listing.splitlines() if line.startswith(("pub:", "sub:"))]
    return {key[4] for key in keys if "e" in key[11] and key[1] not in {"e", "r", "i"}}


@rows
def test_keys_import_says_in_words_why_not(row: Row, engine: str, fates: dict[str, Fate]) -> None:
    told = fates[row.file].told
    assert told["reason"] == told_of(row, engine)
    assert (told["reason"] is None) is row.gpg22 or (engine == "sequoia" and "/v6-" in row.file)
    if fates[row.file].stored:
        assert {Address(text) for text in told["addresses"]} == addresses(row)
        nameless = any("no user id with an address" in warning for warning in told["warnings"])
        assert nameless is not bool(told["addresses"])


@rows
def test_mail_is_encrypted_to_the_usable_ones_and_to_no_others(row: Row, fates: dict[str, Fate]) -> None:
    fate = fates[row.file]
    for mailed in fate.mails.values():
        encrypted = [mail for mail in mailed.to_address if is_encrypted(mail)]
        assert encrypted == mailed.to_address, f"clear, from {mailed.sender}"
        assert bool(encrypted) is row.gpg22, mailed.sender
        assert not any(SECRET in mail.content for mail in mailed.arrived)
        for mail in encrypted:
            (block,) = armor.dearmor(armored(mail))
            walked = [p for p in packets.walk(block.data) if p.tag == packets.PKESK]
            ids = {packets.pkesk_key_id(packets.body(block.data, packet)) for packet in walked}
            assert ids
            assert ids <= may_be_encrypted_to(row)
            assert (mailed.code, mailed.traced["fingerprint"]) == (250, fate.told["fingerprint"])


@rows
def test_mail_to_the_others_is_refused_or_held_and_the_reason_is_that_of_the_import(
    row: Row, fates: dict[str, Fate]
) -> None:
    fate = fates[row.file]
    for mailed in fate.mails.values():
        if not row.gpg22:
            wanted = (450, "hold") if mailed.sender == HELD else (550, "refuse")
            assert (mailed.code, mailed.traced["action"]) == wanted
            if Address(mailed.address) in FORGED:
                assert mailed.traced["reason"] == Why.USER_ID_INVALID
            elif fate.told["reason"] in {VERSION_3, VERSION_6}:
                assert mailed.traced["reason"] == Why.UNREADABLE
            else:
                assert mailed.traced["reason"] == (fate.told["reason"] if fate.stored else "no key is known")


def test_the_sweep_met_what_it_is_there_for(fates: dict[str, Fate]) -> None:
    """Most rows have an address, and each of the three outcomes was seen."""
    assert set(fates) == {row.file for row in everything()}
    actions = [mailed.traced["action"] for fate in fates.values() for mailed in fate.mails.values()]
    print({action: actions.count(action) for action in set(actions)})
    assert set(actions) == {"encrypt", "refuse", "hold"}
    assert all(fates[file].mails for file in REVOKED)
    assert sum(bool(fate.mails) for fate in fates.values()) > len(fates) * 2 / 3
