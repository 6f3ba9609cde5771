"""Mails whose keys count: our MX has verified the signature of the author's domain, and says so."""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from email.utils import formatdate

from lab.hospital import MX

HOUR = 3600.0


def received(author: str, rest: bytes, hours: float) -> bytes:
    """A mail from this address that comes from the MX now, with a Date so many hours away; `rest` has what follows."""
    domain, value = author.partition("@")[2], b64encode(secrets.token_bytes(32)).decode()
    lines = (
        f"Authentication-Results: {MX}; dkim=pass header.d={domain} header.s=s header.b={value[:8]}",
        f"Received: from out.example by {MX} (Postfix) with ESMTPS id 4X; {formatdate()}",
        f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=s; h=from:date:autocrypt; bh=x=; b={value}",
        f"From: <{author}>",
        f"Date: {formatdate(time.time() + hours * HOUR)}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + rest
