"""docs/policies.md: `explain`, asked with each example as its configuration, answers as the table under it says."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from lab.certificates import make_keypair
from lab.correspondent import Correspondent
from lab.gnupghome import stop_agent
from lab.program import program

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policies.md"
SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## Mail that was decrypted here")[0].split("\n## ")[1:]


class Row(NamedTuple):
    """A line of a table."""

    sender: str
    recipient: str
    subject: str
    key: str
    action: str
    rule: str


def examples() -> list[tuple[str, Row]]:
    return [
        (section.split("```yaml\n")[1].split("```")[0], Row(*line.split(" | ")))
        for section in SECTIONS
        for line in re.findall(r"^\| (\S+@.*) \|$", section, re.MULTILINE)
    ]


def people(key: str) -> list[str]:
    return sorted({row.recipient for _, row in examples() if row.key == key})


@pytest.fixture(scope="module")
def keyrings() -> Iterator[Path]:
    """A folder with a keyring for each word of the column `key`; none of them is there before it is used."""
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path: gpg-agent's socket
    try:
        with Correspondent() as person:
            times = {"created": "20200101T000000", "expires": "20210101T000000"}
            expired = person.export(*[person.new_key(f"<{address}>", **times) for address in people("expired")])
        (folder / "expired.pgp").write_bytes(expired)
        (folder / "known.pgp").write_bytes(b"".join(make_keypair(f"<{a}>").public for a in people("known")))
        yield folder
    finally:
        for home in ("known", "none", "expired"):
            if (folder / home).exists():
                stop_agent(folder / home)
        shutil.rmtree(folder)


def configured(keyrings: Path, key: str, configuration: str, capsys: pytest.CaptureFixture[str]) -> Path:
    """The example as it stands, the keyring alone as its source."""
    file = keyrings / "config.yaml"
    ours = yaml.safe_dump({"keyring": key, "lookup": {"sources": ["keyring"]}})
    file.write_text(f"{configuration}\n{ours}", encoding="utf-8")
    keys = keyrings / f"{key}.pgp"
    if keys.exists() and not (keyrings / key).exists():
        done = program(capsys, "-c", file, "keys", "import", keys)
        assert done.status == 0, done.err
    return file


@pytest.mark.parametrize(("configuration", "row"), examples())
def test_explain_answers_as_the_page_says(
    configuration: str, row: Row, keyrings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configured(keyrings, row.key, configuration, capsys)
    mail = tmp_path / "mail"
    mail.write_text(f"Subject: {row.subject}\n\nBonjour.\n", encoding="utf-8")

    words = ("--from", row.sender, "--to", row.recipient, "--message", mail)
    done = program(capsys, "-c", file, "explain", *words, "--json")

    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert (told["action"], told["rule"]) == (row.action, row.rule)
    assert (told["fingerprint"] is not None) == (row.key != "none" and row.action != "clear")


def test_no_example_is_without_a_table() -> None:
    assert all("```yaml" in section and "| known |" in section and "| none |" in section for section in SECTIONS)
    assert len(examples()) > len(SECTIONS) * 3 > 9
    assert people("known")
    assert people("expired")
