"""OpenDKIM as a milter that signs: the real daemon with a key of its own, for one test. Needs the package opendkim.

`DkimSigner` is a context manager; `verifies` judges a mail by the published half of the key (dkimpy).
"""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.ports import free_port
from lab.waiting import wait_for

PROGRAM = "/usr/sbin/opendkim"
DOMAIN, SELECTOR = "front.example", "lab"


class DkimSigner:
    """`with DkimSigner() as signer:`; `signer.spec` is what `smtpd_milters` takes."""

    def __init__(self) -> None:
        self.port = free_port()
        self._root = Path(tempfile.mkdtemp(prefix="dk", dir="/tmp"))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
        (self._root / "key").write_bytes(private)
        (self._root / "key").chmod(0o600)
        (self._root / "hosts").write_text("127.0.0.0/8\n")
        (self._root / "conf").write_text(
            f"Mode s\nDomain {DOMAIN}\nSelector {SELECTOR}\nKeyFile {self._root}/key\n"
            f"InternalHosts {self._root}/hosts\n"
            "Canonicalization relaxed/simple\nRequireSafeKeys no\nSyslog no\nBackground no\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def spec(self) -> str:
        """`inet:PORT@HOST` for OpenDKIM is `inet:HOST:PORT` for Postfix."""
        return f"inet:127.0.0.1:{self.port}"

    def verifies(self, mail: bytes) -> bool:
        """Its signature holds; False: it has none, or one that does not."""
        return bool(dkim.verify(mail, dnsfunc=lambda _name, timeout=5: self._record))  # noqa: ARG005  as it is called

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [PROGRAM, "-f", "-x", self._root / "conf", "-p", f"inet:{self.port}@127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self._listens() or self._ended(), "OpenDKIM listens")
        assert not self._ended()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._process and not self._ended():
            self._process.kill()  # asked to end, it takes five seconds
            self._process.wait(30)
        shutil.rmtree(self._root)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None
