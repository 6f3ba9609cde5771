"""Sending a key in on the page: real keys of gpg, what is shown of them, and who can have what effect."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator, Mapping
from html import unescape
from urllib.parse import urlencode

import pytest
from lab.correspondent import Correspondent
from lab.public import HOST, Told, WebPublic

from relay.model.public import EventKind, ObjectKind, PublicEvent, PublicObject

CLAIRE = "claire.dupont@cabinet.example"
TOKEN = "abcdefghijklmnopqrstuvwxyz"  # noqa: S105  a test's


class Keys(Correspondent):
    """Made by gpg, named by their user id."""

    def make(self, user_id: str, *form: str) -> bytes:
        self.gpg("--quick-generate-key", user_id, *form)
        return self.public(user_id)

    def public(self, user_id: str) -> bytes:
        return self.gpg("--armor", "--export", f"={user_id}")

    def fingerprint(self, user_id: str) -> str:
        listed = self.gpg("--list-keys", "--with-colons", f"={user_id}").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as made:
        yield made


@pytest.fixture(scope="module")
def claire(keys: Keys) -> bytes:
    keys.make(f"Claire <Dupont> & Co <{CLAIRE}>", "ed25519", "default", "2y")
    fingerprint = keys.fingerprint(f"Claire <Dupont> & Co <{CLAIRE}>")
    keys.gpg("--quick-add-key", fingerprint, "cv25519", "encr")
    keys.gpg("--quick-add-uid", fingerprint, "Accueil <accueil@cabinet.example>")
    return keys.public(f"Claire <Dupont> & Co <{CLAIRE}>")


@pytest.fixture(scope="module")
def web() -> Iterator[WebPublic]:
    settings = {"enrol": {"web": f"https://{HOST}"}, "notices": {"from": "Hôpital Exemple <m@hopital.example>"}}
    with WebPublic(settings=settings) as running:
        running.start()
        yield running


async def events(web: WebPublic) -> list[tuple[PublicEvent, bytes | None]]:
    """What the relay would get; it is taken away."""
    channel = web.channel()
    try:
        found = [(event, await channel.octets(event) if event.size else b"") for event in await channel.events()]
        for event, _ in found:
            await channel.done(event)
        return found
    finally:
        await channel.close()


async def challenge(web: WebPublic, token: str = TOKEN, kind: ObjectKind = ObjectKind.CHALLENGE) -> str:
    """As the relay makes one; its path."""
    channel = web.channel()
    try:
        name = hashlib.sha256(token.encode()).hexdigest()
        await channel.put(PublicObject(kind, name, b"", 1_950_000_000))
        return f"/keys/confirm/{token}"
    finally:
        await channel.close()


def post(web: WebPublic, path: str, values: Mapping[str, bytes | str], **fields: str) -> Told:
    form = {"Content_Type": "application/x-www-form-urlencoded", "Accept_Language": "en"}
    return web.ask(path, "POST", urlencode(values).encode(), **{**form, **fields})


def hidden(told: Told, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', told.body.decode())
    assert found, told.body.decode()
    return unescape(found[1])


def text(told: Told) -> str:
    """As it is read: where a line may break nothing stands."""
    shown = told.body.decode().replace("<wbr>", "")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


async def test_what_was_read_is_shown_and_the_relay_gets_the_key_once_the_address_is_chosen(
    web: WebPublic, claire: bytes, keys: Keys
) -> None:
    read = post(web, "/keys", {"key": claire})

    assert read.status == 200
    fingerprint = keys.fingerprint(f"Claire <Dupont> & Co <{CLAIRE}>")
    assert " ".join(re.findall("....", fingerprint)) in text(read)
    assert f"Claire <Dupont> & Co <{CLAIRE}>" in text(read)
    assert b"<Dupont>" not in read.body, "what a key says is escaped"
    assert re.findall(r'name="address" value="([^"]+)"', read.body.decode()) == [CLAIRE, "accueil@cabinet.example"]
    assert await events(web) == [], "nothing happens yet"

    fields = {"key": hidden(read, "key"), "token": hidden(read, "token"), "address": CLAIRE}
    sent = post(web, "/keys", fields)
    assert (sent.status, CLAIRE in text(sent)) == (200, True)
    ((event, octets),) = await events(web)
    assert (event.kind, event.about) == (EventKind.KEY, CLAIRE)
    assert octets == keys.gpg("--dearmor", data=claire)


@pytest.mark.parametrize(
    "changed",
    [
        {"token": ""},
        {"token": "0" * 64},
        {"address": "victim@hopital.example"},
        {"address": f"{CLAIRE}\r\nBcc: x@y.example"},
        {"key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----"},
    ],
)
async def test_without_the_pages_token_or_with_another_address_the_relay_gets_nothing(
    web: WebPublic, claire: bytes, changed: dict[str, str]
) -> None:
    read = post(web, "/keys", {"key": claire})
    fields = {"key": hidden(read, "key"), "token": hidden(read, "token"), "address": CLAIRE}

    told = post(web, "/keys", {**fields, **changed})

    assert told.status in {200, 422}
    assert await events(web) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Origin": f"https://{HOST}", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
async def test_a_post_from_another_site_is_refused(
    web: WebPublic, claire: bytes, fields: dict[str, str], status: int
) -> None:
    assert post(web, "/keys", {"key": claire}, **fields).status == status


def test_a_name_that_is_not_ours_is_misdirected(web: WebPublic, claire: bytes) -> None:
    assert web.ask("/keys", host="evil.example").status == 421
    assert post(web, "/keys", {"key": claire}, host="evil.example").status == 421


def test_a_form_that_is_too_large_is_refused(web: WebPublic) -> None:
    assert post(web, "/keys", {"key": "a" * 600_000}).status == 413
    assert post(web, "/keys", {"key": "a" * 300_000}).status == 422


def test_who_breaks_off_while_a_form_is_sent_leaves_no_line_in_the_log(web: WebPublic) -> None:
    """Each was a fault in the log: anybody could fill it."""
    head = f"POST /keys HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    for linger in (b"\0" * 8, b"\1\0\0\0\0\0\0\0"):  # an end, and a reset
        with socket.create_connection(("127.0.0.1", web.http), 30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(f"{head}X-Forwarded-For: 192.0.2.60\r\nContent-Length: 1000\r\n\r\nkey=".encode())
    for _ in range(3):
        assert web.ask("/healthz").status == 200
    assert {line["event"] for line in web.events} == {"ready"}


def test_keys_that_cannot_be_used_are_told_in_words(web: WebPublic, keys: Keys) -> None:
    small = keys.make("Small <small@cabinet.example>", "rsa1024", "encr,sign")
    signs = keys.make("Signs <signs@cabinet.example>", "ed25519", "sign")
    nobody = keys.make("Nobody at all", "rsa2048", "encr,sign")
    keys.gpg(
        "--faked-system-time", "20200101T000000", "--quick-generate-key", "Old <o@c.example>", "rsa2048", "encr", "1y"
    )
    keys.make("Gone <gone@cabinet.example>", "rsa2048", "encr,sign")
    keys.revoke(keys.fingerprint("Gone <gone@cabinet.example>"))
    revoked = keys.public("Gone <gone@cabinet.example>")
    secret = keys.gpg(
        "--pinentry-mode", "loopback", "--armor", "--export-secret-keys", "=Signs <signs@cabinet.example>"
    )
    binary_secret = keys.gpg("--pinentry-mode", "loopback", "--export-secret-keys", "=Signs <signs@cabinet.example>")
    expected = {
        "This key is short": (small, 200),
        "Nobody can encrypt to this key": (signs, 422),
        "There is no mail address in this key": (nobody, 422),
        "This key has expired": (keys.public("Old <o@c.example>"), 422),
        "This key was revoked": (revoked, 422),
        "This is your secret key": (secret, 422),
        "There is more than one key in it": (small + signs, 422),
        "We found no key in it": (b"hello", 422),
        "There is no key yet": (b"  ", 422),
    }

    for words, (sent, status) in expected.items():
        told = post(web, "/keys", {"key": sent})
        assert words in text(told), words
        assert told.status == status, words
        assert b'name="address"' not in told.body or status == 200, words
    told = post(web, "/keys", {"key": binary_secret})
    assert "This is your secret key" in text(told)
    assert "signs@cabinet.example" not in told.body.decode()


@pytest.mark.parametrize("end", [b"", b"\x00", b"\xff" * 50, b"<script>alert(1)</script>"])
def test_damaged_keys_are_an_answer_and_nothing_else(web: WebPublic, claire: bytes, keys: Keys, end: bytes) -> None:
    octets = keys.gpg("--dearmor", data=claire)
    for cut in (0, 1, 2, 3, 10, 50, 51, 60, 100, len(octets) // 2, len(octets) - 1):
        told = post(web, "/keys", {"key": octets[:cut] + end}, X_Forwarded_For=f"198.51.100.{cut % 250}")
        assert told.status in {200, 422}
        assert b"<script" not in told.body
    assert {line["event"] for line in web.events} == {"ready"}


async def test_opening_the_link_confirms_nothing_whoever_opens_it_and_the_button_does_once(web: WebPublic) -> None:
    path = await challenge(web)
    for method in ("GET", "HEAD", "GET", "OPTIONS", "PUT", "DELETE"):
        web.ask(path, method)
    scanner = post(web, path, {})
    assert scanner.status == 403
    assert post(web, path, {"token": "0" * 64}).status == 403
    other = await challenge(web, "another-token-of-somebody-else")
    assert post(web, path, {"token": hidden(web.ask(other), "token")}).status == 403, "another page's token"
    assert await events(web) == []

    token = hidden(web.ask(path), "token")
    assert post(web, path, {"token": token}, Origin="https://evil.example").status == 403
    assert await events(web) == []
    done = post(web, path, {"token": token})
    assert (done.status, "confirmed" in text(done)) == (200, True)
    assert b'<a href="/keys?lang=' in done.body, "its page was said to be the one for the next key"
    ((event, _),) = await events(web)
    assert (event.kind, event.about) == (EventKind.CONFIRMED, hashlib.sha256(TOKEN.encode()).hexdigest())

    assert post(web, path, {"token": token}).status == 404, "a second time"
    assert web.ask(path).status == 404
    assert await events(web) == []


async def test_not_me_takes_the_button_as_well(web: WebPublic) -> None:
    path = await challenge(web, "n" * 32, ObjectKind.INVITATION)
    for method in ("GET", "HEAD"):
        web.ask(path, method)
    assert post(web, path, {}).status == 403
    assert await events(web) == []
    done = post(web, path, {"token": hidden(web.ask(path), "token")})
    assert (done.status, "no more invitations" in text(done)) == (200, True)
    assert b'<a href="/keys?lang=' in done.body
    ((event, _),) = await events(web)
    assert (event.kind, event.about) == (EventKind.REFUSED, hashlib.sha256(b"n" * 32).hexdigest())
    assert web.ask(path).status == 404


@pytest.mark.parametrize("token", ["a" * 15, "a" * 101, "a.b" * 8, "%61" * 20, "../keys/confirm/" + TOKEN, TOKEN + "/"])
def test_a_link_that_is_none_is_not_found(web: WebPublic, token: str) -> None:
    assert web.ask(f"/keys/confirm/{token}").status == 404
    assert web.ask("/keys/confirm/" + "z" * 26).status == 404


def test_french_and_english_by_the_browser_and_by_the_switch(web: WebPublic) -> None:
    assert b'<html lang="fr">' in web.ask("/keys").body
    assert b'<html lang="en">' in web.ask("/keys", Accept_Language="en-GB,en;q=0.9").body
    english = web.ask("/keys?lang=en", Accept_Language="fr")
    assert (b'<html lang="en">' in english.body, english.fields["content-language"]) == (True, "en")
    assert english.fields["vary"] == "Accept-Language"
    assert "<" not in english.fields["content-security-policy"]
    assert b'<html lang="fr">' in web.ask("/keys?lang=%22%3E%3Cscript%3E").body


def test_a_flood_of_forms_is_limited_for_who_sends_it(web: WebPublic) -> None:
    told = [post(web, "/keys", {"key": "x"}, X_Forwarded_For="192.0.2.50").status for _ in range(70)]
    assert set(told) == {422, 429}
    assert post(web, "/keys", {"key": "x"}, X_Forwarded_For="192.0.2.51").status == 422


def test_without_enrol_web_there_is_no_page() -> None:
    with WebPublic() as off:
        off.start()
        assert off.ask("/keys").status == 404
