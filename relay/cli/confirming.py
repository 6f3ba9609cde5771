"""What cannot be undone is done with `--yes` alone."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.output import fail

Yes = Annotated[bool, typer.Option("--yes", help="Confirm: this cannot be undone.")]


def assure(*, yes: bool) -> None:
    """End the program where a revocation is not confirmed."""
    if not yes:
        fail("A revocation cannot be taken back: give --yes", status=2)
