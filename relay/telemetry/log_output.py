"""The log's lines as they are written: `console` for people or `json` for machines, on standard error.

Where systemd's journal reads it, each line has a priority. What the lines say is in `relay.telemetry.events`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from enum import StrEnum
from typing import Any, TextIO, cast

import structlog

from relay.model.printable import escaped
from relay.telemetry import journal

Seen = Callable[[str, Mapping[str, Any]], None]
"""Called with the level and the fields of each line (`event` is its name), before the log level filters it."""

_LEVELS = ("debug", "info", "warning", "error")
_JSON = json.JSONEncoder(default=repr)  # `json.dumps` would make a new one for every line


class _StandardError:
    """The current standard error.

    If a line cannot be written, because its reader has gone away, it is lost; mail is not affected, and the decisions
    are in the trace.
    """

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)  # a line: it is written at its end

    def flush(self) -> None:
        """Nothing is left to write."""


def _let_go() -> None:
    """Drop output that cannot be written: at exit Python would try again, fail, and set the exit status to 120."""
    with contextlib.suppress(ValueError):  # it is closed
        try:
            sys.stderr.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def configure(*, level: str = "info", fmt: str = "console", seen: Seen | None = None, **always: object) -> None:
    """Set up logging for this process, once; `always` are fields that every line has."""
    least = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = (
        structlog.processors.JSONRenderer(lambda line, **_: _JSON.encode(line))
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=10)
    )
    by_journal = journal.reads_standard_error()  # which has the time of each line already
    structlog.configure(
        processors=[
            *([lambda _logger, _method, line: {**always, **line}] if always else []),
            _in_words,
            *([_without_places] if least > logging.DEBUG else []),
            structlog.processors.add_log_level,
            *([] if by_journal else [structlog.processors.TimeStamper(fmt="iso", utc=True)]),
            *([] if fmt == "json" else [_on_one_line]),
            renderer,
            *([journal.with_priority] if by_journal else []),
        ],
        wrapper_class=_bound(least, seen, always),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    atexit.register(_let_go)
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd writes message text there
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # … and this one exception texts


def _bound(least: int, seen: Seen | None, always: Mapping[str, object]) -> type[structlog.BoundLoggerBase]:
    """A logger that shows each line to `seen` and renders those of this level and above."""

    def method(level: str, number: int) -> Callable[..., None]:
        def write(self: structlog.BoundLoggerBase, event: str, **fields: object) -> None:
            if seen:
                seen(level, {**always, **fields, "event": event})
            if number >= least:
                self._proxy_to_logger(level, event, **fields)

        return write

    return type(
        "Bound",
        (structlog.BoundLoggerBase,),
        {name: method(name, logging.getLevelNamesMapping()[name.upper()]) for name in _LEVELS},
    )


def _in_words(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn our enumerations into their text, and make all text printable."""
    return {name: _in_word(value) for name, value in fields.items()}


def _in_word(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case str():
            return escaped(value)
        case list():
            return [_in_word(each) for each in value]
        case dict():
            return {name: _in_word(each) for name, each in value.items()}
        case _:
            return value


def _without_places(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave type and place in the code out of events that have a sentence, except at level `debug`."""
    if "reason" in fields and "at" in fields:
        fields = {name: value for name, value in fields.items() if name not in {"error", "at"}}
    return fields


def _on_one_line(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Lists as people write them."""
    return {name: _joined(value) if isinstance(value, list | tuple) else value for name, value in fields.items()}


def _joined(values: Sequence[object]) -> str:
    return escaped("; ".join(map(_plain, values)))


def _plain(value: object) -> str:
    return " ".join(f"{name}={each}" for name, each in value.items()) if isinstance(value, dict) else str(value)
