"""Zeyple's /etc/zeyple.conf (versions 1 and 2), read and turned into a config.yaml. Pure, but for reading the file.

Zeyple asks a regular expression what to do with a recipient without a key; our rules have patterns. Rules that patterns
can express are converted, in their order. Others are named, and the rules after one are made stricter if a mail that
Zeyple kept back could otherwise leave in cleartext: nothing leaves in cleartext because of the move.

Raises `ConfigError`.
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relay.model.errors import ConfigError, Fault

LARGEST = 1 << 20
KNOWN = {
    "zeyple": {
        "log_file",
        "force_encrypt",
        "add_header",
        "missing_key_notification_file",
        "missing_key_notification_body",
        "missing_key_notification_subject",
    },
    "gpg": {"home", "executable"},
    "relay": {"host", "port"},
}
RULES = "missing_key_rules"
CLEARTEXT = "cleartext"

_ACTIONS = {CLEARTEXT, "drop", "notify"}
_TRUE = {"1", "yes", "true", "on"}
_FALSE = {"0", "no", "false", "off"}
_EVERYBODY = re.compile(r"\^?\.[*+]?\$?")
_ADDRESS = re.compile(r"\^?(?P<local>\.\*|(?:[\w+-]|\\[.+-])+)\\?@(?P<domain>(?:[\w-]|\\\.)+)\$")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Rule:
    """For these recipients: encrypted or else clear, or encrypted or else refused."""

    name: str
    to: str | None
    """None: everybody."""
    clear: bool


@dataclass(slots=True)
class Found:
    """The content of a Zeyple configuration, in our terms."""

    home: Path
    host: str
    port: int
    rules: list[Rule] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What will differ, sentence by sentence."""


def read(path: Path) -> Found:
    """The configuration in this file."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if path.exists() and not path.is_file():
            raise _wrong(path, "is no file")
        with path.open("rb") as file:
            octets = file.read(LARGEST + 1)
        if len(octets) > LARGEST:
            raise _wrong(path, "is larger than 1 MiB: the rest could contain rules that keep mail from leaving")
        parser.read_string(octets.decode())
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from error
    except configparser.Error as error:
        line = getattr(error, "lineno", 0) or next((number for number, _ in getattr(error, "errors", ())), 0)
        raise _wrong(path, "this is no Zeyple configuration", line) from None
    except UnicodeDecodeError:
        raise _wrong(path, "this is no text in UTF-8") from None
    return _found(path, parser)


def config(found: Found, keyring: Path) -> str:
    """The text of config.yaml."""
    lines = [
        "# Made of Zeyple's configuration by `pgp-relay migrate zeyple`.",
        f"reinject: {_quoted(f'smtp://{_host(found.host)}:{found.port}')}",
        *([] if found.host in _LOOPBACK else ["plaintext_network: true   # as with Zeyple: no TLS to the next hop"]),
        f"keyring: {_quoted(str(keyring))}",
        "lookup:",
        "  sources: [keyring]   # as with Zeyple; [keyring, wkd] also finds keys that domains publish",
        "policy:",
    ]
    for rule in found.rules:
        lines.append(f"  - name: {_quoted(rule.name)}")
        if rule.to:
            lines.append(f"    to: [{_quoted(rule.to)}]")
        lines.append(f"    encrypt: {'preferred' if rule.clear else 'required'}")
    return "\n".join(lines) + "\n"


def _found(path: Path, parser: configparser.ConfigParser) -> Found:
    missing = [
        f"[{s}] {o}" for s, o in (("gpg", "home"), ("relay", "host"), ("relay", "port")) if not _get(parser, s, o)
    ]
    if missing:
        raise _wrong(path, f"this is no Zeyple configuration: {', '.join(missing)} is missing")
    host, port = _get(parser, "relay", "host"), _get(parser, "relay", "port")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise _wrong(path, f"[relay] port: {port} is no port")
    found = Found(Path(_get(parser, "gpg", "home")), host, int(port))
    if parser.has_section(RULES):
        _translate(path, parser[RULES], found)
    else:
        found.rules.append(Rule("everyone", None, clear=not _is_true(path, parser, "force_encrypt")))
    found.notes += _differences(parser, found)
    return found


def _translate(path: Path, rules: Mapping[str, str], found: Found) -> None:
    strict = False
    for pattern, action in rules.items():
        if action not in _ACTIONS:
            raise _wrong(path, f"[{RULES}] {pattern}: {action} is none of cleartext, drop and notify")
        everybody, to = _EVERYBODY.fullmatch(pattern), _recipients(pattern)
        if not everybody and to is None:
            strict |= action != CLEARTEXT
            found.notes.append(f"[{RULES}] {pattern} = {action}: not carried over, write a rule under policy by hand.")
            continue
        clear = action == CLEARTEXT
        if clear and strict:
            found.notes.append(f"[{RULES}] {pattern} = {action}: became encrypt: required, because of the rule above.")
        found.rules.append(Rule(to or "everyone", to, clear and not strict))
        if everybody:
            return
    found.rules.append(Rule("everyone", None, clear=False))


def _recipients(pattern: str) -> str | None:
    """Our pattern for the commonest of their expressions: one address, or one domain."""
    match = _ADDRESS.fullmatch(pattern)
    if not match:
        return None
    local = "*" if match["local"] == ".*" else match["local"].replace("\\", "")
    return f"{local}@{match['domain'].replace(chr(92), '')}"


_ALWAYS = (
    "If a key has expired or was revoked, the mail is refused and its sender is told.",
    "A key is used only for the exact addresses in its user ids; Zeyple used any key with a matching text in one.",
    "The subject is encrypted, and outside it reads [...]; protect_subject: false leaves it readable.",
    "HTML, attachments and the envelope sender stay as they are; encrypted mail is recognised by its structure.",
    "The relay listens on lmtp://127.0.0.1:10025; Zeyple was started by Postfix for each mail (pipe).",
    "The log goes to standard error, which systemd keeps in the journal; log_file is not used.",
)


def _differences(parser: configparser.ConfigParser, found: Found) -> Iterator[str]:
    if any(rule.clear for rule in found.rules):
        yield "Mail to recipients without a key still leaves in clear (encrypt: preferred); required refuses it."
    if not all(rule.clear for rule in found.rules):
        yield "Mail without a key is refused, and its sender is told; Zeyple dropped it, or told the recipient."
    yield from _ALWAYS
    if _get(parser, "zeyple", "add_header").lower() in _TRUE:
        yield "No X-Zeyple header is added; pgp-relay trace tells what was done with a mail."
    if any(parser.has_option("zeyple", name) for name in KNOWN["zeyple"] if name.startswith("missing_key")):
        yield "The text for missing keys is not carried over: notices.templates changes the words of ours."
    yield from _unknown(parser)


def _unknown(parser: configparser.ConfigParser) -> Iterator[str]:
    for section in parser.sections():
        for option in parser[section]:
            if section != RULES and option not in KNOWN.get(section, set()):
                yield f"[{section}] {option}: not known here, and not carried over."


def _is_true(path: Path, parser: configparser.ConfigParser, option: str) -> bool:
    value = _get(parser, "zeyple", option).lower()
    if value not in _TRUE | _FALSE | {""}:
        raise _wrong(path, f"[zeyple] {option}: {value} is neither true nor false")
    return value in _TRUE


def _get(parser: configparser.ConfigParser, section: str, option: str) -> str:
    return parser.get(section, option, fallback="").strip()


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string


def _wrong(path: Path, message: str, line: int = 0) -> ConfigError:
    return ConfigError((Fault(str(path), line, message),))
