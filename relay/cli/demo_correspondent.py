"""The mail of the demo, and its recipient: somebody outside the hospital who has only GnuPG."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from relay.model.errors import RelayError
from relay.process.bounded import bounded

DOCTOR = "dr.martin@hopital.example"
COLLEAGUE = "cabinet.lefevre@ville.example"
RELAY = "relais@hopital.example"
SECONDS = 60.0
"""For one call of gpg."""


def letter() -> EmailMessage:
    """What the doctor writes."""
    mail = EmailMessage(policy.SMTP)
    mail["From"] = f"Dr Hélène Martin <{DOCTOR}>"
    mail["To"] = f"Cabinet Lefèvre <{COLLEAGUE}>"
    mail["Subject"] = "Résultats d'analyse de Mme Dupré"
    mail["Date"] = formatdate(localtime=True)  # of now: a late mail is not signed
    mail["Message-ID"] = "<demo@hopital.example>"
    mail.set_content(
        "Cher confrère,\n\nla glycémie à jeun est revenue élevée, voir la pièce jointe.\n\nÀ bientôt,\nHélène Martin\n"
    )
    mail.add_attachment("examen;valeur;unité\nglycémie;1,42;g/l\n", filename="résultats.csv", subtype="csv")
    return mail


def read(mail: bytes) -> str:
    """As a mail client shows it: the fields people look at, the text, the attachments' names."""
    parsed = message_from_bytes(mail, policy=policy.default)
    body = parsed.get_body()
    text = body.get_content() if body else ""
    attachments = ", ".join(part.get_filename() or "" for part in parsed.iter_attachments())
    fields = "\n".join(f"{name}: {parsed[name]}" for name in ("From", "To", "Subject"))
    return f"{fields}\nAttached: {attachments}\n\n{text}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone outside, with gpg."""

    home: Path
    public: Path

    @classmethod
    def make(cls, home: Path) -> Recipient:
        """A new key pair. Raises `RelayError` where there is no gpg."""
        home.mkdir(mode=0o700)
        self = cls(home, home / "lefevre.asc")
        self._gpg("--passphrase", "", "--quick-generate-key", f"Cabinet Lefèvre <{COLLEAGUE}>", "future-default")
        self._gpg("--output", str(self.public), "--armor", "--export", COLLEAGUE)
        return self

    def learn(self, key: str) -> None:
        """Get to know the relay's key, to check its signatures."""
        self._gpg("--import", given=key.encode())

    def decrypt(self, mail: bytes) -> bytes:
        """What is inside, once gpg has found the signature good."""
        begin = mail.index(b"-----BEGIN PGP MESSAGE-----")
        done = self._gpg("--status-fd", "2", "--decrypt", given=mail[begin : mail.index(b"-----END", begin) + 29])
        if b"GOODSIG" not in done.stderr:
            raise RelayError("the signature is not good")
        return done.stdout

    def _gpg(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", "--trust-model", "always"]
        try:
            done = bounded([*command, *arguments], SECONDS, given)
            done.check_returncode()
        except FileNotFoundError as error:
            raise RelayError("gpg is not found: install GnuPG (apt-get install gnupg)") from error
        except subprocess.SubprocessError as error:
            raise RelayError("gpg did not do what the demo needs of it") from error
        return done
