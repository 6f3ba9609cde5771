"""Which of Postfix's servers takes mail from outside: the MX. Those for submission and behind filters are not it.

Raises `PostfixError` where there is none, or where several may be it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay.admin.postfix.folder import postconf
from relay.model.errors import PostfixError

Key = tuple[str, str]
"""Name and type of a service: `("smtp", "inet")`."""

_SUBMISSION = frozenset({"submission", "submissions", "smtps", "587", "465"})
_PUBLIC = frozenset({"smtp", "25"})
_FILTERED = ("content_filter", "smtpd_proxy_filter")
"""An smtpd that sets one of these for itself stands before or behind a filter, this relay's or another."""
_FOR_CLIENTS = ("smtpd_tls_wrappermode", "smtpd_sasl_auth_enable")


@dataclass(frozen=True, slots=True)
class Service:
    """An smtpd of master.cf."""

    key: Key
    options: dict[str, str]
    """What is set for it alone."""

    @property
    def port(self) -> str:
        """Its name or number; `smtpd` behind postscreen."""
        return self.key[0].rpartition(":")[2]


def mx(folder: Path, named: str | None = None) -> Service:
    """The one named (`192.0.2.1:smtp`), or the one that takes mail at port 25, or the only one."""
    those = [one for one in servers(folder) if named in {None, one.key[0], "/".join(one.key)}]
    if named is not None:
        return _only(those, f"master.cf has no smtpd named {named}")
    taking = [one for one in those if _takes_from_outside(one)]
    public = [one for one in taking if one.port in _PUBLIC or one.key[1] == "pass"]
    behind_postscreen = [one for one in public if one.key[1] == "pass"]
    return _only(behind_postscreen or public or taking, "master.cf has no smtpd that takes mail from outside")


def _only(found: list[Service], none: str) -> Service:
    match found:
        case [one]:
            return one
        case []:
            raise PostfixError(none)
        case _:
            names = ", ".join(one.key[0] for one in found)
            raise PostfixError(f"several services may take mail from outside ({names}): name one with --mx")


def servers(folder: Path) -> list[Service]:
    """Every smtpd of master.cf."""
    options = _options(folder)
    found = []
    for line in postconf(folder, "-M").splitlines():
        name, kind, *rest = line.split()
        if kind in {"inet", "pass"} and rest[5] == "smtpd":
            found.append(Service((name, kind), options.get((name, kind), {})))
    return found


def _options(folder: Path) -> dict[Key, dict[str, str]]:
    """What master.cf sets for each service."""
    options: dict[Key, dict[str, str]] = {}
    for line in postconf(folder, "-P").splitlines():
        name, _, value = line.partition("=")
        service, _, option = name.strip().rpartition("/")
        key = service.rpartition("/")
        options.setdefault((key[0], key[2]), {})[option] = value.strip()
    return options


def _takes_from_outside(one: Service) -> bool:
    filtered = any(name in one.options for name in _FILTERED)
    return not filtered and one.port not in _SUBMISSION and all(one.options.get(n, "no") == "no" for n in _FOR_CLIENTS)
