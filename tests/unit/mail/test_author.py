from __future__ import annotations

import time

import pytest

from relay.mail import headers
from relay.mail.author import author, differs
from relay.model import Address

DR = "dr.martin@hopital.example"

CLEAR = [
    f"From: {DR}",
    f"from : {DR}",
    f"From: <{DR}>",
    f"From: Dr Martin <{DR}>",
    f'From: "Martin, Dr." <{DR}>',
    f"From: Dr\r\n\tMartin\r\n <{DR}>",
    f"From: {DR} (Dr Martin)",
    f"From: (x) Dr (y) <{DR}> (z)",
    "From: DR.Martin@Hopital.example",
    f"From: =?utf-8?q?Martin=2C_Ren=C3=A9?= <{DR}>",
    f"From: J.P. René <{DR}>",
]
DOUBTFUL = [
    f"From: {DR}, eve@evil.example",
    f"From: <{DR}>, <eve@evil.example>",
    f"From: {DR}\r\nFrom: {DR}",
    f"From: eve@evil.example\r\nFROM: {DR}",
    f"From: doctors: {DR};",
    f"From: {DR} (eve@evil.example)",
    f"From: ({DR}) eve@evil.example (x@y)",
    f"From: {DR} <eve@evil.example>",
    f"From: <eve@evil.example> <{DR}>",
    f"From: <@evil.example:{DR}>",
    "From: dr%hopital.example@evil.example",
    "From: =?utf-8?q?dr=2Emartin=40hopital=2Eexample=2C?= <eve@evil.example>",
    "From: =?utf-8?q?dr=2Emartin?=@hopital.example",
    f"From: =?utf-8?q?x=00?= <{DR}>",
    f"From: =?utf-8?q?x=0A?= <{DR}>",
    f'From: "<{DR}>, " <eve@evil.example>, x@y.example',
    "From: Dr Martin",
    "From:",
    f"Sender: {DR}",
    f"From: dr . martin@hopital.example, {DR}",
    f'From: "dr martin"@hopital.example, {DR}',
    "From: " + "x" * 65 + "@a.example",
    f"From: {DR};",
    f"From: a <{DR}> b",
    f"From: {DR} \u202e<x>",
    f"From: a\u200b <{DR}>",
]


def read(text: str) -> headers.Head:
    return headers.split(text.encode("utf-8", "surrogateescape") + b"\r\n\r\n")


@pytest.mark.parametrize("text", CLEAR)
def test_one_author(text: str) -> None:
    assert author(read(f"Sender: eve@evil.example\r\n{text}")) == Address(DR)


@pytest.mark.parametrize("text", DOUBTFUL)
def test_a_doubt(text: str) -> None:
    assert author(read(text)) is None


def test_look_alikes_are_other_authors() -> None:
    assert author(read("From: Dr Martin <dr.martin@hоpital.example>")) != Address(DR)  # noqa: RUF001  Cyrillic
    assert author(read("From: dr.martin@hopital.example.evil.example")) != Address(DR)


@pytest.mark.parametrize("text", [*CLEAR, "Subject: none"])
def test_inside_as_outside(text: str) -> None:
    assert not differs(read(text), read(f"From: {DR}"))


@pytest.mark.parametrize(
    "text", ["From: eve@evil.example", *(text for text in DOUBTFUL if not text.startswith("Sender"))]
)
def test_another_inside(text: str) -> None:
    assert differs(read(text), read(f"From: {DR}"))


def test_two_doubtful_ones_are_alike_where_they_say_the_same() -> None:
    both = f"From: {DR}, eve@evil.example"

    assert not differs(read(both), read(both))
    assert differs(read(both), read(f"From: eve@evil.example, {DR} (x)"))
    assert differs(read(f"From: {DR}"), read(both))


def test_hostile_fields_take_little_time() -> None:
    begun = time.process_time()
    for text in (
        "(a)" * 600,
        '"a"' * 600,
        "a " * 900,
        "( " * 900,
        '"' * 1900,
        "a.a" * 600,
        "\\" * 1900,
        "a@" * 900,
        "é" * 900,
    ):
        author(read(f"From: {text}"))
    assert time.process_time() - begun < 2
