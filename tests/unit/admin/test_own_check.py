"""Whether this machine's DKIM signers cover the Autocrypt field, as far as their files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.admin.own_check import OPENDKIM, RSPAMD, uncovered


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "OversignHeaders From\n",
        "SignHeaders From,Subject\n",
        "# SignHeaders *,+autocrypt\nMode sv\n",
        "SignHeaders *,+autocrypt\nSignHeaders *,-autocrypt\n",
    ],
)
def test_opendkim_leaves_it_out_unless_told(tmp_path: Path, text: str) -> None:
    put(tmp_path, OPENDKIM, text)
    (told,) = uncovered(tmp_path)
    assert "SignHeaders *,+autocrypt" in told


@pytest.mark.parametrize(
    "text", ["SignHeaders *,+autocrypt\n", "  signheaders\tFrom, Autocrypt # x\n", "SignHeaders file:/etc/fields\n"]
)
def test_opendkim_that_has_it_or_has_its_list_elsewhere_is_fine(tmp_path: Path, text: str) -> None:
    put(tmp_path, OPENDKIM, text)
    assert list(uncovered(tmp_path)) == []


@pytest.mark.parametrize("name", RSPAMD)
def test_rspamd_signs_it_by_default_and_is_told_of_where_its_list_leaves_it_out(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, '# sign_headers = "from";\nallow_username_mismatch = true;\n')
    assert list(uncovered(tmp_path)) == []
    put(tmp_path, name, 'sign_headers = "(o)from:(x)autocrypt";\n')
    assert list(uncovered(tmp_path)) == []
    put(tmp_path, name, 'sign_headers = "(o)from:(o)to";\n')
    (told,) = uncovered(tmp_path)
    assert name in told


def test_without_a_signer_nothing_is_said(tmp_path: Path) -> None:
    assert list(uncovered(tmp_path)) == []
