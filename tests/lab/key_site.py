"""A site that knows keys: a keyring folder, the store and the sources of a configuration.

They are opened anew for each question, so that what one finds out is known to the next by the store alone.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lab.configs import config
from relay.admin.key_import import File, Intake, Refusal, Result, gnupg_home, survey
from relay.config import Config
from relay.daemon.engines import build_examiner
from relay.daemon.resources import opened_resolver
from relay.daemon.storage import opened_store
from relay.model import Address, Decision
from relay.policy import first_for
from relay.policy.decide import Encrypted, decide

SOURCES = ["keyring"]


class Site:
    """In `folder`; `settings` are laid over a policy of one rule, `encrypt: preferred`."""

    def __init__(self, folder: Path, **settings: Any) -> None:  # noqa: ANN401  whatever YAML holds
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.settings = {"keyring": str(folder / "keyring"), "lookup": {"sources": SOURCES}, **settings}

    @property
    def config(self) -> Config:
        """As the program reads it."""
        return config(self.folder, **self.settings)

    def configure(self, **settings: Any) -> None:  # noqa: ANN401  as above
        """What counts from the next question on."""
        self.settings = {**self.settings, **settings}

    async def imports(self, *blobs: bytes, files: Iterable[File | Refusal] = ()) -> list[Result]:
        """`keys import`: each blob as a file, and these files."""
        current = self.config
        results = []
        async with opened_store(current) as store:
            intake = Intake(build_examiner(current), store.certificates, actor="cli:root")
            for blob in blobs:
                results += [r async for r in intake.run(survey(["-"]), stdin=io.BytesIO(blob))]
            results += [result async for result in intake.run(list(files))]
        return results

    async def decisions(self, addresses: Iterable[str]) -> dict[str, Decision]:
        """What becomes of a mail to each, by the one rule."""
        current = self.config
        rules = current.rules()
        wanted = {text: Address(text) for text in addresses}
        async with opened_resolver(current) as resolver:
            found = await resolver.find_all(dict.fromkeys(wanted.values(), frozenset[str]()))
        return {
            text: decide(first_for(rules, address), Encrypted(), found[address]) for text, address in wanted.items()
        }


@asynccontextmanager
async def exported_within(home: Path) -> AsyncIterator[list[File | Refusal]]:
    """As `relay.admin.key_import.exported`, where a loop runs."""
    with tempfile.TemporaryFile() as by_gpg, tempfile.TemporaryFile() as left_out:
        yield await gnupg_home._exported(home, by_gpg, left_out)


def outcomes(decisions: Mapping[str, Decision]) -> dict[str, str]:
    """In a word each: `Encrypt`, `Refuse`, `Clear`, `Defer`, `Hold`."""
    return {text: type(decision).__name__ for text, decision in decisions.items()}
