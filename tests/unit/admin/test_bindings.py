"""What a key may be bound to, and what is read from other programs' files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.admin import alias_rules, gnupg_groups
from relay.admin.alias_rules import RulesError
from relay.admin.bindings import BindingError, Wanted, compared

OWN = ("hopital.example",)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Bob@Ville.Example", "bob@ville.example"),
        ("*@ville.example", "*@ville.example"),
        ("*@*.ville.example", "*@*.ville.example"),
        ("*@hôpital-nord.example", "*@xn--hpital-nord-2eb.example"),
        ("bob@github.io", "bob@github.io"),
        ("*@labo.hopital.example", "*@labo.hopital.example"),
        ("*@aphp.fr", "*@aphp.fr"),
    ],
)
def test_a_pattern_is_stored_as_it_is_compared(text: str, stored: str) -> None:
    assert compared(text, OWN) == stored


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("*@hopital.example", "hopital.example is an own domain"),
        ("dr@HOPITAL.example", "hopital.example is an own domain"),
        ("*@*.example", "hopital.example is an own domain"),
        ("*@fr", "anybody can register a domain under fr"),
        ("*@*.co.uk", "anybody can register a domain under co.uk"),
        ("*@gouv.fr", "anybody can register a domain under gouv.fr"),
        ("*@*.github.io", "anybody can register a domain under github.io"),
        ("*", "write name@domain"),
        ("<>", "write name@domain"),
        ("*@*", "write name@domain"),
        ("radio-*@ville.example", "write one address"),
        ("bob@*.ville.example", "write one address"),
        ("bob+x@ville.example", r"leave out the \+tag"),
        ("ville.example", "is no address pattern"),
        ("*@*ville.example", "is no domain|after the @"),
    ],
)
def test_what_no_key_may_be_bound_to_is_refused_in_a_sentence(text: str, fault: str) -> None:
    with pytest.raises(BindingError, match=fault):
        compared(text, OWN)


def test_alias_rules_of_thunderbird_are_bindings() -> None:
    rules = {
        "description": "Thunderbird OpenPGP Alias Rules",
        "rules": [
            {"domain": "ville.example", "keys": [{"description": "gateway", "fingerprint": "AB" * 20}]},
            {"email": "team@ville.example", "keys": [{"id": "CD" * 8}, {"fingerprint": "EF" * 20}]},
        ],
    }
    assert alias_rules.read(json.dumps(rules).encode()) == [
        Wanted("*@ville.example", ["AB" * 20]),
        Wanted("team@ville.example", ["CD" * 8, "EF" * 20]),
    ]


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "not Thunderbird's alias rules"),
        (b'{"rules": [5]}', "rule 1: is no object"),
        (b'{"rules": [{"keys": [{"id": "x"}]}]}', "rule 1: has either"),
        (b'{"rules": [{"email": "a@b", "domain": "b", "keys": [{"id": "x"}]}]}', "rule 1: has either"),
        (b'{"rules": [{"email": "a@b.example", "keys": []}]}', "rule 1: has no keys"),
        (b'{"rules": [{"email": "a@b.example", "keys": [{}]}]}', "rule 1: each of its keys"),
        (b'{"rules": [{"email": "a@b.example", "keys": [{"id": 5}]}]}', "rule 1: each of its keys"),
    ],
)
def test_what_are_no_alias_rules_is_told(octets: bytes, fault: str) -> None:
    with pytest.raises(RulesError, match=fault):
        alias_rules.read(octets)


def test_groups_of_gpg_conf_are_read(tmp_path: Path) -> None:
    file = tmp_path / "gpg.conf"
    file.write_text(
        "no-greeting\n# group no@x.example = 1\ngroup team@x.example = 0x0123456789ABCDEF ann@x.example\n"
        "group team@x.example=FEDCBA9876543210!\ngroup friends = a b\n"
    )
    groups = gnupg_groups.read(file)
    assert groups.keys == {"team@x.example": ["0x0123456789ABCDEF", "ann@x.example", "FEDCBA9876543210!"]}
    assert groups.notes == ["group friends: not carried over, its name is no mail address."]


def test_groups_behind_a_large_gpg_conf_are_told_and_a_missing_one_has_none(tmp_path: Path) -> None:
    (tmp_path / "gpg.conf").write_text("# " + "x" * gnupg_groups.LARGEST + "\ngroup a@x.example = b\n")
    assert len(gnupg_groups.read(tmp_path / "gpg.conf").notes) == 1
    assert gnupg_groups.read(tmp_path / "none") == gnupg_groups.Groups({})
