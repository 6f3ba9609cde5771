"""Opens mail that an own address signed, encrypted and in clear, in a real Thunderbird: both signatures are verified.

    apt-get install thunderbird xvfb
    PYTHONPATH=tests python tests/clients/thunderbird_own.py FOLDER

Not in CI: a window. The certificate is accepted as the sender's, as a correspondent does who found it by WKD. FOLDER
gets a screenshot of each mail. Status 1 when a signature is not shown as verified.
"""

from __future__ import annotations

import json
import smtplib
import sys
from email.utils import format_datetime, localtime
from pathlib import Path

from lab.known import KNOWN, UNKNOWN, Known
from lab.relay import Relay
from lab.sink import Sink

from clients.thunderbird import BOX, IMPORT, OPEN, SHOW, thunderbird

MARTIN = "dr.martin@hopital.example"
POLICY = [{"name": "everyone", "encrypt": "preferred", "sign_clear": True}]


def letter(to: str) -> bytes:
    """With all that would break on the way: eight bits, blanks at the ends of lines, a line that begins with From."""
    text = (
        f"From: Dr Martin <{MARTIN}>\r\nTo: {to}\r\nSubject: to {to}\r\nDate: {format_datetime(localtime())}\r\n"
        f"Message-ID: <{to}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nLe résultat est arrivé. \r\nFrom here on\r\n-- \r\nM\r\n"
    )
    return text.encode()


def arrived(engine: str, reader: Known) -> tuple[list[bytes], str, str]:
    """The two mails, the fingerprint of their signer, and its armored certificate."""
    own = {"domains": ["hopital.example"]}
    settings = {"engine": engine, "policy": POLICY, "own": own}
    mails = []
    with Sink() as sink, Relay({**settings, "reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        (made,) = json.loads(relay.run("own", "add", MARTIN, "--json").stdout)
        reader.introduce(relay)
        relay.start()
        for to in (KNOWN, UNKNOWN):
            sink.forget()
            with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
                client.sendmail(MARTIN, [to], letter(to))
            mails.append(sink.wait_for(1)[0].content)
        return mails, made["fingerprint"], relay.run("own", "show", MARTIN).stdout.decode()


def main(folder: str) -> int:
    """Run it."""
    shots = Path(folder)
    shots.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with Known() as reader:
        secret = reader.person.gpg("--armor", "--export-secret-keys").decode()
        for engine in ("gnupg", "sequoia"):
            mails, fingerprint, certificate = arrived(engine, reader)
            with thunderbird(mails) as remote:
                remote.run(IMPORT, secret, certificate, [[fingerprint, MARTIN]])
                assert remote.run(OPEN, BOX) == len(mails)
                remote.run(SHOW, 0, 4000)
                for index in range(len(mails)):
                    shown = remote.run(SHOW, index, 3000)
                    (shots / f"{engine} {index}.png").write_bytes(remote.screenshot())
                    wrong += shown["signed"] != "verified"
                    print(engine, shown, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
