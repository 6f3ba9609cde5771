"""The console as it runs at a site: `web control` and `web console` beside a relay, and people who visit it."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlencode

import pyotp

from lab import forked_program
from lab.canary import assert_unheard
from lab.certificates import Keypair
from lab.ports import free_port
from lab.relay import PROGRAM, Relay
from lab.waiting import wait_for
from relay.model import Entry, Origin
from relay.store import Store
from relay.web.console.credentials import LONGEST

WORDS = "correct horse battery"
TOO_LONG = "x" * (LONGEST + 1)
"""A password that is an attempt like any other and is not hashed, which takes long enough that a limit fills again."""


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    text: str
    """Without the places where a line may break: an address is its text."""


@dataclass
class Visitor:
    """A browser's part: cookies, and the hidden field of the last page."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    language: str = "en"
    tls: ssl.SSLContext | None = None
    client: str = field(default_factory=lambda: str(IPv4Address(0x0A000000 + secrets.randbelow(1 << 24))))
    """Its address, as the reverse proxy names it: each visitor has another one."""

    def get(self, path: str, **headers: str) -> Page:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Page:
        whole = {"csrf": self.csrf, **form}
        return self._ask("POST", path, urlencode(whole), {"Origin": f"http://127.0.0.1:{self.port}", **headers})

    def upload(self, path: str, form: Mapping[str, str], name: str, file: str, octets: bytes) -> Page:
        """A form with a file of this name (RFC 7578)."""
        said = file.replace('"', "%22")
        parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in {"csrf": self.csrf, **form}.items()]
        parts.append(
            f'name="{name}"; filename="{said}"\r\nContent-Type: application/pgp-keys\r\n\r\n'.encode() + octets
        )
        body = b"".join(b"--border\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
        kind = {"Content-Type": "multipart/form-data; boundary=border"}
        return self._ask("POST", path, body + b"--border--\r\n", {"Origin": f"http://127.0.0.1:{self.port}", **kind})

    def _ask(self, method: str, path: str, form: str | bytes | None, headers: Mapping[str, str]) -> Page:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if self.tls:
            asking = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.tls)
        sent = {
            "Accept-Language": self.language,
            "X-Forwarded-For": self.client,
            **({"Content-Type": FORM} if form is not None else {}),
        }
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            asking.request(method, path, form, {**sent, **headers})
            answer = asking.getresponse()
            body = answer.read()
            assert_unheard(body + str(answer.getheaders()).encode(), path)
            page = Page(answer.status, dict(answer.getheaders()), body.decode().replace("<wbr>", ""))
        finally:
            asking.close()
        if cookie := page.headers.get("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search(r'name="csrf" value="([^"]+)"', page.text):
            self.csrf = found[1]
        return page


FORM = "application/x-www-form-urlencoded"


class Console:
    """`with Relay() as relay, Console(relay) as console: anne = console.logged_in("anne", "keys")`."""

    def __init__(self, relay: Relay, *, alone: bool = False, anew: bool = False, **keys: object) -> None:
        """`alone`: without `web control`, and its database where it is by default. `keys` are those of `console`.

        With `anew` its processes start from nothing (`lab.forked_program`).
        """
        self.relay = relay
        self._anew = anew
        self.port = free_port()
        self.secrets: dict[str, str] = {}
        self.tls: ssl.SSLContext | None = None
        """What its certificate is checked with, where it has one."""
        self._folder = tempfile.TemporaryDirectory(prefix="pr", dir="/tmp")
        self._running: dict[str, subprocess.Popen[bytes] | forked_program.Child] = {}
        self._names = ("console",) if alone else ("control", "console")
        database = {} if alone else {"console_database": str(Path(self._folder.name) / "console.db")}
        place = {"console": f"127.0.0.1:{self.port}", **database}
        keys = {"url": f"http://localhost:{self.port}", **relay.settings.get("console", {}), **keys}
        relay.configure({**relay.settings, "web": {**relay.settings.get("web", {}), **place}, "console": keys})

    @property
    def log(self) -> str:
        return (Path(self._folder.name) / "log").read_text()

    def pid(self, name: str) -> int:
        """Of `console` or `control`."""
        return self._running[name].pid

    @property
    def pids(self) -> list[int]:
        """Of both processes."""
        return [process.pid for process in self._running.values()]

    def __enter__(self) -> Self:
        for name in self._names:
            self.start(name)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        for name in list(self._running):
            self.stop(name)
        self._folder.cleanup()

    def start(self, name: str) -> None:
        file = Path(self._folder.name) / "log"
        before = file.read_text().count('"ready"') if file.exists() else 0
        with file.open("ab") as log:
            self._running[name] = self._begin(name, log)
        wait_for(lambda: file.read_text().count('"ready"') > before or self._running[name].poll() is not None, "ready")
        assert self._running[name].poll() is None, file.read_text()

    def _begin(self, name: str, log: IO[bytes]) -> subprocess.Popen[bytes] | forked_program.Child:
        words: list[str | Path] = ["-c", self.relay.file, "web", name]
        if self._anew:
            # in a session of its own, as systemd starts it: priorities depend on that (relay.process.priority)
            return subprocess.Popen(
                [PROGRAM, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        with Path(os.devnull).open("rb") as nothing:
            files = (nothing.fileno(), log.fileno(), log.fileno())
            return forked_program.start(words, files=files, cwd=Path.cwd(), env=os.environ)

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    def kill(self, name: str) -> None:
        """Without a chance to end what it does."""
        process = self._running.pop(name)
        process.kill()
        process.wait(30)

    def visitor(self, language: str = "en") -> Visitor:
        return Visitor(self.port, language=language, tls=self.tls)

    def invite(self, name: str, role: str) -> str:
        """The path of the one-time link."""
        path: str = json.loads(self.relay.run("console", "user", "add", name, "--role", role, "--json").stdout)["enrol"]
        return path

    def invite_again(self, name: str) -> str:
        """The path of another one, after a reset."""
        path: str = json.loads(self.relay.run("console", "user", "reset", name, "--json").stdout)["enrol"]
        return path

    def enrol(self, name: str, path: str, visitor: Visitor, words: str = WORDS) -> Page:
        secret = re.search(r'name="secret" value="([A-Z2-7]+)"', visitor.get(path).text)
        assert secret
        self.secrets[name] = secret[1]
        code = pyotp.TOTP(secret[1]).now()
        return visitor.post(path, {"secret": secret[1], "password": words, "code": code})

    def code(self, name: str, later: int = 0) -> str:
        """Of the second factor, so many steps from now; each step's code counts once."""
        return pyotp.TOTP(self.secrets[name]).at(time.time() + 30 * later)

    def log_in(self, name: str, visitor: Visitor, words: str = WORDS, code: str = "") -> Page:
        return visitor.post("/login", {"name": name, "password": words, "code": code or self.code(name)})

    def logged_in(self, name: str, role: str, language: str = "en") -> Visitor:
        visitor = self.visitor(language)
        assert self.enrol(name, self.invite(name, role), visitor).status == 303
        assert self.log_in(name, visitor).status == 303
        return visitor


async def proposed(relay: Relay, pair: Keypair) -> str:
    """A key that waits for an approval; its fingerprint."""
    relay.run("keys", "import", "-", "--propose", content=pair.public)
    async with await Store.open(relay.keyring / "store.db") as store:
        (entry,) = await store.certificates.search(pair.fingerprint)
        await store.certificates.remove(pair.fingerprint)
        await store.certificates.upsert([Entry(entry.certificate, Origin.WKD, updated=int(time.time()), proposed=True)])
    return pair.fingerprint
