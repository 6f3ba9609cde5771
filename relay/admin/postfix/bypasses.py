"""Settings of Postfix by which mail bypasses the relay, or leaves from behind it for somebody else: a sentence each.

Where mail comes in: a `FILTER` action (access(5), header_checks(5)) or a service's own `content_filter` replaces ours;
copies and aliases are made behind the relay. Where mail leaves: whatever chooses a transport before `default_transport`
does. Reads what main.cf and master.cf set, and the tables that they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from relay.admin.postfix import tables
from relay.admin.postfix.folder import postconf

_COPIES = ("always_bcc", "sender_bcc_maps", "recipient_bcc_maps")
_ALIASES = ("virtual_alias_maps", "canonical_maps", "recipient_canonical_maps", "luser_relay")
_ROUTES = (
    *("transport_maps", "sender_dependent_default_transport_maps", "relay_domains", "relay_transport"),
    *("local_transport", "virtual_transport", "mailbox_transport", "mailbox_transport_maps"),
    *("fallback_transport", "fallback_transport_maps"),
)
_BEHIND = {
    **dict.fromkeys(_COPIES, "the copy is made behind the relay; it is in cleartext if the mail is."),
    **dict.fromkeys(_ALIASES, "where it leads outside, the mail is what the relay made for the original address."),
}
_PAST = {
    **dict.fromkeys(_ROUTES, "mail that it routes bypasses the relay."),
    "content_filter": "mail that this filter does not hand back to this Postfix bypasses the relay.",
}

_JUDGES = re.compile(r"smtpd_\w+_restrictions|(?!smtp_|lmtp_)(?:\w+_)?(?:header|body)_checks")
"""The parameters whose tables may hold `FILTER`, restriction classes apart."""
_INLINE = re.compile(r"[{=]\s*FILTER\s", re.IGNORECASE)
_ACTION = re.compile(r"^(?:[^\s#]\S*|([^\w\s#]).*\1\w*)\s+FILTER\s+\S", re.IGNORECASE | re.MULTILINE)


class _Setting(NamedTuple):
    service: str
    """`587/inet`; empty: main.cf's own."""
    name: str
    value: str

    @property
    def where(self) -> str:
        return f"{self.service} sets {self.name} of its own" if self.service else f"{self.name} is set"


def bypasses(copy: Path, folder: Path, *, egress: bool, behind: str = "") -> Iterator[str]:
    """The sentences; `copy` holds main.cf and master.cf of `folder` without our lines.

    `behind`: the service (`127.0.0.1:10025/inet`) that hands mail of another filter to the relay.
    """
    found = [setting._replace(value=setting.value.replace(str(copy), str(folder))) for setting in _settings(copy)]
    yield from _routes(found) if egress else _behind(found, behind)
    yield from _filters(found)


def _settings(folder: Path) -> Iterator[_Setting]:
    """All that is set, with references replaced by what they refer to."""
    for line in postconf(folder, "-nx").splitlines():
        name, _, value = line.partition("=")
        yield _Setting("", name.strip(), value.strip())
    for line in postconf(folder, "-Px").splitlines():
        name, _, value = line.partition("=")
        service, _, option = name.strip().rpartition("/")
        yield _Setting(service, option, value.strip())


def _behind(found: list[_Setting], behind: str) -> Iterator[str]:
    for setting in found:
        if setting.value and setting.name in _BEHIND:
            yield f"{setting.where}: {_BEHIND[setting.name]}"
        elif setting.name == "content_filter" and setting.value and behind:
            yield f"{setting.where}: mail that this filter does not hand back to {behind} bypasses the relay."
        elif setting.service not in {"", behind} and setting.name == "content_filter":
            yield f"{setting.where}: mail that comes in there bypasses the relay."


def _routes(found: list[_Setting]) -> Iterator[str]:
    for setting in found:
        if setting.value and setting.name in _PAST:
            yield f"{setting.where}: {_PAST[setting.name]}"
        elif setting.service and setting.name == "default_transport":
            yield f"{setting.where}: mail that goes through it bypasses the relay."


def _filters(found: list[_Setting]) -> Iterator[str]:
    classes = {
        name for setting in found if setting.name == "smtpd_restriction_classes" for name in setting.value.split()
    }
    for setting in found:
        if setting.name in classes or _JUDGES.fullmatch(setting.name):
            yield from _in_value(setting)


def _in_value(setting: _Setting) -> Iterator[str]:
    owner = f"{setting.service}/{setting.name}".lstrip("/")
    if _INLINE.search(setting.value):
        yield f"{owner} holds a FILTER {{…}}: mail that it matches bypasses the relay."
    for table in tables.files(setting.value):
        source = tables.source(table)
        if source is None:
            yield f"{owner}: {table} cannot be read: a FILTER in it leads past the relay."
        elif _ACTION.search(source):
            yield f"{owner}: {table} holds a FILTER: mail that it matches bypasses the relay."
    for name in tables.elsewhere(setting.value):
        yield f"{owner}: {name} cannot be read here: a FILTER from there leads past the relay."
