"""All pages, and all that their forms do: one list. Each act is one of `relay.admin.acts`, and so a command."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from relay.web.console import key_pages, mail_pages, record_pages
from relay.web.console.login import redirect
from relay.web.console.visit import Visit
from relay.web.http.messages import Answer, Refusal

Show = Callable[[Visit], Awaitable[Answer]]


class Faulty(Protocol):
    """A page that can say why something was not done."""

    async def __call__(self, visit: Visit, fault: str = "") -> Answer:
        """The page for this visit, with the fault above it where one is given."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: its path, the act that who opens it has to be allowed, and how it is made."""

    path: re.Pattern[str]
    act: str
    show: Show


@dataclass(frozen=True, slots=True)
class Form:
    """What the forms of a page do: each act with the fields that it takes."""

    page: Faulty
    acts: Mapping[str, tuple[str, ...]]


SHOWN = (
    Shown(re.compile(r"/"), "figures", mail_pages.today),
    Shown(re.compile(r"/messages"), "messages", mail_pages.messages),
    Shown(re.compile(r"/messages/(?P<id>[0-9A-Za-z]{1,40})"), "message", mail_pages.message),
    Shown(re.compile(r"/held"), "held", mail_pages.held),
    Shown(re.compile(r"/keys"), "keys", key_pages.keys),
    Shown(re.compile(r"/keys/(?P<fingerprint>[0-9A-F]{16,64})"), "key", key_pages.key),
    Shown(re.compile(r"/bindings"), "bindings", key_pages.bindings),
    Shown(re.compile(r"/proposals"), "proposals", key_pages.proposals),
    Shown(re.compile(r"/explain"), "explain", mail_pages.explain),
    Shown(re.compile(r"/policy"), "policy", record_pages.policy),
    Shown(re.compile(r"/sources"), "sources", record_pages.sources),
    Shown(re.compile(r"/audit"), "changes", record_pages.audit),
    Shown(re.compile(r"/audit/export\.(?P<kind>csv|json)"), "export", record_pages.export),
    Shown(re.compile(r"/users"), "users", record_pages.users),
)
FORMS: Mapping[str, Form] = {
    "/held": Form(
        mail_pages.held, {"release": ("queue_id",), "resend": ("id",), "withdraw": ("id",), "extend": ("id",)}
    ),
    "/bindings": Form(key_pages.bindings, {"bind": ("pattern", "fingerprints", "signs"), "unbind": ("pattern",)}),
    "/proposals": Form(key_pages.proposals, {"approve": ("fingerprint", "seen"), "reject": ("fingerprint",)}),
    "/users": Form(record_pages.users, {"enable": ("name",), "disable": ("name",)}),
}
"""The forms of the console, by the path that they are sent to."""
Take = Callable[[Visit, Mapping[str, bytes]], Awaitable[Answer]]
TAKEN: Mapping[str, Mapping[str, Take]] = {
    "/keys": {"import": key_pages.take, "propose": key_pages.propose},
    "/explain": {"explain": mail_pages.explain_file},
}
"""Forms with a file, by path: each act, and what shows its result."""


async def taken(visit: Visit, form: Mapping[str, bytes]) -> Answer:
    """Do what a form with a file says, and show the result; who may do it was looked at."""
    take = TAKEN[visit.request.path].get(form.get("act", b"").decode("utf-8", "replace"))
    if take is None:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return await take(visit, form)


async def changed(visit: Visit, form: Mapping[str, str]) -> Answer:
    """Do what a form says, then show its page; who may do it was looked at."""
    found = FORMS[visit.request.path]
    act = form.get("act", "")
    if act not in found.acts:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    given = {name: form[name] for name in found.acts[act] if name in form}
    _, fault = await visit.attempt(act, given, {})
    return await found.page(visit, fault) if fault else redirect(f"{visit.request.path}?done={act}")
