"""A self-signed certificate for `localhost` and 127.0.0.1, made by OpenSSL; server and client trust it alone."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    certificate: Path
    key: Path

    def server(self, *, demands_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if demands_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context

    def client(self, *, shows_itself: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        if shows_itself:
            context.load_cert_chain(self.certificate, self.key)
        return context


def make_identity(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Identity:
    identity = Identity(folder / "certificate.pem", folder / "key.pem")
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    made = f"-keyout {identity.key} -out {identity.certificate} -subj /CN=localhost -addext subjectAltName={names}"
    arguments = ["openssl", *kind.split(), *made.split()]
    subprocess.run(arguments, check=True, capture_output=True, timeout=30)
    return identity
