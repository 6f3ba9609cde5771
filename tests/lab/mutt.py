"""What mutt shows of a mail: it decrypts, verifies and restores the subject, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_SETTINGS = """
set spoolfile={0}/box folder={0} mailcap_path={0}/mailcap display_filter="tee {0}/pager" index_format="<%s>"
set crypt_use_gpgme=yes crypt_protected_headers_read=yes crypt_verify_sig=yes charset=utf-8
set quit=yes wait_key=no move=no mail_check=0
auto_view text/html
push "<display-message><exit><refresh><quit>"
"""
_CONTROL = re.compile(r"\x1b\][^\a]*\a|\r")
_IN_LIST = re.compile(r"<(.*?)>")


class Shown(NamedTuple):
    """One mail in it."""

    subject: str
    """In the list, once the mail was opened."""
    text: str
    """In the pager: header, remarks on encryption and signatures, subject, content, names of attachments."""

    @property
    def signatures(self) -> list[str]:
        """Whose signatures are good, outermost first."""
        return re.findall(r"^Good signature from: (.*)$", self.text, re.MULTILINE)


def show(mail: bytes, home: Path) -> Shown:
    """The message as mutt shows it with the keys of that GnuPG home."""
    with tempfile.TemporaryDirectory(prefix="pr") as name:
        folder = Path(name)
        for part in ("cur", "new", "tmp"):
            (folder / "box" / part).mkdir(parents=True)
        (folder / "box" / "cur" / "1.one:2,S").write_bytes(mail)
        (folder / "mailcap").write_text("text/html; cat %s; copiousoutput\n")
        (folder / "settings").write_text(_SETTINGS.format(folder))
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": name, "TERM": "xterm"}
        environment |= {"GNUPGHOME": str(home), "COLUMNS": "200", "LINES": "50"}
        screen = _on_a_terminal(["mutt", "-n", "-F", str(folder / "settings")], environment)
        in_list = _IN_LIST.findall(screen)
        return Shown(in_list[-1].strip(), _CONTROL.sub("", (folder / "pager").read_text("utf-8")))


def _on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """All that it writes, until it ends by itself."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as program:
        os.close(theirs)
        written: list[bytes] = []
        reading = threading.Thread(target=_read, args=(ours, written.append))
        reading.start()
        try:
            program.wait(30)
        finally:
            program.kill()
            reading.join()
            os.close(ours)
    return b"".join(written).decode("utf-8", "replace")


def _read(terminal: int, take: Callable[[bytes], None]) -> None:
    with suppress(OSError):  # EIO: the program has ended
        while octets := os.read(terminal, 65536):
            take(octets)
