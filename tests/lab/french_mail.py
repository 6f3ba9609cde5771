"""A French mail as a clinician writes one: accents, HTML with an inline image, a PDF."""

from __future__ import annotations

import struct
import zlib
from email.message import EmailMessage

SUBJECT = "Résultats de l'examen du 24 novembre — à conserver"
TEXT = "Bonjour Madame Lefèvre,\n\nvos résultats sont bons. Çà et là, rien d'inquiétant : à bientôt !\n"
HTML = """<html><body style="font-family: Georgia">
<p>Bonjour Madame Lef&egrave;vre,</p>
<p>vos résultats sont <b style="color: #1a7f37">bons</b>. Çà et là, rien d'inquiétant&nbsp;: à bientôt !</p>
<table border="1"><tr><th>Examen</th><th>Valeur</th></tr><tr><td>Glycémie</td><td>0,92 g/l</td></tr></table>
<p><img src="cid:courbe" alt="courbe"></p>
<p>Dr Éloïse Martin</p>
</body></html>
"""
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"
PDF_NAME = "compte-rendu été 2026.pdf"


def png(width: int = 240, height: int = 60) -> bytes:
    """A picture of two colours."""
    rows = b"".join(
        b"\0" + b"".join(b"\x1f\x5f\xa8" if x * height > y * width else b"\xee\xf1\xf4" for x in range(width))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def french_mail(sender: str, recipient: str, html: str = HTML) -> bytes:
    """The whole mail, CRLF."""
    mail = EmailMessage()
    mail["From"] = f"Dr Éloïse Martin <{sender}>"
    mail["To"] = f"Mme Lefèvre <{recipient}>"
    mail["Subject"] = SUBJECT
    mail["Date"] = "Tue, 24 Nov 2026 10:00:00 +0100"
    mail["Message-ID"] = "<resultats@hopital.example>"
    mail.set_content(TEXT)
    mail.add_alternative(html, subtype="html")
    mail.get_payload()[1].add_related(png(), "image", "png", cid="<courbe>")  # type: ignore[index, union-attr]  # it is multipart
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename=PDF_NAME)
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
