"""`pgp-relay postfix …`: Postfix's configuration: show, install, uninstall."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from relay.admin import postfix
from relay.cli.context import Json, context_of
from relay.cli.output import fail, print_json, say
from relay.cli.values import PostfixFolder

Egress = Annotated[bool, typer.Option("--egress", help="Filter mail where it leaves, instead of where it comes in.")]
Inbound = Annotated[bool, typer.Option("--inbound", help="For mail from outside, which the relay decrypts.")]
Mx = Annotated[
    str | None,
    typer.Option("--mx", metavar="SERVICE", help="With --inbound: the service of master.cf that takes this mail."),
]
Behind = Annotated[
    str,
    typer.Option(metavar="SERVICE", help="The smtpd of master.cf that takes mail back from another content filter."),
]


def show(context: typer.Context, *, egress: Egress = False, inbound: Inbound = False) -> None:
    """Print the lines for main.cf and master.cf.

    $ pgp-relay postfix show
    """
    _one_way(egress=egress, inbound=inbound)
    config = context_of(context).config()
    sys.stdout.write(postfix.show_inbound(config) if inbound else postfix.show(config, egress=egress))


def install(  # noqa: PLR0913  each is an option
    context: typer.Context,
    *,
    config_dir: PostfixFolder = None,
    egress: Egress = False,
    inbound: Inbound = False,
    mx: Mx = None,
    behind: Behind = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Add the lines with postconf. It can be run again.

    $ pgp-relay postfix install && postfix reload
    """
    _one_way(egress=egress, inbound=inbound)
    if behind and (egress or inbound):
        fail("--behind is for a content_filter of main.cf: leave --egress and --inbound out", status=2)
    config, folder = context_of(context).config(as_root=True), config_dir or postfix.default_folder()
    if inbound:
        done = postfix.install_inbound(config, folder, named=mx, dry=dry_run)
    else:
        done = postfix.install(config, folder, egress=egress, behind=behind, dry=dry_run)
        if done.changed:
            postfix.refresh_inbound(config, folder)
    if done.diff and not as_json:
        say(done.diff)
    word = "nothing was changed" if done.diff else "installed" if done.changed else "installed already, nothing changed"
    _tell(done, word, as_json=as_json)


def uninstall(*, config_dir: PostfixFolder = None, inbound: Inbound = False, as_json: Json = False) -> None:
    """Remove the lines again.

    Both files are then byte for byte as they were.

    $ pgp-relay postfix uninstall && postfix reload
    """
    folder = config_dir or postfix.default_folder()
    done = postfix.uninstall_inbound(folder) if inbound else postfix.uninstall(folder)
    _tell(done, "uninstalled" if done.changed else "nothing to take out", as_json=as_json)


def _one_way(*, egress: bool, inbound: bool) -> None:
    if egress and inbound:
        fail("--egress is for outgoing mail: install each of the two by itself", status=2)


def _tell(done: postfix.Done, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": done.changed, "notes": done.notes, **({"diff": done.diff} if done.diff else {})})
        return
    say(what)
    for note in done.notes:
        say(note)
