"""`${file:PATH}` in the configuration is the content of that file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.config import effective, loader
from relay.model.errors import ConfigError

MINIMAL = 'keyring: .\nlisten: ["lmtp://127.0.0.1:10025"]\nreinject: "smtp://127.0.0.1:10026"\n'
POLICY = "policy: [{name: everyone, encrypt: required}]\n"


def written(folder: Path, more: str, **files: str | bytes) -> Path:
    folder.chmod(0o700)
    for name, content in files.items():
        file = folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(0o640)
    config = folder / "config.yaml"
    config.write_text(f"{MINIMAL}{more}\n{POLICY}")
    return config


def fault(config: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        loader.load(config)
    (one,) = raised.value.faults
    assert one.line == 4
    return one.message


@pytest.mark.parametrize("content", ["s3cret", "s3cret\n", "s3cret\r\n"])
def test_a_text_may_have_it_anywhere(tmp_path: Path, content: str) -> None:
    url = 'database: "postgresql://relay:${file:word}@db.example/pgp_relay"'
    config = written(tmp_path, url, word=content)
    assert loader.load(config).database == "postgresql://relay:s3cret@db.example/pgp_relay"


def test_it_may_be_absolute_and_an_item_of_a_list(tmp_path: Path) -> None:
    config = written(tmp_path, f'own: {{domains: ["${{file:{tmp_path}/domain}}", b.example]}}', domain="a.example\n")
    assert [*loader.load(config).own.domains] == ["a.example", "b.example"]


def test_what_the_file_holds_is_not_looked_at_again(tmp_path: Path) -> None:
    config = written(tmp_path, "hostname: ${file:name}", name="${file:other}", other="mx.example")
    assert "mx.example" not in fault(config)


def test_what_is_shown_is_the_reference(tmp_path: Path) -> None:
    config = written(tmp_path, 'database: "postgresql://relay@db/x${file:word}"', word="s3cret")
    assert "s3cret" not in str(effective.whole(config))
    assert "${file:word}" in str(effective.whole(config))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "which is not one line of text"),
        (b"a\nb\n", "which is not one line of text"),
        (b"\xff", "which is not one line of text"),
        (b"x" * 8193, "which has more than 8192 octets"),
    ],
)
def test_what_is_no_value_is_a_fault_with_its_line_and_without_the_content(
    tmp_path: Path, content: bytes, said: str
) -> None:
    message = fault(written(tmp_path, "hostname: ${file:name}", name=content))
    assert message == f"hostname: names the file {tmp_path}/name, {said}"


def test_a_file_that_is_not_there_or_no_file_or_open_to_others_is_a_fault(tmp_path: Path) -> None:
    config = written(tmp_path, "hostname: ${file:name}")
    assert fault(config).endswith("which cannot be read: No such file or directory")
    os.mkfifo(tmp_path / "name")
    assert fault(config).endswith("which is no file")
    (tmp_path / "name").unlink()
    (tmp_path / "name").mkdir()
    assert fault(config).endswith("which is no file")
    (tmp_path / "name").rmdir()
    (tmp_path / "name").write_text("mx.example")
    (tmp_path / "name").chmod(0o644)
    assert fault(config).endswith("which can be read by others: chmod 600 it")


def test_a_reference_that_is_not_closed_is_a_fault(tmp_path: Path) -> None:
    assert fault(written(tmp_path, 'hostname: "${file:name"')) == ("hostname: has a ${file: without a } behind it")


def test_a_process_that_strangers_reach_reads_none_of_the_relays(tmp_path: Path) -> None:
    more = 'database: "postgresql://relay:${file:word}@db/x"\nweb: {public: "127.0.0.1:${file:port}"}'
    config = written(tmp_path, more, word="s3cret", port="8080")
    (tmp_path / "word").chmod(0)
    found = loader.load_public(config)
    assert str(found.web.public) == "127.0.0.1:8080"
    assert "s3cret" not in str(found.database)
