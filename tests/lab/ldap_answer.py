"""What the LDAP source answers of one server, judged by GnuPG."""

from __future__ import annotations

from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Lookup
from relay.openpgp.examiner import GnuPGExaminer


async def answer(server: Server, address: str) -> Lookup:
    source = Ldap([server], GnuPGExaminer())
    try:
        return await source.lookup(Address(address))
    finally:
        await source.close()
