"""A real OpenLDAP server for a test: its own folder, a free port on 127.0.0.1, stopped by its pid.

`Slapd` is a context manager; `log` is what the server wrote of each operation (connections, binds, filters).
The schema is GnuPG's key server schema (names and OIDs as GnuPG publishes them, written down anew) and, for
sites of their own, `sitePgpKey`: an auxiliary class with a binary attribute of several values.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.ports import free_port

SUFFIX = "dc=example,dc=com"
ADMIN = f"cn=admin,{SUFFIX}"
PASSWORD = "verysecret"  # noqa: S105 # of a server that lives for one test
KEYSPACE = f"ou=GnuPG Keys,{SUFFIX}"
PEOPLE = f"ou=people,{SUFFIX}"

_TEXT = "1.3.6.1.4.1.1466.115.121.1.15"
_IA5 = "1.3.6.1.4.1.1466.115.121.1.26"
_DN = "1.3.6.1.4.1.1466.115.121.1.12"
_OCTETS = "1.3.6.1.4.1.1466.115.121.1.40"
_PGP = "1.3.6.1.4.1.3401.8.2"
_GNU = "1.3.6.1.4.1.11591.2.4.1"
_EXAMPLE = "1.3.6.1.4.1.32473.1"  # RFC 5612: for documentation
_MATCH = "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch"

_ATTRIBUTES = (
    (f"{_PGP}.8", "pgpBaseKeySpaceDN", f"SYNTAX {_DN} SINGLE-VALUE"),
    (f"{_PGP}.9", "pgpSoftware", f"SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.10", "pgpVersion", f"SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.11", "pgpKey", f"SYNTAX {_IA5} SINGLE-VALUE"),
    (f"{_PGP}.12", "pgpCertID", f"{_MATCH} SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.13", "pgpDisabled", f"EQUALITY caseIgnoreMatch SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.14", "pgpKeyID", f"{_MATCH} SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.15", "pgpKeyType", f"{_MATCH} SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.16", "pgpUserID", f"{_MATCH} SYNTAX {_TEXT}"),
    (f"{_PGP}.17", "pgpKeyCreateTime", f"{_MATCH} ORDERING caseIgnoreOrderingMatch SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.18", "pgpSignerID", f"{_MATCH} SYNTAX {_TEXT}"),
    (f"{_PGP}.19", "pgpRevoked", f"EQUALITY caseIgnoreMatch SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_PGP}.20", "pgpSubKeyID", f"{_MATCH} SYNTAX {_TEXT}"),
    (f"{_PGP}.21", "pgpKeySize", f"{_MATCH} ORDERING caseIgnoreOrderingMatch SYNTAX {_TEXT}"),
    (f"{_PGP}.22", "pgpKeyExpireTime", f"{_MATCH} ORDERING caseIgnoreOrderingMatch SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_GNU}.1", "gpgFingerprint", f"{_MATCH} SYNTAX {_TEXT} SINGLE-VALUE"),
    (f"{_GNU}.2", "gpgSubFingerprint", f"{_MATCH} SYNTAX {_TEXT}"),
    (f"{_GNU}.3", "gpgMailbox", f"{_MATCH} SYNTAX {_TEXT}"),
    (f"{_EXAMPLE}.1", "siteKey", f"SYNTAX {_OCTETS}"),
)
_CLASSES = (
    (
        f"( {_PGP}.23 NAME 'pgpServerInfo' SUP top STRUCTURAL MUST ( cn $ pgpBaseKeySpaceDN )"
        " MAY ( pgpSoftware $ pgpVersion ) )"
    ),
    (
        f"( {_PGP}.24 NAME 'pgpKeyInfo' SUP top STRUCTURAL MUST ( pgpCertID $ pgpKey ) MAY ( pgpDisabled $ pgpKeyID"
        " $ pgpKeyType $ pgpUserID $ pgpKeyCreateTime $ pgpSignerID $ pgpRevoked $ pgpSubKeyID $ pgpKeySize"
        " $ pgpKeyExpireTime $ gpgFingerprint $ gpgSubFingerprint $ gpgMailbox ) )"
    ),
    f"( {_EXAMPLE}.2 NAME 'sitePgpKey' SUP top AUXILIARY MAY ( siteKey ) )",
)
SCHEMA = "\n".join(
    [f"attributetype ( {oid} NAME '{name}' {rest} )" for oid, name, rest in _ATTRIBUTES]
    + [f"objectclass {text}" for text in _CLASSES]
)


class Authority:
    """A certification authority of a test, made with openssl."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path
        self.file = self._new("ca", "/CN=Test authority", "basicConstraints=critical,CA:TRUE")

    def server(self, names: str) -> Path:
        """A server's certificate, its key beside it in `.key`; names as `DNS:localhost,IP:127.0.0.1`."""
        stem = f"server{len(list(self.folder.iterdir()))}"
        return self._new(stem, "/CN=server", f"subjectAltName={names}", signer=self.file)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _new(self, stem: str, subject: str, extension: str, signer: Path | None = None) -> Path:
        certificate, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        sign = ["-CA", str(signer), "-CAkey", str(signer.with_suffix(".key"))] if signer else []
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-subj", subject, "-addext", extension, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run([*command, *sign], check=True, capture_output=True)
        return certificate


class Slapd:
    """`with Slapd() as directory: directory.add(ldif)`."""

    def __init__(
        self,
        *,
        certificate: Path | None = None,
        ldaps: bool = False,
        settings: str = "",
        access: str = "access to * by * read",
        suffix: str = SUFFIX,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path
        self.port = free_port()
        self.suffix = suffix
        self._scheme = "ldaps" if ldaps else "ldap"
        self._process: subprocess.Popen[bytes] | None = None
        self._certificate, self._settings = certificate, settings
        (self.folder / "data").mkdir()
        (self.folder / "pgp.schema").write_text(SCHEMA + "\n")
        self._configure(access)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def writable(self) -> str:
        """The URL by which gpg, as the administrator, sends keys there."""
        bind = f"cn=admin,{self.suffix}".replace("=", "%3D").replace(",", "%2C")
        return f"{self.url}/????bindname={bind},password={PASSWORD}"

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, and return once it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/slapd", "-d", "stats", "-f", str(self.folder / "slapd.conf"), "-h", f"{self.url}/"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(self.log)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(self.log)

    def stop(self) -> None:
        """Stop it; its data stays until the context ends."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def freeze(self) -> None:
        """It accepts connections (the kernel does) and says nothing any more."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self._process.pid}/task")
        while any((task / "stat").read_text().rpartition(")")[2].split()[0] != "T" for task in tasks.iterdir()):
            time.sleep(0.001)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def add(self, ldif: str) -> None:
        """Add entries as the administrator, while it runs or not (slapadd writes the files themselves)."""
        was_running = self._process is not None
        self.stop()
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", str(self.folder / "slapd.conf")],
            input=ldif.encode(),
            check=True,
            capture_output=True,
        )
        if was_running:
            self.start()

    def restrict(self, access: str) -> None:
        """Other access rules from now on."""
        self.stop()
        self._configure(access)
        self.start()

    def modify(self, ldif: str) -> None:
        """Change entries over LDAP, as the administrator."""
        command = ["ldapmodify", "-x", "-H", self.url, "-D", f"cn=admin,{self.suffix}", "-w", PASSWORD]
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True)

    def add_root(self) -> None:
        """The suffix, people, and the key space."""
        name = self.suffix.partition("=")[2].partition(",")[0]
        self.add(
            f"dn: {self.suffix}\nobjectClass: dcObject\nobjectClass: organization\ndc: {name}\no: {name}\n\n"
            f"dn: ou=people,{self.suffix}\nobjectClass: organizationalUnit\nou: people\n\n"
            f"dn: ou=GnuPG Keys,{self.suffix}\nobjectClass: organizationalUnit\nou: GnuPG Keys\n\n"
        )

    def add_server_info(self, version: str = "2 openldap", software: str = "GnuPG") -> None:
        """What makes it a key server: `cn=pgpServerInfo`."""
        self.add(
            f"dn: cn=pgpServerInfo,{self.suffix}\nobjectClass: pgpServerInfo\ncn: pgpServerInfo\n"
            f"pgpBaseKeySpaceDN: ou=GnuPG Keys,{self.suffix}\npgpSoftware: {software}\npgpVersion: {version}\n\n"
        )

    def _configure(self, access: str) -> None:
        certificate, settings = self._certificate, self._settings
        tls = (
            f"TLSCertificateFile {certificate}\nTLSCertificateKeyFile {certificate.with_suffix('.key')}\n"
            if certificate
            else ""
        )
        (self.folder / "slapd.conf").write_text(
            "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "nis", "inetorgperson"))
            + f"include {self.folder}/pgp.schema\n"
            f"pidfile {self.folder}/pid\nargsfile {self.folder}/args\n"
            f"modulepath /usr/lib/ldap\nmoduleload back_mdb\n{tls}{settings}\n{access}\n"
            f'database mdb\nmaxsize 67108864\nsuffix "{self.suffix}"\nrootdn "cn=admin,{self.suffix}"\n'
            f"rootpw {PASSWORD}\ndirectory {self.folder}/data\n"
        )


def person_entry(name: str, mails: list[str], *keys: bytes) -> str:
    """Somebody in a site's own schema, with these keys on the entry."""
    values = "".join(f"siteKey:: {base64.b64encode(key).decode()}\n" for key in keys)
    addresses = "".join(f"mail: {mail}\n" for mail in mails)
    return (
        f"dn: cn={name},{PEOPLE}\nobjectClass: inetOrgPerson\nobjectClass: sitePgpKey\ncn: {name}\nsn: {name}\n"
        f"{addresses}{values}\n"
    )
