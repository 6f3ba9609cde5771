"""Logging in at an OpenID provider: the authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207. The one place of Authlib and of joserfc, on which it stands.
Raises `Refused` with a word for the log, and `ProviderError`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from relay.config.console import OidcLogin
from relay.model.console import LONGEST_SUBJECT
from relay.model.errors import RelayError
from relay.web.console.provider import Provider, ProviderError

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""Signature algorithms of ID tokens. All use public keys: our client secret is not enough to forge a token."""
LEEWAY = 60
"""Seconds by which clocks may differ."""
KEPT = 600.0
"""Seconds for which the provider's metadata and keys are kept."""
MOST_GROUPS = 2000


class Refused(RelayError):
    """The login is refused; the message is a word for the log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The values that the provider's answer must match: state, nonce and PKCE verifier."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def read(cls, text: str) -> Begun:
        """Parse what `written` returned."""
        return cls(**json.loads(text))

    @property
    def written(self) -> str:
        """The values as text, for the console's database."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Claimed:
    """The person as the ID token names them."""

    subject: str
    name: str
    groups: frozenset[str]


class Oidc:
    """The login at one OpenID Connect provider."""

    def __init__(
        self,
        config: OidcLogin,
        secret: str,
        callback: str,
        provider: Provider,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`callback` is our URL to which the provider sends the browser back."""
        self._config = config
        self._login = quote_plus(config.client_id), quote_plus(secret)
        self._callback = callback
        self._provider = provider
        self._clock = clock
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    async def begin(self) -> tuple[str, Begun]:
        """Return the URL to which the browser is sent, and the values to keep for `finish`."""
        begun = Begun(*(secrets.token_urlsafe(32) for _ in range(3)))
        url = prepare_grant_uri(
            await self._endpoint("authorization_endpoint"),
            self._config.client_id,
            "code",
            redirect_uri=self._callback,
            scope=self._config.scopes,
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        return url, begun

    async def finish(self, begun: Begun, query: Mapping[str, str]) -> Claimed:
        """Return the person, after the provider has sent the browser back. Raises `Refused` and `ProviderError`."""
        if not secrets.compare_digest(query.get("state", "").encode(), begun.state.encode()):
            raise Refused("state")
        if query.get("iss", self._config.issuer) != self._config.issuer:
            raise Refused("issuer")
        if "error" in query or not query.get("code"):
            raise Refused("denied")
        form = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": self._callback,
            "code_verifier": begun.verifier,
        }
        answer = await self._provider.post(await self._endpoint("token_endpoint"), form, self._login)
        return self._claimed(await self._claims(answer, begun.nonce))

    async def _claims(self, answer: Mapping[str, Any], nonce: str) -> CodeIDToken:
        """Return the claims of the ID token, verified."""
        written = answer.get("id_token")
        if not isinstance(written, str):
            raise Refused("no ID token")
        token = await self._verified(written)
        options = {
            "iss": {"essential": True, "value": self._config.issuer},
            "aud": {"essential": True, "value": self._config.client_id},
        }
        params = {"nonce": nonce, "client_id": self._config.client_id, "access_token": answer.get("access_token")}
        claims = CodeIDToken(token.claims, token.header, options, params)
        try:
            claims.validate(now=int(self._clock()), leeway=LEEWAY)
        except JoseError as error:
            raise Refused(_word(error)) from None
        except (TypeError, ValueError, KeyError, AttributeError):
            raise Refused("claims") from None
        return claims

    async def _verified(self, written: str) -> jwt.Token:
        """Verify the token's signature with the provider's keys; fetch the keys again once where none fits."""
        for fresh in (False, True):
            told = await self._kept_of(await self._endpoint("jwks_uri"), fresh=fresh)
            try:
                return jwt.decode(written, _keys(told), algorithms=ALGORITHMS)
            except (JoseError, TypeError, ValueError, KeyError, AttributeError, RecursionError):
                continue
        raise Refused("signature")

    def _claimed(self, claims: Mapping[str, Any]) -> Claimed:
        groups = claims.get(self._config.claim, [])
        groups = [groups] if isinstance(groups, str) else groups
        subject, name = claims["sub"], claims.get("preferred_username") or claims["sub"]
        if not isinstance(groups, list) or not isinstance(subject, str) or not isinstance(name, str):
            raise Refused("claims")
        if not 0 < len(subject) <= LONGEST_SUBJECT or len(groups) > MOST_GROUPS:
            raise Refused("claims")
        return Claimed(subject, name, frozenset(group for group in groups if isinstance(group, str)))

    async def _endpoint(self, name: str) -> str:
        """Return an endpoint from the provider's metadata (OpenID Connect Discovery 1.0 section 4).

        Without TLS only where the issuer's URL has none.
        """
        issuer = self._config.issuer
        told = await self._kept_of(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        place = told.get(name)
        if told.get("issuer") != issuer:
            raise Refused("issuer")
        if not isinstance(place, str) or urlsplit(place).scheme not in {"https", urlsplit(issuer).scheme}:
            raise ProviderError("the provider's metadata cannot be used")
        return place

    async def _kept_of(self, url: str, *, fresh: bool = False) -> dict[str, Any]:
        until, told = self._kept.get(url, (0.0, {}))
        if fresh or until <= self._clock():
            told = await self._provider.get(url)
            self._kept[url] = self._clock() + KEPT, told
        return told


def _keys(told: Mapping[str, Any]) -> KeySet:
    """The keys that can sign; a provider may publish others beside them."""
    listed = told["keys"] if isinstance(told.get("keys"), list) else []
    signing = [each for each in listed if isinstance(each, dict) and each.get("kty") in {"RSA", "EC", "OKP"}]
    return KeySet.import_key_set({"keys": [each for each in signing if each.get("use", "sig") == "sig"]})


def _word(error: JoseError) -> str:
    """The word for the log: which claim was wrong."""
    return f"claim {claim}" if (claim := getattr(error, "claim", None)) else error.error
