"""All pages, and all that their forms do: one list. Each act is one of `relay.admin.acts`, and so a command."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from relay.web.console import key_pages, mail_pages, record_pages
from relay.web.console.login import redirect
from relay.web.console.visit import Visit
from relay.web.http.messages import Answer, Refusal

Show = Callable[[Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, the act that who opens it has to be allowed, and how it is made."""

    path: re.Pattern[str]
    act: str
    show: Show


@dataclass(frozen=True, slots=True)
class Form:
    """What the forms of a page do: each act with the fields that it takes."""

    page: Show
    acts: Mapping[str, tuple[str, ...]]


PAGES = (
    Page(re.compile(r"/"), "figures", mail_pages.today),
    Page(re.compile(r"/messages"), "messages", mail_pages.messages),
    Page(re.compile(r"/messages/(?P<id>[0-9A-Za-z]{1,40})"), "message", mail_pages.message),
    Page(re.compile(r"/held"), "held", mail_pages.held),
    Page(re.compile(r"/keys"), "keys", key_pages.keys),
    Page(re.compile(r"/keys/(?P<fingerprint>[0-9A-F]{16,64})"), "key", key_pages.key),
    Page(re.compile(r"/bindings"), "bindings", key_pages.bindings),
    Page(re.compile(r"/proposals"), "proposals", key_pages.proposals),
    Page(re.compile(r"/explain"), "explain", mail_pages.explain),
    Page(re.compile(r"/policy"), "policy", record_pages.policy),
    Page(re.compile(r"/sources"), "sources", record_pages.sources),
    Page(re.compile(r"/audit"), "changes", record_pages.audit),
    Page(re.compile(r"/audit/export\.(?P<kind>csv|json)"), "export", record_pages.export),
    Page(re.compile(r"/users"), "users", record_pages.users),
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
Upload = Callable[[Visit, Mapping[str, bytes]], Awaitable[Answer]]
UPLOADS: Mapping[str, Mapping[str, Upload]] = {
    "/keys": {"import": key_pages.take, "propose": key_pages.propose},
    "/explain": {"explain": mail_pages.explain_file},
}
"""Forms with a file, by path: each act, and what shows its result."""


async def upload(visit: Visit, form: Mapping[str, bytes]) -> Answer:
    """Do what a form with a file says, and show the result; who may do it was looked at."""
    act = UPLOADS[visit.request.path].get(form.get("act", b"").decode("utf-8", "replace"))
    if act is None:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return await act(visit, form)


async def submit(visit: Visit, form: Mapping[str, str]) -> Answer:
    """Do what a form says, then show its page; who may do it was looked at."""
    found = FORMS[visit.request.path]
    act = form.get("act", "")
    if act not in found.acts:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    given = {name: form[name] for name in found.acts[act] if name in form}
    outcome = await visit.sent(act, given, HTTPStatus.CONFLICT)
    return (
        await found.page(replace(visit, outcome=outcome)) if outcome else redirect(f"{visit.request.path}?done={act}")
    )
