"""The first login: at a one-time link a person sets a passkey, or a password with a second factor."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from relay.model.console import Known
from relay.store.console import Secrets
from relay.web.console import credentials, passkeys, sessions
from relay.web.console.forms import form_of
from relay.web.console.passkeys import Passkeys, WrongPasskey
from relay.web.console.view import View
from relay.web.http.messages import Answer, Request

_LARGEST = 3 * passkeys.LONGEST  # octets of a form, in which each may be written %XX
_SECRET = re.compile(r"[A-Z2-7]{32}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The handlers. Opening the link changes nothing; it is used up when something was set."""

    sessions: sessions.Sessions
    passkeys: Passkeys | None
    local: bool
    """Whether there are users of the console's own."""
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """The secret from which the challenge of each link is made."""

    async def show(self, request: Request, view: View) -> Answer:
        """GET /enrol/TOKEN: the form."""
        known = await self._invited(request)
        return _over(view) if known is None else self._form(request, view, known)

    async def enrol(self, request: Request, view: View) -> Answer:
        """POST /enrol/TOKEN: store what was set, and log in."""
        sessions.assure_same_site(request)
        form = await form_of(request, _LARGEST)
        known = await self._invited(request)
        if known is None:
            return _over(view)
        keep = self._passkey(request, known, form) if "credential" in form else await self._password(known, form)
        if keep is None:
            return self._form(request, view, known, form.get("secret", ""), wrong=True)
        return _done() if await self._enrolled(request, keep) else _over(view)

    def _passkey(self, request: Request, known: Known, form: Mapping[str, str]) -> Callable[[], Awaitable[None]] | None:
        """Return what stores the new passkey; None where the browser's answer is not valid."""
        if self.passkeys is None:
            return None
        try:
            made = self.passkeys.made(known, self._challenge(request), form["credential"])
        except WrongPasskey:
            return None
        return lambda: self.sessions.store.add_passkey(made)

    async def _password(self, known: Known, form: Mapping[str, str]) -> Callable[[], Awaitable[None]] | None:
        """Return what stores password and second factor; None where one of them cannot be taken."""
        secret, password = form.get("secret", ""), form.get("password", "")
        long_enough = credentials.SHORTEST <= len(password) <= credentials.LONGEST
        right = _SECRET.fullmatch(secret) and credentials.step_of(secret, form.get("code", "").strip()) is not None
        if not long_enough or not right:
            return None
        made = Secrets(await credentials.hashed(password), secret)
        return lambda: self.sessions.store.set_password(known.person.name, known.generation, made)

    async def _enrolled(self, request: Request, keep: Callable[[], Awaitable[None]]) -> bool:
        """Store what the person logs in with, then use the link up. False where the link is not valid."""
        async with self.one_at_a_time:
            if await self._invited(request) is None:
                return False
            await keep()
            return await self.sessions.link.known("enrolled", token=request.parts["token"]) is not None

    async def _invited(self, request: Request) -> Known | None:
        return await self.sessions.link.known("invited", token=request.parts["token"]) if self.local else None

    def _challenge(self, request: Request) -> bytes:
        return hmac.digest(self.key, request.parts["token"].encode(), hashlib.sha256)

    def _form(self, request: Request, view: View, known: Known, secret: str = "", *, wrong: bool = False) -> Answer:
        status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
        options = self.passkeys.making(known, self._challenge(request)) if self.passkeys else ""
        secret = secret if _SECRET.fullmatch(secret) else credentials.new_secret()
        return view.page("enrol", status, secret=secret, options=options, wrong=wrong)


def _over(view: View) -> Answer:
    return view.page("enrol_over", HTTPStatus.GONE)


def _done() -> Answer:
    return Answer(HTTPStatus.SEE_OTHER, headers={"Location": "/login"})
