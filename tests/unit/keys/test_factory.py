"""What of a configuration's sources is read when they are made: the file with a directory's password."""

from pathlib import Path

import pytest
from lab.configs import config

from relay.keys.factory import Sources
from relay.keys.ldap.server import Server
from relay.model.errors import ConfigError
from relay.openpgp.examiner import GnuPGExaminer


class NoProofs:
    async def proved(self, server: str) -> bool:
        raise NotImplementedError(server)

    async def note(self, server: str) -> None:
        raise NotImplementedError(server)


def made(folder: Path, content: bytes) -> Server:
    """The directory's settings, where this stands in the file."""
    (folder / "password").write_bytes(content)
    server = {"url": "ldaps://directory.example", "bind_dn": "cn=relay", "password_file": "password"}
    sources = Sources(config(folder, lookup={"sources": ["ldap"], "ldap": [server]}), GnuPGExaminer, NoProofs())
    assert sources.ldap
    return sources.ldap._directories[0]._server


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"geheim", "geheim"),
        (b"geheim\n", "geheim"),
        (b"geheim\r\n", "geheim"),
        (b"geheim\nof the service account\n", "geheim"),
        (b"geheim\r\nof the service account\r\n", "geheim"),
        (b" mot de passe \n", " mot de passe "),
        ("geheimnisträger\n".encode(), "geheimnisträger"),
        (b"not UTF-8: \xff\n", "not UTF-8: \udcff"),
    ],
)
def test_the_password_is_the_files_first_line(tmp_path: Path, content: bytes, password: str) -> None:
    server = made(tmp_path, content)
    assert (server.bind_dn, server.password) == ("cn=relay", password)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\ngeheim\n"])
def test_a_file_that_begins_with_no_password_is_a_fault(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="the password is not empty") as raised:
        made(tmp_path, content)
    assert "geheim" not in str(raised.value)
