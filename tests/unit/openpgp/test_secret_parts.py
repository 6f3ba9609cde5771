from __future__ import annotations

from pathlib import Path

import pytest

from relay.model.errors import EngineError
from relay.openpgp import secret_parts
from relay.openpgp.secret_parts import Curve

GRIP = "A" * 40
SECRET = bytes(range(32))


def laid(home: Path, octets: bytes) -> Path:
    (home / secret_parts.FOLDER).mkdir()
    secret_parts.path(home, GRIP).write_bytes(octets)
    return home


def test_what_is_written_is_read_and_is_its_owners_alone(tmp_path: Path) -> None:
    secret_parts.write(tmp_path, GRIP, Curve.CURVE25519, b"\x40" + bytes(32), SECRET)
    assert secret_parts.read(tmp_path, GRIP) == SECRET
    assert secret_parts.path(tmp_path, GRIP).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / secret_parts.FOLDER).iterdir()] == [f"{GRIP}.key"]


def test_gpg_agents_canonical_form_with_what_leading_zeros_it_leaves_out(tmp_path: Path) -> None:
    octets = b"(11:private-key(3:ecc(5:curve10:Curve25519)(5:flags9:djb-tweak)(1:q33:" + bytes(33) + b")(1:d31:"
    assert secret_parts.read(laid(tmp_path, octets + SECRET[1:] + b")))"), GRIP) == SECRET


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"(21:protected-private-key(3:ecc(1:d32:" + SECRET + b")))", id="with a passphrase"),
        pytest.param(b"Key: (shadowed-private-key (ecc (d #00#)))", id="on a card"),
        pytest.param(b"Key: (private-key (ecc (d #0#)))", id="half an octet"),
        pytest.param(b"Key: (private-key (rsa (d #" + b"AB" * 99 + b"#)))", id="another algorithm"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_cannot_be_used_is_an_outage(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(EngineError):
        secret_parts.read(laid(tmp_path, octets), GRIP)


def test_what_is_missing_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        secret_parts.read(tmp_path, GRIP)
