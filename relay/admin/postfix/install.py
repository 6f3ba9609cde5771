"""Shows, installs and removes our lines. Settings of an administrator are never overwritten."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from relay.admin.postfix import behind as chain
from relay.admin.postfix import block
from relay.admin.postfix.bypasses import bypasses
from relay.admin.postfix.folder import copy, parameter, postconf, read, replace
from relay.admin.postfix.settings import CLEANUP, HEADERS_ONLY, SYSLOG_NAME, TRANSPORT, Service, Settings, settings
from relay.config import Config
from relay.model.errors import PostfixError

_FILTER = re.compile(rb"(?:content_filter|default_transport)\s*=\s*" + TRANSPORT.encode() + rb":")
_BOUNCE = re.compile(rb"bounce_size_limit\s*=\s*1\s*$")
_OVERRIDE = re.compile(rb"receive_override_options\s*=\s*no_address_mappings\s*$")
_SERVICE = re.compile(rb"(?:%b|%b)\s+unix\s" % (TRANSPORT.encode(), CLEANUP.encode()))
_SMTPD = re.compile(rb"\S+\s+inet\s.*\bsyslog_name\s*=\s*" + SYSLOG_NAME.encode() + rb"\s", re.DOTALL)

RELOAD = "`postfix reload` puts this into effect for new connections."
CHECK = "After that, `pgp-relay postfix check-path` sends probes and shows which met the relay."
WAITING = "Mail that waits still names the relay; `postsuper -r ALL` would send it as it is, unencrypted."
NOTHING = "There was nothing of the relay to remove."


@dataclass(frozen=True, slots=True)
class Done:
    """Whether a file was changed, and what the administrator should know or do now, a sentence each."""

    changed: bool
    notes: tuple[str, ...] = ()
    diff: str = ""
    """With `dry`: what would change."""


def default_folder() -> Path:
    """The configuration folder of the machine's Postfix."""
    return Path(postconf(None, "-dh", "config_directory").strip())


def show(config: Config, *, egress: bool = False) -> str:
    """The lines as a person would write them by hand."""
    wanted = settings(config, egress=egress)
    main = "\n".join(f"{name} = {value}" for name, value in wanted.main)
    services = "\n".join(str(service) for service in wanted.services)
    return f"# main.cf\n{main}\n\n# master.cf\n{services}\n"


def install(config: Config, folder: Path, *, egress: bool = False, behind: str = "", dry: bool = False) -> Done:
    """Put the lines in; what was put in before is replaced. Twice is the same as once. `dry`: nothing is written.

    `behind`: the smtpd that takes mail back from another content filter, and hands it to the relay.
    """
    wanted = settings(config, egress=egress)
    files = read(folder)
    now = _part(files)
    with copy({name: parted.rest for name, parted in now.items()}) as clean:
        server = chain.place(clean, behind) if behind else None
        lines = chain.lines(clean, server, dict(wanted.main)[chain.FILTER]) if server else b""
        needed = _needed(clean, wanted.behind() if server else wanted)
        by = bypasses(clean, folder, egress=egress, behind="/".join(server.key) if server else "")
        notes = (*by, *_notes(clean, config, wanted))
    edited = _edited({name: block.begin(parted.rest) for name, parted in now.items()}, needed)
    if server:
        edited["master.cf"] = block.insert(edited["master.cf"], server.key, lines, block.MARK_BEHIND)
    new = _part(edited)
    if all(new[name].ours == now[name].ours for name in now):
        return Done(changed=False, notes=notes)
    if dry:
        return Done(changed=False, notes=notes, diff=diff(files, edited))
    for name in ("master.cf", "main.cf"):  # the transport is there before it is asked for
        replace(folder / name, edited[name])
    return Done(changed=True, notes=(*notes, RELOAD, CHECK))


def diff(now: dict[str, bytes], new: dict[str, bytes]) -> str:
    """What would change, as `diff -u` tells it."""
    lines = (line for name in now for line in difflib.unified_diff(_lines(now[name]), _lines(new[name]), name, name))
    return "\n".join(line.rstrip("\n") for line in lines)


def _lines(octets: bytes) -> list[str]:
    return octets.decode("utf-8", "replace").splitlines()


def uninstall(folder: Path) -> Done:
    """Take the lines out and nothing else."""
    now = _part(read(folder))
    changed = [name for name in ("main.cf", "master.cf") if now[name].ours]
    for name in changed:
        replace(folder / name, now[name].rest)
    with copy({name: parted.rest for name, parted in now.items()}) as clean:
        left = [f"{name} = {value}" for name, value in explicit(clean).items() if value.startswith(f"{TRANSPORT}:")]
    if left:
        raise PostfixError(f"main.cf still sets {left[0]}, which `install` did not write: take it out")
    return Done(changed=bool(changed), notes=(RELOAD, WAITING) if changed else (NOTHING,))


def _part(files: dict[str, bytes]) -> dict[str, block.Parted]:
    master, options = block.take_out(files["master.cf"], lambda line: bool(chain.OPTION.match(line)), block.MARK_BEHIND)
    services = block.part(master, _any_of(_SERVICE, _SMTPD))
    return {
        "main.cf": block.part(files["main.cf"], _any_of(_FILTER, _OVERRIDE, _BOUNCE)),
        "master.cf": block.Parted(services.rest, options + services.ours),
    }


def _any_of(*patterns: re.Pattern[bytes]) -> block.Ours:
    return lambda entry: any(pattern.match(entry) for pattern in patterns)


def _needed(folder: Path, wanted: Settings) -> Settings:
    """What is to be put in; refuses where an administrator's own lines stand in the way."""
    there = explicit(folder)
    refuse_services(folder, wanted.services, [wanted.port] if wanted.port else [])
    if (own := there.get(chain.FILTER)) and chain.FILTER in dict(wanted.main):
        raise PostfixError(chain.advice(folder, own))
    return Settings(tuple(option for option in wanted.main if not _present(there, *option)), wanted.services)


def _present(explicit: dict[str, str], name: str, value: str) -> bool:
    if name not in explicit:
        return False
    own = explicit[name]
    if name == HEADERS_ONLY[0]:
        return True  # theirs to decide: `_notes` tells what it means
    if name != "receive_override_options":
        raise PostfixError(f"main.cf sets “{name} = {own}” already: take that line out first")
    if value not in re.split(r"[\s,]+", own):
        raise PostfixError(f"main.cf sets “{name} = {own}”: add {value} to it first")
    return True


def refuse_services(folder: Path, wanted: Iterable[Service], listening: Iterable[str]) -> None:
    """Raise `PostfixError` where master.cf has one of these services already, or listens where the relay does."""
    there = {tuple(line.split()[:2]) for line in postconf(folder, "-M").splitlines()}
    ports = {name.rpartition(":")[2] for name, kind in there if kind == "inet"}
    for service in wanted:
        taken = service.kind == "inet" and service.name.rpartition(":")[2] in ports
        if taken or (service.name, service.kind) in there:
            raise PostfixError(
                f"master.cf has a service at {service.name} already: choose another port, or take it out"
            )
    for port in ports.intersection(listening):
        raise PostfixError(f"Postfix itself listens on port {port}: choose another for `listen`")


def _edited(files: dict[str, bytes], needed: Settings) -> dict[str, bytes]:
    with copy(files) as scratch:
        for service in needed.services:
            postconf(scratch, "-M", f"{service.key}={service.entry}")
        for name, value in needed.main:  # one by one: postconf writes several in an order that changes
            postconf(scratch, "-e", f"{name}={value}")
        return read(scratch)


def _notes(folder: Path, config: Config, wanted: Settings) -> tuple[str, ...]:
    """Sentences about settings that could undo the relay's work, and about what these lines do not do."""
    notes = []
    if parameter(folder, "smtpd_milters") or parameter(folder, "non_smtpd_milters"):
        notes.append("A milter that signs (DKIM) belongs behind the relay: encryption breaks its signature.")
    limit = explicit(folder).get(HEADERS_ONLY[0])
    if limit is not None and limit != HEADERS_ONLY[1]:
        notes.append(
            f"{HEADERS_ONLY[0]} is {limit}: a smaller mail that Postfix gives up on is returned whole, in clear."
        )
    if len(wanted.services) == 1:
        notes.append(f"The relay delivers to {config.reinject}: no smtpd was added here to take mail back.")
    return tuple(notes)


def explicit(folder: Path) -> dict[str, str]:
    """What main.cf sets, an empty value too."""
    lines = (line.partition("=") for line in postconf(folder, "-n").splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
