"""Real DKIM: mails are signed by dkimpy, and verified by OpenDKIM as a milter, which finds the keys in a name server.

`with Dkim("ville.example", authserv_id=MX) as dkim: dkim.signed(mail, "ville.example")`; `dkim.spec` is what
`smtpd_milters` takes, and `dkim.results(mail)` what a Postfix would get of it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab import milter_client
from lab.dns import NameServer
from lab.ports import free_port
from lab.waiting import wait_for

SELECTOR = "s1"
COVERED = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "autocrypt")
_CONFIG = """Mode v
Socket inet:{port}@127.0.0.1
AuthservID {authserv_id}
ResolverConfiguration {folder}/unbound.conf
PidFile {folder}/pid
Background no
UserID root
On-Default accept
AlwaysAddARHeader yes
SyslogName opendkim-lab
"""
_UNBOUND = """server:
  do-not-query-localhost: no
  use-syslog: no
forward-zone:
  name: "."
  forward-addr: {address}
"""


class Dkim:
    """Domains that sign, and the MX's milter that verifies."""

    def __init__(self, *domains: str, authserv_id: str) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        record = f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
        self._names = NameServer({f"{SELECTOR}._domainkey.{domain}": record for domain in domains})
        self._authserv_id = authserv_id
        self.port = free_port()

    @property
    def spec(self) -> str:
        """As `smtpd_milters` takes it."""
        return f"inet:127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._names.__enter__()
        self._folder = Path(mkdtemp(prefix="dk", dir="/tmp"))
        values = {"port": self.port, "authserv_id": self._authserv_id, "folder": self._folder}
        (self._folder / "unbound.conf").write_text(_UNBOUND.format(address=self._names.address))
        config = self._folder / "opendkim.conf"
        config.write_text(_CONFIG.format(**values))
        self._process = subprocess.Popen(["/usr/sbin/opendkim", "-f", "-x", str(config)])
        wait_for(lambda: _listens(self.port), "opendkim")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # asked to end, it takes five seconds
        self._process.wait(10)
        self._names.__exit__(kind, error, trace)
        shutil.rmtree(self._folder)

    def results(self, mail: bytes, sender: str = "bob@ville.example") -> bytes:
        """What the milter puts in front of this mail at the MX."""
        return milter_client.inserted(self.port, mail, sender, ["dr@hopital.example"], self._authserv_id)

    def signed(
        self,
        mail: bytes,
        domain: str,
        *,
        covered: Sequence[str] = COVERED,
        length: bool = False,
        identity: str | None = None,
    ) -> bytes:
        """The mail with a DKIM-Signature of this domain over these fields; `length`: with `l=`."""
        secret = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        there = [name.encode() for name in covered if f"\n{name}:" in f"\n{mail.decode('latin-1').lower()}"]
        field: bytes = dkim.sign(
            mail,
            SELECTOR.encode(),
            domain.encode(),
            secret,
            identity=None if identity is None else identity.encode(),
            include_headers=there,
            length=length,
            canonicalize=(b"relaxed", b"relaxed"),
        )
        return field + mail


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
