"""Logging in at a conforming OpenID provider, and at one that errs in each way that the specifications speak of."""

from __future__ import annotations

import base64
import json
import secrets
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey
from lab.console import Console, Page, Visitor
from lab.oidc import CLIENT, SECRET, Claims, Err, Provider, new_key, signed
from lab.relay import Relay


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    secret = tmp_path_factory.mktemp("oidc") / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    with Relay() as relay, Console(relay, **settings(provider, secret)) as console:
        yield console


def settings(provider: Provider, secret: Path) -> dict[str, Any]:
    oidc = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret_file": str(secret),
        "groups": {"desk": "pgp", "keys": "pgp-keys"},
    }
    return {"login": {"oidc": oidc, "local": True}}


@pytest.fixture(autouse=True)
def good(provider: Provider) -> None:
    """A new person each time, and nothing wrong."""
    name = f"p{secrets.token_hex(4)}"
    provider.err = Err()
    provider.person = {"sub": f"sub-{name}", "preferred_username": name, "groups": ["others", "pgp"]}


def sent_back(visitor: Visitor) -> str:
    """The path at the console, with the query, to which the provider sends the browser."""
    begun = visitor.get("/login/oidc")
    assert begun.status == HTTPStatus.SEE_OTHER

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None: ...

    try:
        urllib.request.build_opener(Stay).open(begun.headers["Location"], timeout=20)
    except urllib.error.HTTPError as answer:
        with answer:
            back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"
    raise AssertionError


def log_in(visitor: Visitor) -> Page:
    return visitor.get(sent_back(visitor))


def test_a_group_there_gives_a_role_here(site: Console, provider: Provider) -> None:
    visitor = site.visitor()
    visitor.cookies["__Host-session"] = "A" * 43
    page = log_in(visitor)
    assert (page.status, 'http-equiv="refresh"' in page.text) == (200, True)
    assert visitor.cookies["__Host-session"] != "A" * 43, "fixation"
    assert visitor.get("/held").status == 200
    assert visitor.get("/proposals").status == 403
    provider.person["groups"] = "pgp-keys"
    again = site.visitor()
    assert log_in(again).status == 200
    assert again.get("/proposals").status == 200
    assert visitor.get("/held").status == 303, "the session had another role"
    rows = [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    name = provider.person["preferred_username"]
    mine = [(row["actor"], row["reason"]) for row in rows if row["address"] == f"console:{name}"]
    assert mine == [("oidc", f"user added: desk, oidc sub-{name}"), ("oidc", "role changed: keys")]


def test_who_is_disabled_here_is_out_whatever_the_provider_says(site: Console, provider: Provider) -> None:
    visitor = site.visitor()
    assert log_in(visitor).status == 200
    site.relay.run("console", "user", "disable", provider.person["preferred_username"])
    assert visitor.get("/held").status == 303
    assert log_in(visitor).status == 403


def test_a_name_that_is_somebodys_is_not_taken_over(site: Console, provider: Provider) -> None:
    site.logged_in("boss", "keys")
    provider.person["preferred_username"] = "Boss"
    visitor = site.visitor()
    assert log_in(visitor).status == 403
    site.relay.run("console", "user", "link", "boss", "--oidc", provider.person["sub"])
    assert log_in(visitor).status == 200
    assert visitor.get("/proposals").status == 200, "the role that an administrator gave"


def test_a_session_ends_with_the_login_by_which_it_began(site: Console, provider: Provider) -> None:
    visitor, name = site.visitor(), provider.person["preferred_username"]
    assert log_in(visitor).status == 200
    assert visitor.get("/held").status == 200
    site.relay.run("console", "user", "unlink", name, "--oidc", provider.person["sub"])
    assert visitor.get("/held").status == 303
    assert log_in(visitor).status == 403, "the name is somebody's, whose login this is not any more"


def late(claims: Claims) -> None:
    claims.update(iat=int(time.time()) - 1000, exp=int(time.time()) - 500)


def unsigned(claims: Claims) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def nested(key: RSAKey) -> str:
    """Signed as it should be; no parser comes to the end of what is inside."""
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid}, b"[" * 3000, key, algorithms=["RS256"])


def by_our_secret(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


WRONG = {
    "another nonce": Err(claims=lambda claims: claims.update(nonce="x")),
    "no nonce": Err(claims=lambda claims: claims.pop("nonce")),
    "another audience": Err(claims=lambda claims: claims.update(aud="other")),
    "audiences without ours": Err(claims=lambda claims: claims.update(aud=["other", "third"])),
    "for another party": Err(claims=lambda claims: claims.update(aud=[CLIENT, "other"], azp="other")),
    "several audiences and no party": Err(claims=lambda claims: claims.update(aud=[CLIENT, "other"])),
    "another issuer": Err(claims=lambda claims: claims.update(iss="https://evil.example")),
    "another issuer in the answer": Err(iss="https://evil.example"),
    "expired": Err(claims=late),
    "no end": Err(claims=lambda claims: claims.pop("exp")),
    "no subject": Err(claims=lambda claims: claims.pop("sub")),
    "from the future": Err(claims=lambda claims: claims.update(iat=int(time.time()) + 1000)),
    "an end that is no number": Err(claims=lambda claims: claims.update(exp="never")),
    "another key": Err(sign=lambda claims: signed(claims, new_key("k1"))),
    "no signature": Err(sign=unsigned),
    "signed with the client's secret": Err(sign=by_our_secret),
    "no token": Err(sign=lambda _claims: ""),
    "another state": Err(state="x"),
    "the provider refuses": Err(status=400),
    "no group": Err(claims=lambda claims: claims.update(groups=["others"])),
    "groups that are none": Err(claims=lambda claims: claims.update(groups={"pgp": 1})),
    "a name that is none": Err(claims=lambda claims: claims.update(preferred_username='"><script>')),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_no_login(site: Console, provider: Provider, what: str) -> None:
    provider.err = WRONG[what]
    visitor = site.visitor()
    page = log_in(visitor)
    assert page.status == HTTPStatus.FORBIDDEN
    assert "__Host-session" not in visitor.cookies
    assert visitor.get("/held").status == HTTPStatus.SEE_OTHER
    provider.err = Err()
    assert log_in(visitor).status == HTTPStatus.OK, "and the next one is well"


def test_claims_that_are_nested_too_deep_were_a_fault_of_ours(site: Console, provider: Provider) -> None:
    provider.err = Err(sign=lambda _claims: nested(provider.key))
    assert log_in(site.visitor()).status == HTTPStatus.FORBIDDEN


def test_an_answer_counts_once_and_in_the_browser_that_asked(site: Console) -> None:
    visitor, other = site.visitor(), site.visitor()
    back = sent_back(visitor)
    assert other.get(back).status == 403, "login CSRF: another browser"
    other.get("/login/oidc")
    assert other.get(back).status == 403, "another attempt of another browser"
    kept = dict(visitor.cookies)
    assert visitor.get(back).status == 200
    visitor.cookies = kept
    assert visitor.get(back).status == 403, "replayed"


def test_a_code_with_another_verifier_is_refused(site: Console) -> None:
    """PKCE: a code that was caught is of no use in an attempt of one's own."""
    visitor, thief = site.visitor(), site.visitor()
    code = parse_qs(urlsplit(sent_back(visitor)).query)["code"][0]
    state = parse_qs(urlsplit(sent_back(thief)).query)["state"][0]
    assert thief.get(f"/login/oidc/back?code={code}&state={state}").status == 403


def test_a_new_key_of_the_provider_is_found(site: Console, provider: Provider) -> None:
    assert log_in(site.visitor()).status == 200
    provider.key = new_key("k2")
    assert log_in(site.visitor()).status == 200


def test_nothing_of_it_is_in_the_log(site: Console, provider: Provider) -> None:
    provider.err = Err(claims=lambda claims: claims.update(nonce="x"))
    log_in(site.visitor())
    assert "login_refused" in site.log
    assert "claim nonce" in site.log
    assert provider.person["sub"] not in site.log
    assert provider.person["preferred_username"] not in site.log
