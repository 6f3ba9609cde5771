"""An OpenID provider: the code flow with PKCE and a client secret, as OpenID Connect Core asks, until told to err.

`with Provider() as provider:`; `provider.person` is who is logged in there, `provider.err` what it does wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from lab.serving import Serving

CLIENT, SECRET = "pgp relay", "a secret: with % and +"

Claims = dict[str, Any]


@dataclass
class Err:
    """What it does wrong."""

    claims: Callable[[Claims], object] = lambda _claims: None
    """Changes them in place."""
    sign: Callable[[Claims], str] | None = None
    iss: str | None = None
    """In the answer (RFC 9207)."""
    state: str | None = None
    status: int = 0
    """Of the token endpoint."""


@dataclass
class Provider(Serving):
    person: Claims = field(default_factory=lambda: {"sub": "1234", "preferred_username": "anne", "groups": ["pgp"]})
    err: Err = field(default_factory=Err)
    key: RSAKey = field(default_factory=lambda: new_key("k1"))

    def __post_init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        _encrypting()
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)))
        self.issuer = f"http://127.0.0.1:{self.port}/realm"

    def metadata(self) -> Claims:
        named = ("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("jwks_uri", "jwks")
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in named}}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes on to, as it would after a login there."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        answer = {"code": code, "state": self.err.state or query["state"], "iss": self.err.iss or self.issuer}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], login: str) -> tuple[int, Claims]:
        """Once for each code."""
        known = [unquote_plus(part) for part in base64.b64decode(login.removeprefix("Basic ")).decode().split(":", 1)]
        begun = self.codes.pop(form.get("code", ""), None)
        if known != [CLIENT, SECRET] or begun is None or form["redirect_uri"] != begun["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        claims |= self.person
        self.err.claims(claims)
        signed = (self.err.sign or self.sign)(claims)
        return self.err.status or 200, {"access_token": "x", "token_type": "Bearer", "id_token": signed}

    def sign(self, claims: Claims) -> str:
        return signed(claims, self.key)


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@cache
def _encrypting() -> RSAKey:
    """One that signs nothing; made before anybody waits for it."""
    return RSAKey.generate_key(2048, {"kid": "e1", "use": "enc"})


def signed(claims: Claims, key: RSAKey) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid or ""}, claims, key)


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            provider.asked.append(path.path)
            match path.path.removeprefix("/realm"):
                case "/.well-known/openid-configuration":
                    self._answer(200, provider.metadata())
                case "/jwks":
                    keys = [_encrypting().as_dict(private=False), {"kty": "new"}, provider.key.as_dict(private=False)]
                    self._answer(200, {"keys": keys})
                case "/authorize":
                    query = {name: value for name, (value,) in parse_qs(path.query).items()}
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(query))
                    self.end_headers()
                case _:
                    self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: value for name, (value,) in parse_qs(body).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, value: Claims) -> None:
            octets = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None: ...

    return Handler
