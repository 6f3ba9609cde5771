"""A client of Marionette, the remote control of Thunderbird and Firefox: one TCP connection, JSON behind its length."""

from __future__ import annotations

import base64
import json
import socket
from types import TracebackType
from typing import Any, Self


class MarionetteError(Exception):
    """What the program answered in place of a result."""


class Marionette:
    """`with Marionette(port) as program: program.run("return 1")`.

    Scripts run with the program's own rights (`chrome`), or in the page that is shown (`content`).
    """

    def __init__(self, port: int, seconds: float = 60.0, context: str = "chrome") -> None:
        self._sandbox = "system" if context == "chrome" else "default"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._file = self._socket.makefile("rb")
        self._number = 0
        try:
            self._read()
            self.call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
            self.call("Marionette:SetContext", {"value": context})
            self.call("WebDriver:SetTimeouts", {"script": int(seconds * 1000)})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The program goes on."""
        self._file.close()
        self._socket.close()

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401  whatever the script returns
        """The value that the script (an async function's body) returns."""
        body = (
            f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})()"
            ".then(v => done([v ?? null]), e => done(String(e) + (e.stack ?? '')));"
        )
        asked = {"script": body, "args": list(arguments), "sandbox": self._sandbox, "newSandbox": False}
        value = self.call("WebDriver:ExecuteAsyncScript", asked)["value"]
        if isinstance(value, str):
            raise MarionetteError(value)
        return value[0]

    def screenshot(self) -> bytes:
        """The window, as PNG."""
        return base64.b64decode(self.call("WebDriver:TakeScreenshot", {"full": False})["value"])

    def call(self, command: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401  whatever the command returns
        """One command and its result."""
        self._number += 1
        asked = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(asked), asked))
        _, number, error, result = self._read()
        assert number == self._number
        if error:
            raise MarionetteError(f"{command}: {error}")
        return result

    def _read(self) -> Any:  # noqa: ANN401  JSON
        size = b""
        while (octet := self._file.read(1)) != b":":
            if not octet:
                raise ConnectionResetError("the program has ended the connection")
            size += octet
        return json.loads(self._file.read(int(size)))
