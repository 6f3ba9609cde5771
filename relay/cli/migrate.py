"""`pgp-relay migrate …`: from another program to this one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import gnupg_groups
from relay.admin import zeyple as leaving
from relay.admin.owner import become_owner
from relay.cli.context import Json, context_of, run, with_store
from relay.cli.import_report import Report
from relay.cli.keys_import import Manner, import_keys, named
from relay.cli.output import agreed, fail, print_json, say
from relay.cli.times import Look
from relay.config import Config, load, parse
from relay.model.errors import ConfigError, RelayError

File = Annotated[Path, typer.Argument(help="Zeyple's configuration.")]
Home = Annotated[
    Path | None,
    typer.Option("--gnupg-home", metavar="FOLDER", help="Its GnuPG home, if it is not the one under [gpg] home."),
]
Keyring = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The relay's keyring folder; default: the configuration's, or one beside it."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Overwrite an existing configuration without asking.")]


def zeyple(  # noqa: PLR0913  each is an option
    context: typer.Context,
    file: File,
    *,
    gnupg_home: Home = None,
    keyring: Keyring = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Write config.yaml from Zeyple's, and import its keys.

    Reports what will differ. Zeyple's files are not changed. The command can be run again.

    $ pgp-relay -c /etc/pgp-relay/config.yaml migrate zeyple /etc/zeyple.conf
    """
    target, actor = context_of(context).path, context_of(context).actor
    found = leaving.read(file)
    text = leaving.config(found, (keyring or _keyring(target)).absolute())
    config = parse(text.encode(), target)
    report = Report(as_json, Look.of())
    groups = gnupg_groups.read((gnupg_home or found.home) / "gpg.conf")
    with named([], gnupg_home or found.home) as files:
        written = _write(target, text, yes=yes)
        become_owner(config.keyring)
        run(import_keys(config, files, report, Manner(), actor))
        found.notes += _groups(config, groups, actor)
    _tell(target, found.notes, written=written, as_json=as_json)
    report.close()


def _tell(target: Path, notes: Sequence[str], *, written: bool, as_json: bool) -> None:
    if as_json:
        print_json({"config": str(target), "written": written, "notes": notes})
        return
    say(f"{target}: {'written' if written else 'as it was'}")
    for note in notes:
        say(f"- {note}")


def _groups(config: Config, groups: gnupg_groups.Groups, actor: str) -> list[str]:
    """A sentence for each of GnuPG's groups."""
    if not groups.keys:
        return list(groups.notes)
    return with_store(config, lambda store: gnupg_groups.carry_over(config, store, groups, actor))


def _keyring(target: Path) -> Path:
    """The keyring folder that the existing configuration names."""
    try:
        return load(target).keyring
    except ConfigError:
        return target.parent / "keyring"


def _write(target: Path, text: str, *, yes: bool) -> bool:
    """Whether it had to be."""
    try:
        if target.exists():
            if target.read_text(encoding="utf-8", errors="replace") == text:
                return False
            if not yes and not agreed(f"{target} is there already. Write over it?"):
                fail("nothing was changed")
        descriptor, aside = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, 0o644)
        Path(aside).replace(target)
    except OSError as error:
        raise RelayError(f"{target} cannot be written: {error.strerror}") from error
    return True
