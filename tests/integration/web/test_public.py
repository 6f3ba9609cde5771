"""`web public` as a process: the Web Key Directory, and those who ask wrongly, too much, too slowly or too often."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from lab.canary import assert_unheard
from lab.public import Told, WebPublic
from lab.stopwatch import Stopwatch
from lab.waiting import wait_for

from relay.model import Address
from relay.model.public import ObjectKind, PublicObject
from relay.model.wkd_location import locations
from relay.process.open_files import allow_open_files
from relay.web.http.connections import Bounds
from relay.web.public.wording import SENTENCES

pytestmark = pytest.mark.waits

LISTED = Address("Dr.Martin@hopital.example")
NEVER_IDLE = """
from dataclasses import astuple
from relay.web.http.connections import Bounds
Bounds.__init__.__defaults__ = astuple(Bounds(idle=600.0))
"""
CERTIFICATE = b"\x99" + bytes(range(256)) * 4


def paths(address: Address) -> tuple[str, str]:
    """By the advanced and by the direct method."""
    found = locations(address)
    assert found
    return found[0].path, found[1].path


def identity(path: str) -> str:
    """Of the object behind an advanced path."""
    return path.partition("?")[0].removeprefix("/.well-known/openpgpkey/")


@pytest.fixture(scope="module")
def web() -> Iterator[WebPublic]:
    with WebPublic() as running:
        running.start()
        yield running


@pytest.fixture(autouse=True)
async def published(web: WebPublic) -> None:
    channel = web.channel()
    try:
        await channel.put(PublicObject(ObjectKind.CERTIFICATES, identity(paths(LISTED)[0]), CERTIFICATE))
        await channel.put(PublicObject(ObjectKind.CERTIFICATES, "hopital.example/policy", b""))
    finally:
        await channel.close()


def test_both_methods_find_the_certificate_and_head_says_the_same_without_it(web: WebPublic) -> None:
    advanced, direct = paths(LISTED)
    for path, host in ((advanced, "openpgpkey.hopital.example"), (direct, "hopital.example:443")):
        found, head = web.ask(path, host=host), web.ask(path, "HEAD", host=host)
        assert (found.status, found.body) == (200, CERTIFICATE)
        assert (head.status, head.body) == (200, b"")
        for told in (found, head):
            assert told.fields["content-type"] == "application/octet-stream"
            assert told.fields["content-length"] == str(len(CERTIFICATE))
            assert told.fields["access-control-allow-origin"] == "*"
            assert told.fields["etag"] == f'"{hashlib.sha256(CERTIFICATE).hexdigest()[:32]}"'
    assert web.ask(direct, host="another.example").status == 404


def test_what_the_client_has_already_is_not_sent_again(web: WebPublic) -> None:
    path = paths(LISTED)[0]
    etag = web.ask(path).fields["etag"]
    assert web.ask(path, If_None_Match=etag).status == 304
    assert web.ask(path, If_None_Match='"other"').status == 200


def test_the_policy_says_that_the_domain_has_a_directory(web: WebPublic) -> None:
    assert web.ask("/.well-known/openpgpkey/hopital.example/policy").status == 200
    assert web.ask("/.well-known/openpgpkey/policy", host="hopital.example").body == b""
    assert web.ask("/.well-known/openpgpkey/another.example/policy").status == 404


async def test_a_certificate_that_changes_or_goes_is_seen_within_seconds(web: WebPublic) -> None:
    path = paths(Address("dr.leroy@hopital.example"))[0]
    one = PublicObject(ObjectKind.CERTIFICATES, identity(path), b"first")
    channel = web.channel()
    try:
        await channel.put(one)
        assert web.ask(path).body == b"first"
        await channel.put(replace(one, octets=b"second"))
        wait_for(lambda: web.ask(path).body == b"second", "the new one", 10)
        assert await channel.remove(one.kind, one.id)
        wait_for(lambda: web.ask(path).status == 404, "gone", 10)
        assert [facts.id async for facts in channel.objects(one.kind)] == [
            identity(paths(LISTED)[0]),
            "hopital.example/policy",
        ]
    finally:
        await channel.close()


def test_every_answer_has_the_fields_that_keep_browsers_safe(web: WebPublic) -> None:
    for told in (web.ask(paths(LISTED)[0]), web.ask("/"), web.ask("/healthz"), web.ask("/healthz", "POST", b"")):
        assert told.fields["x-content-type-options"] == "nosniff"
        assert told.fields["referrer-policy"] == "no-referrer"
        assert told.fields["x-frame-options"] == "DENY"
        assert "default-src 'none'" in told.fields["content-security-policy"]
        assert "frame-ancestors 'none'" in told.fields["content-security-policy"]
        assert "unsafe" not in told.fields["content-security-policy"]
        assert told.fields["server"] == "pgp-relay"
        assert "set-cookie" not in told.fields


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc/passwd",
        "/.well-known/openpgpkey/../../../etc/passwd",
        "/.well-known/openpgpkey/hopital.example/hu/../policy",
        "/.well-known/openpgpkey/hopital.example%2fpolicy",
        "/.well-known/openpgpkey/hopital.example/hu/%69y9q119eutrkn8s1mk4r39qejnbu3n5q",
        "/.well-known/openpgpkey//policy",
        "/.well-known/openpgpkey/hopital.example/hu/",
        "/.well-known/openpgpkey/hopital.example/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q/x",
        "/objects/certificates",
        "/events",
        "http://hopital.example/healthz",
        "/healthz/",
        "/HEALTHZ",
        "/static/../config.yaml",
    ],
)
def test_every_other_path_is_not_found(web: WebPublic, path: str) -> None:
    told = web.ask(path)
    assert (told.status, told.body.decode()) == (404, f"{SENTENCES[HTTPStatus.NOT_FOUND]['fr']}\n")


@pytest.mark.parametrize(
    ("request_octets", "status"),
    [
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        (b"CONNECT hopital.example:443 HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        (b"TRACE /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\nabcde", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\nHost: h\n\n", 400),
        (b"GET /healthz HTTP/1.1\r\n Host: h\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET /heal\x00thz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /healthz HTTP/2\r\nHost: h\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"kanarienvogel7\r\n\r\n", 400),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 10_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X: a\r\n" * 1000 + b"\r\n", 400),
    ],
    ids=lambda value: repr(value[:70]) if isinstance(value, bytes) else str(value),
)
def test_what_two_programs_could_read_differently_is_refused_and_the_connection_ends(
    web: WebPublic, request_octets: bytes, status: int
) -> None:
    second = b"GET /healthz?smuggled HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = web.raw(request_octets + second)

    assert int(answer.split(b" ", 2)[1]) == status
    if status in {400, 411, 431}:
        assert len(re.findall(rb"HTTP/1\.[01] \d", answer)) == 1, "nothing behind it is read as a request"
    assert b"alive" not in answer.partition(b"\r\n\r\n")[0]
    assert_unheard(answer, "the answer")
    assert b"Traceback" not in answer


def test_a_body_that_is_too_large_is_refused_before_it_comes(web: WebPublic) -> None:
    answer = web.raw(b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 1000)
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_requests_in_a_row_are_answered_in_their_order(web: WebPublic) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = web.raw(one * 20 + last)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200"] * 20 + [b"404"]


def test_who_sends_a_head_slowly_is_let_go_and_others_are_answered(web: WebPublic) -> None:
    slow = [socket.create_connection(("127.0.0.1", web.http), 60) for _ in range(30)]
    with Stopwatch() as watch:
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: ")
        assert web.ask("/healthz").status == 200
        for connection in slow:
            with connection:
                assert _has_ended(connection)
    assert watch.seconds < 2 * Bounds().idle


def test_those_that_are_more_than_may_be_are_let_go_and_the_others_stay() -> None:
    allow_open_files(Bounds().connections + 1000)
    with WebPublic() as web, ExitStack() as stack:
        web.altered = NEVER_IDLE
        web.start()
        crowd = [
            stack.enter_context(socket.create_connection(("127.0.0.1", web.http), 30))
            for _ in range(Bounds().connections + 20)
        ]
        for one_more in crowd[Bounds().connections :]:
            assert _has_ended(one_more)
        for connection in crowd[: Bounds().connections]:
            connection.settimeout(0)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        stack.close()
        wait_for(lambda: _answered(web), "others are answered")


def _limited(told: Told) -> Told | None:
    """One more a second is answered."""
    return told if told.status == 429 else None


def _answered(web: WebPublic) -> bool:
    try:
        return web.ask("/healthz").status == 200
    except OSError:
        return False


def _has_ended(connection: socket.socket) -> bool:
    """Once it has."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_guessing_addresses_is_limited_for_who_guesses_alone(web: WebPublic) -> None:
    guesser, other = "evil, 192.0.2.1", "192.0.2.2"
    path = paths(Address("nobody@hopital.example"))[0]
    with_status: dict[int, int] = {}
    connection_asks = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n".encode() for _ in range(1200)
    )
    last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    for status in re.findall(rb"HTTP/1\.1 (\d+)", web.raw(connection_asks + last)):
        with_status[int(status)] = with_status.get(int(status), 0) + 1

    assert with_status[429] > 100
    limited = wait_for(lambda: _limited(web.ask(path, X_Forwarded_For=guesser)), "429", 10)
    assert int(limited.fields["retry-after"]) > 0
    assert web.ask(path, X_Forwarded_For=other).status == 404
    assert web.ask(paths(LISTED)[0], X_Forwarded_For=other).status == 200
    assert web.ask(paths(LISTED)[0]).status == 200


def test_the_log_and_the_answers_hold_no_address_and_nothing_that_was_asked(web: WebPublic) -> None:
    web.ask("/kanarienvogel7?kanarienvogel7=1", X_Forwarded_For="203.0.113.77")
    web.ask(paths(Address("kanarienvogel7@hopital.example"))[0])
    assert "203.0.113.77" not in web.log
    assert "kanarienvogel7" not in web.log
    assert {line["event"] for line in web.events} <= {"ready", "stopping", "stopped"}


def test_the_socket_of_the_channel_is_for_its_group_alone(web: WebPublic) -> None:
    assert web.socket.stat().st_mode & 0o777 == 0o660
    assert (web.folder / "public.db").stat().st_mode & 0o777 == 0o600


def test_an_unknown_and_an_unlisted_address_are_answered_alike(web: WebPublic) -> None:
    def told(address: str) -> Told:
        answer = web.ask(paths(Address(address))[0], X_Forwarded_For="192.0.2.9")
        return replace(answer, fields={**answer.fields, "date": ""})

    assert told("unlisted@hopital.example") == told("unknown@hopital.example") == told("a@foreign.example")


def test_sigterm_ends_it_and_it_starts_again_with_what_it_had(web: WebPublic) -> None:
    with socket.create_connection(("127.0.0.1", web.http), 30) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200")
        with Stopwatch() as watch:
            web.stop()
        assert watch.seconds < 10, "who asks nothing is not waited for"
    assert not web.socket.exists()
    assert [line["event"] for line in web.events][-2:] == ["stopping", "stopped"]
    web.start()
    assert web.ask(paths(LISTED)[0]).body == CERTIFICATE


def test_a_place_that_is_taken_is_a_sentence(web: WebPublic, tmp_path: Path) -> None:
    with WebPublic({"public": f"127.0.0.1:{web.http}", "channel": f"unix:{tmp_path}/c"}) as second:
        done = second.run("web", "public", check=False)
    assert done.returncode == 1
    assert b"cannot be listened on: address already in use" in done.stderr


ODD_QUERIES = ("?" + "&".join(["a="] * 100), "?%", "?lang=%00", "?lang=%ff&lang=fr", "?;;==&&")
ODD_BODIES = (
    b"",
    b"&" * 500,
    b"a=&" * 150,
    b"proof=%00%ff",
    b"proof",
    b"\x00\xff" * 100,
    b"--x\r\n\r\n--x--",
    b"=" * 500,
)
ODD_KINDS = (
    "",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "\xe9/;=",
)


async def test_a_form_of_five_fields_was_a_fault_of_ours(web: WebPublic) -> None:
    """A stranger filled the log with errors; whatever is sent anywhere is answered, and is none."""
    channel = web.channel()
    try:
        await channel.put(PublicObject(ObjectKind.PICKUP, "abc", b"locked", proof=bytes(32)))
    finally:
        await channel.close()
    before = len(web.events)
    places = [
        "/m/abc",
        "/m/abc/message",
        "/m/abc/opened",
        "/m/abc/answer",
        "/static/page.js",
        "/healthz",
        paths(LISTED)[0],
    ]
    told = [web.ask(f"{place}{query}").status for place in places for query in ODD_QUERIES]
    told += [
        web.ask(place, "POST", body, Content_Type=kind, Pickup_Proof="\xe9").status
        for place in places
        for body in ODD_BODIES
        for kind in ODD_KINDS
    ]

    assert max(told) < 500, sorted(set(told))
    assert web.ask("/m/abc/opened", "POST", b"a=&b=&c=&d=&proof=x").status == 403
    assert [event for event in web.events[before:] if event["event"] == "failed"] == []
