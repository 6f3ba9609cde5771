"""The frames between the relay (`fetch_client`) and the process that asks domains (`fetch_process`).

Nothing is pickled: the process talks to strangers' servers, so it is not trusted. Raises `BadFrame` for what is no
answer of ours.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from relay.keys.wkd.answer import MAX_CERTIFICATES
from relay.keys.wkd.port import Document, Fetched, Settings
from relay.keys.wkd.reason import NAME, Reason
from relay.model import NotFound, Outage
from relay.process.ipc import BadFrame, Frame, Limits

ANSWER = Limits(strings=2 * MAX_CERTIFICATES, octets=4 << 20)
"""Limits of an answer: at most a megabyte is fetched, and sent twice, cut down and whole."""
REQUEST = Limits(words=8 << 20)
"""A configuration may name another place for very many hosts."""

METHODS = ("wkd/advanced", "wkd/direct", "vks/by-email", "")


def settings_words(settings: Settings) -> dict[str, Any]:
    """The settings as they are sent."""
    return {
        "timeout": settings.timeout,
        "ca_file": str(settings.ca_file) if settings.ca_file else None,
        "connect_to": [[*place, *target] for place, target in settings.connect_to.items()],
        "allow_networks": [str(network) for network in settings.allow_networks],
    }


def settings_of(words: dict[str, Any]) -> Settings:
    """The settings as they were."""
    return Settings(
        words["timeout"],
        Path(words["ca_file"]) if words["ca_file"] else None,
        {(host, port): (to, at) for host, port, to, at in words["connect_to"]},
        tuple(ip_network(network) for network in words["allow_networks"]),
    )


def answer_frame(number: int, fetched: Fetched) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """Words and strings of the answer with this number."""
    words = {"answer": number, "kind": type(fetched).__name__, "method": fetched.method}
    match fetched:
        case Document(certificates=certificates, wholes=wholes):
            return {**words, "certificates": len(certificates)}, certificates + wholes
        case Outage(reason=reason):
            return {**words, "reason": Reason(reason).name}, ()
        case NotFound():
            return words, ()


def answer_of(frame: Frame) -> Fetched:
    """The answer as it was."""
    try:
        method = METHODS[METHODS.index(frame.words["method"])]
        match frame.words["kind"]:
            case "Document" if frame.strings:
                return _document(method, frame)
            case "Outage":
                return Outage(NAME, Reason[frame.words["reason"]], method)
            case "NotFound":
                return NotFound(NAME, method)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFrame("not an answer") from error
    raise BadFrame("no kind of answer")


def _document(method: str, frame: Frame) -> Document:
    count = int(frame.words["certificates"])
    certificates, wholes = frame.strings[:count], frame.strings[count:]
    if not certificates or len(wholes) not in {0, count}:
        raise ValueError(count)
    return Document(method, certificates, wholes)


def error_name(word: object) -> str:
    """The name of an exception's type, if the word is one."""
    return word if isinstance(word, str) and word.isidentifier() and len(word) < 64 else "?"
