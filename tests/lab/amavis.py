"""Amavis as a content filter: the real daemon with a configuration of its own, as user amavis, for one test.

It looks into attachments and blocks those whose name ends in `.exe`; what it passes it hands back to `back`, by SMTP.
Without virus scanner and SpamAssassin. `Amavis` is a context manager; needs root and the package amavisd-new.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.ports import free_port
from lab.waiting import wait_for

PROGRAM = "/usr/sbin/amavisd"
BLOCKED = ".exe"
CONFIGURATION = """use strict;
$MYHOME = '{root}';
$mydomain = 'front.example';
$myhostname = 'front.example';
$daemon_user = 'amavis';
$daemon_group = 'amavis';
$TEMPBASE = $QUARANTINEDIR = $db_home = $MYHOME;
$pid_file = "$MYHOME/amavisd.pid";
$lock_file = "$MYHOME/amavisd.lock";
$max_servers = 1;
$enable_db = 0;
$DO_SYSLOG = 0;
$LOGFILE = "$MYHOME/log";
$inet_socket_bind = '127.0.0.1';
$inet_socket_port = {port};
@bypass_virus_checks_maps = (1);
@bypass_spam_checks_maps = (1);
$forward_method = 'smtp:[127.0.0.1]:{back}';
$notify_method = $forward_method;
$banned_filename_re = new_RE(qr'\\.exe$'i);
$final_banned_destiny = D_DISCARD;
$banned_files_quarantine_method = undef;
$banned_admin = undef;
$warnbannedsender = 0;
$enable_dkim_verification = 0;
1;
"""


class Amavis:
    """`with Amavis(back) as amavis:`; `port` takes mail."""

    def __init__(self, back: int) -> None:
        self.port = free_port()
        self.root = Path(tempfile.mkdtemp(prefix="am", dir="/tmp"))
        self.root.chmod(0o755)
        self._home = self.root / "home"
        self._home.mkdir()
        shutil.chown(self._home, "amavis", "amavis")
        self._file = self.root / "amavisd.conf"  # not in its home: it reads none that it could write
        self._file.write_text(CONFIGURATION.format(root=self._home, port=self.port, back=back))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.root.rglob("*log")))

    def __enter__(self) -> Self:
        with (self.root / "start.log").open("wb") as output:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", self._file, "foreground"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_for(lambda: self._listens() or self._ended(), "Amavis listens", 60)
            assert not self._ended(), self.log
        except AssertionError:
            self._remove()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._remove()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _remove(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self.root)
