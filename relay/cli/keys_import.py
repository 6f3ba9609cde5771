"""`pgp-relay keys import`: correspondents' keys from files, folders, standard input and GnuPG homes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from relay.admin.key_import import STDIN, File, Progress, Refusal, build_intake, exported, survey
from relay.admin.owner import stay_root
from relay.cli.context import Json, context_of, run
from relay.cli.import_report import Report
from relay.cli.options import Options
from relay.cli.output import fail, on_terminal, print_json, say
from relay.cli.release import Flush, release
from relay.cli.times import Look
from relay.config import Config
from relay.daemon import storage
from relay.openpgp import home, signing


@dataclass(frozen=True, slots=True)
class Sources(Options):
    """What is imported: files and folders, a GnuPG home, or a secret key to sign with."""

    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files, folders, or - for standard input.")
    ] = None
    gnupg_home: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Import the public keys of this GnuPG home.")
    ] = None
    signing_file: Annotated[
        Path | None, typer.Option("--signing", metavar="FILE", help="Import a secret key for the relay to sign with.")
    ] = None

    @property
    def of_correspondents(self) -> bool:
        """Correspondents' keys are among them."""
        return bool(self.paths or self.gnupg_home)


@dataclass(frozen=True, slots=True)
class Manner(Options):
    """What is done with correspondents' keys."""

    propose: Annotated[bool, typer.Option("--propose", help="Propose the keys: none is used before keys approve.")] = (
        False
    )
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and judge everything, but store nothing.")] = False


Quiet = Annotated[bool, typer.Option("--quiet", help="Report only keys that are refused or cannot be used.")]


def import_(  # noqa: PLR0913  each is an option
    context: typer.Context,
    *,
    sources: Sources,
    manner: Manner,
    quiet: Quiet = False,
    flush: Flush = False,
    as_json: Json = False,
) -> None:
    """Import keys from files, folders, pipes and GnuPG homes.

    Files may be armored or binary, with one key or thousands. Each key is reported as imported, updated, unchanged or
    refused, with the reason. With --propose, or where console.four_eyes has approve, a new key is proposed.

    Nothing is ever deleted. A key that cannot be used is kept with its addresses: mail to them is not sent in clear.
    The exit status is 1 if a key was refused or can never be used.

    $ pgp-relay keys import /root/correspondents/
    """
    secret = _secret(sources, manner)
    report = Report(as_json, Look.of(), quiet)
    with named(sources.paths or [], sources.gnupg_home) as files:
        config = context_of(context).config()
        if secret is not None:
            _tell_secret(run(_import_secret(config, secret)), as_json=as_json)
        if sources.of_correspondents:
            run(import_keys(config, files, report, manner, context_of(context).actor))
            if not manner.dry_run:
                release(config, report.stored, flush=flush, as_json=as_json or quiet)
            report.close()


def _secret(sources: Sources, manner: Manner) -> bytes | None:
    """The octets of the signing key, if one is imported. Options that do not go together end the program."""
    if not (sources.of_correspondents or sources.signing_file):
        fail("name a file, a folder, - for standard input, --gnupg-home or --signing", status=2)
    if sources.signing_file is None:
        return None
    octets = _octets(sources.signing_file)
    if manner.dry_run or manner.propose:
        fail("--dry-run and --propose are for correspondents' keys: leave --signing out", status=2)
    return octets


@contextmanager
def named(paths: list[str], gnupg_home: Path | None) -> Iterator[list[File | Refusal]]:
    """The files to import; they are opened with the rights of the caller, even after root was given up."""
    with ExitStack() as stack:
        files = survey(paths)
        if gnupg_home:
            files += stack.enter_context(exported(gnupg_home))
        acts = {file: number for number, file in enumerate(filter(_is_named, files))}
        act = stack.enter_context(stay_root([file.descriptor for file in acts if isinstance(file, File)]))
        yield [replace(f, opener=partial(act, acts[f])) if isinstance(f, File) and f in acts else f for f in files]


def _is_named(file: File | Refusal) -> bool:
    return isinstance(file, File) and file.place != STDIN


async def import_keys(
    config: Config, files: Sequence[File | Refusal], report: Report, manner: Manner, actor: str
) -> None:
    """Import or propose all keys, and report each; with `dry_run` only report what would happen."""
    async with storage.opened_store(config) as store:
        with _bar() as progress:
            intake = build_intake(config, store, actor=actor, propose=manner.propose, dry_run=manner.dry_run)
            async for result in intake.run(files, progress=progress):
                report.tell(result)


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")


async def _import_secret(config: Config, octets: bytes) -> list[str]:
    home.prepare(config.keyring)
    return await signing.import_secret(config.keyring, octets)


def _tell_secret(fingerprints: list[str], *, as_json: bool) -> None:
    for fingerprint in fingerprints:
        if as_json:
            print_json({"signing_key": fingerprint, "result": "imported"})
        else:
            say(f"signing key {fingerprint}: imported; name it under sign.default")


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """A progress bar, on a terminal alone."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as rich  # noqa: PLC0415  likewise
    from rich.console import Console  # noqa: PLC0415  takes long to load

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TaskProgressColumn(),
        rich.TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    # above the bar if both are the terminal; if output goes to a file, the bar must not redirect it
    with rich.Progress(*columns, console=console, transient=True, redirect_stdout=on_terminal()) as bar:
        task = bar.add_task("importing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, refresh=True)
