"""Mail from outside on its way through the relay: shown, put into Postfix's files, taken out.

As for outgoing mail (`relay.admin.postfix.install`): a copy is edited, and replaces the files in one step. What is set
for the service that takes mail from outside is inserted into its entry in master.cf, under a comment, and taken out to
the octet. Raises `PostfixError`.
"""

from __future__ import annotations

import re
from pathlib import Path

from relay.admin.postfix import block
from relay.admin.postfix.folder import FILES, copy, parameter, postconf, read, replace
from relay.admin.postfix.inbound_settings import (
    CANONICAL,
    CLEANUP,
    MILTERS,
    OVERRIDE,
    SMTPD_OPTIONS,
    SYSLOG_NAME,
    TRANSPORT,
    TRANSPORTS,
    UNMAPPED,
    InboundSettings,
    inbound_settings,
    inserted,
)
from relay.admin.postfix.install import NOTHING, RELOAD, Done, diff, refuse_services
from relay.admin.postfix.mx import Service, mx
from relay.admin.postfix.settings import TRANSPORT as OUTGOING
from relay.config import Config
from relay.model.errors import PostfixError

LEAST_VERSION = (3, 7)
REWRITE = ("rewrite", "unix")
"""The service that looks routes up."""

PROVE = (
    "After that, `pgp-relay postfix check-path --inbound` sends a probe with forged Authentication-Results, and shows "
    "that they do not survive."
)
LEAVES = (
    "Mail that was decrypted would leave in cleartext by aliases and forwards that lead outside: "
    "run `pgp-relay postfix install --egress`."
)
BEHIND = f"If milters such as a virus scanner are to see decrypted mail, name them in main.cf: {MILTERS}."
WAITING = "Mail that waits for the relay still names it: `postsuper -r ALL` takes it past the relay, still encrypted."

_MAIN = re.compile(rb"transport_maps\s*=\s*regexp:\{ \{/\^\(\S+\)\$\$/ " + TRANSPORT.encode() + rb":\S+ ?\}\s*$")
_NAMED_MILTERS = re.compile(rb"^%b\s*=\s*\S" % MILTERS.encode(), re.MULTILINE)
"""Matches the setting in main.cf; postconf does not print a parameter that nothing refers to yet."""
_SERVICE = re.compile(rb"(?:%b|%b)\s+unix\s" % (TRANSPORT.encode(), CLEANUP.encode()))
_SMTPD = re.compile(rb"\S+\s+inet\s.*\bsyslog_name\s*=\s*" + SYSLOG_NAME.encode() + rb"\s", re.DOTALL)
_OPTION = re.compile(rb"[ \t]+-o (?:\{ )?(?:%b) ?=" % "|".join((*SMTPD_OPTIONS, TRANSPORTS)).encode())

Files = dict[str, bytes]


def show(config: Config) -> str:
    """The lines as a person would write them by hand."""
    wanted = inbound_settings(config)
    services = "\n".join(map(str, wanted.services))
    smtpd = inserted(wanted.of_smtpd((), "")).decode()
    return (
        f"# main.cf\n{TRANSPORTS} = {wanted.transports}\n\n# master.cf\n{services}\n\n"
        f"# master.cf, at the end of the service that takes mail from outside\n{smtpd}"
    )


def install(config: Config, folder: Path, *, named: str | None = None, dry: bool = False) -> Done:
    """Put the lines in; what was put in before is replaced. `named`: the service that takes mail from outside."""
    _assure_version()
    files = read(folder)
    clean = _without_ours(files)
    with copy(clean) as scratch:
        filtered = parameter(scratch, "content_filter")
        wanted = inbound_settings(config, outgoing=filtered if filtered.startswith(f"{OUTGOING}:") else "")
        server = mx(scratch, named)
        refuse_services(scratch, wanted.services, wanted.ports)
        edited = _edited(scratch, clean, wanted, server)
        notes = _notes(scratch, wanted)
    if _ours(edited) == _ours(files):
        return Done(changed=False, notes=notes)
    if dry:
        return Done(changed=False, notes=notes, diff=diff(files, edited))
    for name in reversed(FILES):  # the transport is there before it is asked for
        replace(folder / name, edited[name])
    return Done(changed=True, notes=(*notes, RELOAD, PROVE))


def _assure_version() -> None:
    given = postconf(None, "-dh", "mail_version").strip()
    number = tuple(map(int, re.findall(r"\d+", given)[:2]))
    if number < LEAST_VERSION:
        raise PostfixError(f"Postfix {given} has no tables within main.cf: 3.7 or later is needed")


def uninstall(folder: Path) -> Done:
    """Take the lines out and nothing else."""
    files = read(folder)
    clean = _without_ours(files)
    changed = [name for name in FILES if clean[name] != files[name]]
    for name in changed:
        replace(folder / name, clean[name])
    return Done(changed=bool(changed), notes=(RELOAD, WAITING) if changed else (NOTHING,))


def refresh(config: Config, folder: Path) -> tuple[str, ...]:
    """Put the lines in again, where they are, after those of outgoing mail have changed; what is to be known."""
    if not config.inbound.listen:
        return ()
    with copy(read(folder)) as scratch:  # postconf would wait for two seconds, because the real files are new
        lines = postconf(scratch, "-P", "*/*/content_filter").splitlines()
    handing = [line.rpartition("/")[0] for line in lines if f"= {TRANSPORT}:" in line]
    return install(config, folder, named=handing[0]).notes if handing else ()


def _without_ours(files: Files) -> Files:
    return {name: parted.rest for name, parted in _parted(files).items()}


def _ours(files: Files) -> Files:
    return {name: parted.ours for name, parted in _parted(files).items()}


def _parted(files: Files) -> dict[str, block.Parted]:
    master, options = block.take_out(files["master.cf"], lambda line: bool(_OPTION.match(line)))
    services = block.part(master, _is_service, block.MARK_INBOUND)
    return {
        "main.cf": block.part(files["main.cf"], lambda entry: bool(_MAIN.match(entry)), block.MARK_INBOUND),
        "master.cf": block.Parted(services.rest, options + services.ours),
    }


def _is_service(entry: bytes) -> bool:
    return bool(_SERVICE.match(entry) or _SMTPD.match(entry))


def _edited(scratch: Path, clean: Files, wanted: InboundSettings, server: Service) -> Files:
    routed = _written(scratch, TRANSPORTS)
    main = clean["main.cf"] if routed else block.begin(clean["main.cf"], block.MARK_INBOUND)
    with copy({"main.cf": main, "master.cf": block.begin(clean["master.cf"], block.MARK_INBOUND)}) as edited:
        for service in wanted.services:
            postconf(edited, "-M", f"{service.key}={service.entry}")
        if not routed:
            postconf(edited, "-e", f"{TRANSPORTS}={wanted.transports}")
        files = read(edited)
    options = wanted.of_smtpd(_overrides(scratch, server), _written(scratch, CANONICAL))
    master = block.insert(files["master.cf"], server.key, inserted(options))
    if routed:
        master = block.insert(master, REWRITE, inserted([(TRANSPORTS, f"{wanted.transports}, {routed}")]))
    return files | {"master.cf": master}


def _overrides(scratch: Path, server: Service) -> list[str]:
    """What the MX overrides; what is set for it alone stays its administrator's."""
    own = server.options.get(OVERRIDE)
    if own is not None and UNMAPPED not in re.split(r"[\s,]+", own):
        raise PostfixError(f"{server.key[0]} sets “{OVERRIDE} = {own}”: add {UNMAPPED} to it first")
    return [each for each in re.split(r"[\s,]+", own or parameter(scratch, OVERRIDE)) if each]


def _written(scratch: Path, name: str) -> str:
    """A parameter as main.cf has it: references stay what they are."""
    return postconf(scratch, "-h", name).strip()


def _notes(scratch: Path, wanted: InboundSettings) -> tuple[str, ...]:
    """Sentences about what these lines do not do, or what could break them."""
    notes = [] if parameter(scratch, "default_transport").startswith(f"{OUTGOING}:") else [LEAVES]
    if len(wanted.services) == 1:
        notes.append("inbound.reinject is on another machine: no smtpd was added here to take mail back.")
    elif not _NAMED_MILTERS.search((scratch / "main.cf").read_bytes()):
        notes.append(BEHIND)
    if _written(scratch, TRANSPORTS):
        notes.append(
            f"main.cf sets {TRANSPORTS}: install again when that line changes, since rewrite has a copy of it."
        )
    return tuple(notes)
