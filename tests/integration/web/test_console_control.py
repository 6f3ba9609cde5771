"""The relay's side of the console, asked directly: it looks at person and role itself, whatever the console did."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from lab.console import Console
from lab.relay import Relay
from lab.synthetic import certificate, entry

from relay.admin.acts import ACTS as DONE
from relay.model.console import ACTS, Role
from relay.store import Store

PEOPLE = {role: f"the-{role}" for role in Role}
ORDER = tuple(Role)


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    with Relay({"console": {"four_eyes": ["approve", "bind", "own"]}}) as relay, Console(relay) as console:
        for role, name in PEOPLE.items():
            relay.run("console", "user", "add", name, "--role", role)
        yield console


class Local(http.client.HTTPConnection):
    """To the control socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(site: Console, path: str, said: object) -> tuple[int, dict[str, object]]:
    asking = Local(str(site.relay.keyring.parent / "control.sock"))
    try:
        asking.request("POST", path, json.dumps(said))
        answer = asking.getresponse()
        octets = answer.read()
        return answer.status, json.loads(octets) if answer.status in {200, 400} and octets[:1] == b"{" else {}
    finally:
        asking.close()


@pytest.mark.parametrize("role", Role)
def test_each_act_is_done_for_roles_that_may_and_no_other(site: Console, role: Role) -> None:
    for act in DONE:
        status, _ = ask(site, f"/acts/{act}", {"actor": PEOPLE[role], "arguments": {}})
        may = ORDER.index(role) >= ORDER.index(ACTS[act])
        assert (status != 403) is may, act
        assert status in {200, 400, 403}, act


def test_nobody_else_is_a_person(site: Console) -> None:
    site.relay.run("console", "user", "add", "gone", "--role", "admin")
    site.relay.run("console", "user", "disable", "gone")
    nobody: list[object] = [{"actor": name, "arguments": {}} for name in ("nobody", "gone", "")]
    for said in (*nobody, {"arguments": {}}):
        assert ask(site, "/acts/users", said)[0] == 403
    wrong: list[object] = [{"actor": name, "arguments": {}} for name in ("a b", 1)]
    for said in (*wrong, {"actor": "gone"}, [], "x"):
        assert ask(site, "/acts/users", said)[0] == 400
    assert ask(site, "/acts/nothing", {"actor": PEOPLE[Role.ADMIN], "arguments": {}})[0] == 404


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"way": "sudo", "subject": "root", "name": "evil", "role": "admin"},
        {"way": "oidc", "subject": "x", "name": "a b", "role": "admin"},
        {"way": "oidc", "subject": "x\n", "name": "evil", "role": "admin"},
        {"way": "oidc", "subject": "x" * 501, "name": "evil", "role": "admin"},
        {"way": "oidc", "subject": "x", "name": "evil", "role": "root"},
        {"way": "door", "subject": "x", "name": "evil", "role": "admin"},
    ],
)
def test_a_login_that_cannot_be_makes_nobody(site: Console, arguments: dict[str, str]) -> None:
    assert ask(site, "/logins/met", {"arguments": arguments})[0] == 400
    assert ask(site, "/logins/person", {"arguments": {"name": "evil"}}) == (200, {})


def test_the_console_made_an_administrator_where_people_have_no_login_elsewhere(site: Console) -> None:
    """Taken over, it had said that a provider, which is not configured, knows somebody new."""
    for way in ("oidc", "ldap"):
        arguments = {"way": way, "subject": "uid=x", "name": "evil", "role": "admin"}
        assert ask(site, "/logins/met", {"arguments": arguments})[0] == 400
    assert ask(site, "/logins/person", {"arguments": {"name": "evil"}}) == (200, {})


def test_what_is_nested_too_deep_was_an_internal_error(site: Console) -> None:
    asking = Local(str(site.relay.keyring.parent / "control.sock"))
    try:
        asking.request("POST", "/acts/users", b'{"arguments": ' + b"[" * 100_000)
        assert asking.getresponse().status == 400
    finally:
        asking.close()


def test_what_is_no_utf8_in_a_user_id_or_an_argument_is_answered(site: Console) -> None:
    """Such a key, and every list with it, was an internal error."""
    admin, odd = PEOPLE[Role.ADMIN], certificate("lea", "lef\udce8vre@ville.example")

    async def stored() -> None:
        async with await Store.open(site.relay.keyring / "store.db") as store:
            await store.certificates.upsert([entry(odd)])

    asyncio.run(stored())
    for act, arguments in (("keys", {}), ("key", {"fingerprint": odd.fingerprint})):
        status, told = ask(site, f"/acts/{act}", {"actor": admin, "arguments": arguments})
        assert (status, "lef?vre@ville.example" in str(told)) == (200, True)
    for act, name in (("disable", "name"), ("extend", "id"), ("approve", "fingerprint")):
        assert ask(site, f"/acts/{act}", {"actor": admin, "arguments": {name: "\udcff"}})[0] == 400


def test_nobody_disables_themselves(site: Console) -> None:
    admin = PEOPLE[Role.ADMIN]
    status, told = ask(site, "/acts/disable", {"actor": admin, "arguments": {"name": admin.upper()}})
    assert (status, "you cannot disable yourself" in str(told["fault"])) == (400, True)
