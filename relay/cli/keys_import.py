"""`pgp-relay keys import`: correspondents' keys from files, folders, standard input and GnuPG homes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from relay.admin.key_import import File, Intake, Outcome, Refusal, Result, exported, survey
from relay.cli.context import Json, context_of, run
from relay.cli.output import fail, on_terminal, print_json, say
from relay.cli.times import Look, moment
from relay.config import Config
from relay.daemon import resources
from relay.daemon.engines import build_examiner
from relay.model.errors import RelayError
from relay.openpgp import home, signing

_STYLES = {Outcome.REFUSED: "red", Outcome.IMPORTED: "green", Outcome.UPDATED: "green"}


@dataclass(slots=True)
class Report:
    """Tells each result as it comes, and the sum at the end."""

    as_json: bool
    look: Look
    fates: Counter[Outcome] = field(default_factory=Counter)

    def tell(self, result: Result) -> None:
        """One line, or one object."""
        self.fates[result.outcome] += 1
        if self.as_json:
            print_json(_object(result))
        elif result.outcome is not Outcome.UNCHANGED:
            _tell(result, self.look)

    def close(self) -> None:
        """The sum; ends the program with status 1 where something was refused."""
        if not self.as_json:
            counted = ", ".join(f"{self.fates[outcome]} {outcome.value}" for outcome in Outcome)
            say(counted)
        if self.fates[Outcome.REFUSED] or not self.fates.total():
            raise typer.Exit(1)


def import_(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files, folders, or - for standard input.")
    ] = None,
    *,
    gnupg_home: Annotated[Path | None, typer.Option(help="Import the public keys of this GnuPG home.")] = None,
    signing_file: Annotated[
        Path | None, typer.Option("--signing", help="Import a secret key for the relay to sign with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import keys, armored or binary, one or a thousand a file: imported, updated, unchanged, or refused and why.

    Nothing is ever deleted. Status 1 when one of them was refused.

    $ pgp-relay keys import /root/correspondents/
    """
    config = context_of(context).config()
    if not (paths or gnupg_home or signing_file):
        fail("name a file, a folder, - for standard input, --gnupg-home or --signing", status=2)
    if signing_file:
        _tell_secret(run(_import_secret(config, signing_file)), as_json=as_json)
    if paths or gnupg_home:
        report = Report(as_json, Look.of())
        run(import_keys(config, paths or [], gnupg_home, report))
        report.close()


async def import_keys(config: Config, paths: list[str], gnupg_home: Path | None, report: Report) -> None:
    """Import them all, and tell each."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(resources.opened_store(config))
        files: list[File | Refusal] = list(survey(paths))
        if gnupg_home:
            files.append(await stack.enter_async_context(exported(gnupg_home)))
        with _bar() as progress:
            task = progress.add_task("importing", total=None)
            intake = Intake(build_examiner(config), store.certificates)
            async for result in intake.run(
                files, progress=lambda done, total: progress.update(task, completed=done, total=total)
            ):
                report.tell(result)


async def _import_secret(config: Config, file: Path) -> list[str]:
    home.prepare(config.keyring)
    try:
        data = file.read_bytes()  # noqa: ASYNC240  a small file, in a command
    except OSError as error:
        raise RelayError(f"{file}: {error.strerror}") from error
    return await signing.import_secret(config.keyring, data)


def _tell_secret(fingerprints: list[str], *, as_json: bool) -> None:
    for fingerprint in fingerprints:
        if as_json:
            print_json({"signing_key": fingerprint, "result": "imported"})
        else:
            say(f"signing key {fingerprint}: imported; name it under sign.default")


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar, on a terminal alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=on_terminal(),  # over the bar where both are the terminal; else a file would lose it
    ) as progress:
        yield progress


def _tell(result: Result, look: Look) -> None:
    """A line of it."""
    where = f"{result.place}#{result.number}" if result.number > 1 else result.place
    addresses = ", ".join(a.text for a in result.certificate.addresses) if result.certificate else ""
    named = "".join(f" {word}" for word in (look.key(result.fingerprint), addresses) if word)
    told = "; ".join(filter(None, [_verdict(result), *result.warnings]))
    say(f"{where}: ", (result.outcome.value, _STYLES.get(result.outcome, "")), named, f": {told}" if told else "")


def _verdict(result: Result) -> str:
    return f"not usable: {result.reason}" if result.certificate and result.reason else result.reason


def _object(result: Result) -> dict[str, object]:
    return {
        "place": result.place,
        "number": result.number,
        "result": result.outcome.value,
        "fingerprint": result.fingerprint or None,
        "addresses": [a.text for a in result.certificate.addresses] if result.certificate else [],
        "expires": moment(result.certificate.expires) if result.certificate else None,
        "reason": result.reason or None,
        "warnings": list(result.warnings),
    }
