"""Certificates written into a directory by GnuPG's schema, version 2, as `gpg --send-keys` writes them.

Each is one entry, named by its key id below the key space that the directory's `pgpServerInfo` tells. It is added, or
changed in one operation, so that nobody finds it missing meanwhile. Raises `OwnError` with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import VERSION_2, KeySpace
from relay.keys.ldap.server import Server
from relay.keys.ldap.session import session
from relay.mail import packets
from relay.mail.armor import enarmor
from relay.mail.certificate_parts import parts
from relay.mail.fingerprints import fingerprint
from relay.model import Address
from relay.model.errors import OpenPgpError, OwnError

SECONDS_A_KEY = 1.0
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Publication:
    """A certificate as the directory is to show it."""

    address: Address
    certificate: bytes
    revoked: bool = False


async def publish(server: Server, wanted: Sequence[Publication], withdrawn: Iterable[str]) -> None:
    """Write all of these, and delete those with the fingerprints `withdrawn`."""
    entries = [_entry(one) for one in wanted]
    gone = list(withdrawn)
    try:
        async with session(server, SECONDS + SECONDS_A_KEY * (len(entries) + len(gone))) as (connection, space):
            base = _base(space)
            for entry in entries:
                await connection.put(_dn(_text(entry, "gpgfingerprint"), base), entry)
            for one in gone:
                await connection.drop(_dn(one, base))
    except Unavailable as error:
        raise OwnError(f"own.ldap: {_REFUSED if error.reason is Reason.REFUSED else error.reason}") from error


_REFUSED = "the directory refuses: may this login write there?"


def _base(space: KeySpace) -> str:
    if space.method != VERSION_2:
        raise Unavailable(Reason.SCHEMA)
    return space.bases[0]


def _dn(name: str, base: str) -> str:
    return f"pgpCertID={name[-16:]},{base}"


def _text(entry: Entry, name: str) -> str:
    return entry[name][0].decode("ascii")


def _entry(one: Publication) -> Entry:
    try:
        (_, primary), *others = parts(one.certificate)
    except (OpenPgpError, ValueError) as error:
        raise OwnError(f"the certificate of {one.address.text} cannot be read") from error
    name = fingerprint(primary)
    subkeys = [fingerprint(body) for tag, body in others if tag == packets.PUBLIC_SUBKEY]
    user_ids = [body.decode("utf-8", "replace") for tag, body in others if tag == packets.USER_ID]
    created = datetime.fromtimestamp(int.from_bytes(primary[1:5], "big"), UTC)
    values: dict[str, Sequence[str]] = {
        "objectclass": ("pgpKeyInfo",),
        "pgpcertid": (name[-16:],),
        "pgpkeyid": (name[-8:],),
        "gpgfingerprint": (name,),
        "gpgsubfingerprint": subkeys,
        "pgpsubkeyid": [one[-16:] for one in subkeys],
        "pgpuserid": user_ids,
        "gpgmailbox": (one.address.text.lower(),),
        "pgpkeycreatetime": (f"{created:%Y%m%d%H%M%SZ}",),
        "pgprevoked": ("1" if one.revoked else "0",),
        "pgpdisabled": ("0",),
        "pgpkey": (enarmor(one.certificate, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n"),),
    }
    return {name: tuple(value.encode() for value in texts) for name, texts in values.items() if texts}
