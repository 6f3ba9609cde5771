"""How the certificates of our own addresses are shown: the objects of `--json`, the table of `own list`."""

from __future__ import annotations

from collections.abc import Sequence

from relay.cli.display import Display
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment
from relay.model.own import OwnKey

_STYLES = {"active": "green", "removed": "yellow", "revoked": "red"}
_COLUMNS = (
    Column("address", least=20),
    Column("state", styles=_STYLES),
    Column("expires"),
    Column("listed", rank=2),
    Column("key", rank=1),
)


def tell(keys: Sequence[OwnKey], display: Display) -> None:
    """One array, or one line an address."""
    display.print_all(_COLUMNS, keys, _row, _object, nothing="no address has a certificate")


def _row(key: OwnKey, look: Look) -> Row:
    listed = "yes" if key.listed else "no"
    return key.address.text, key.state.value, look.day(key.expires), listed, look.key(key.fingerprint)


def _object(key: OwnKey) -> dict[str, object]:
    return {
        "address": key.address.text,
        "fingerprint": key.fingerprint,
        "created": moment(key.subkeys[-1].created),
        "expires": moment(key.expires),
        "listed": key.listed,
        "state": key.state.value,
    }
