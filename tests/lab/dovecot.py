"""A real Dovecot for a test: LMTP into maildirs, with quotas and Sieve, in a folder of its own. Needs root.

`Dovecot` is a context manager. Each user has a maildir; `quota` bounds one in octets, `sieve` gives it a script. What
Sieve sends goes to the SMTP server at `submission`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.canary import take
from lab.ports import free_port
from lab.waiting import wait_for

OWNER = "games"

_CONFIG = """\
base_dir = {root}/run
log_path = {root}/log
protocols = lmtp
ssl = no
submission_host = 127.0.0.1:{submission}
quota_full_tempfail = no
mail_location = maildir:{root}/mail/%n
first_valid_uid = 1
userdb {{
  driver = passwd-file
  args = username_format=%n {root}/users
}}
passdb {{
  driver = static
  args = nopassword=y
}}
plugin {{
  quota = maildir:User
  sieve = file:{root}/sieve/%n.sieve
}}
protocol lmtp {{
  mail_plugins = quota sieve
  postmaster_address = postmaster@hopital.example
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """`with Dovecot(["dr"], submission=25) as boxes: boxes.take("dr")`."""

    def __init__(
        self,
        users: Sequence[str],
        *,
        submission: int,
        quota: Mapping[str, int] = {},
        sieve: Mapping[str, str] = {},
    ) -> None:
        self.port = free_port()
        self.root = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
        self.root.chmod(0o755)
        owner = pwd.getpwnam(OWNER)
        for name in ("mail", "sieve"):
            (self.root / name).mkdir()
            os.chown(self.root / name, owner.pw_uid, owner.pw_gid)
        rules = {user: f"userdb_quota_rule=*:bytes={octets}" for user, octets in quota.items()}
        lines = [
            f"{user}::{owner.pw_uid}:{owner.pw_gid}::{self.root}/mail/{user}::{rules.get(user, '')}" for user in users
        ]
        (self.root / "users").write_text("\n".join(lines) + "\n")
        for user, script in sieve.items():
            (self.root / "sieve" / f"{user}.sieve").write_text(script)
        self._config = self.root / "dovecot.conf"
        self._config.write_text(_CONFIG.format(root=self.root, submission=submission, port=self.port))

    @property
    def log(self) -> str:
        """What it has logged so far."""
        file = self.root / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        self._run("dovecot", "-c", str(self._config))
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        master = int((self.root / "run/master.pid").read_text())
        self._run("doveadm", "-c", str(self._config), "stop")
        wait_for(lambda: not Path(f"/proc/{master}").exists(), "Dovecot has stopped")
        shutil.rmtree(self.root)

    def take(self, user: str) -> list[bytes]:
        """The mails in this mailbox, which is emptied."""
        box = self.root / "mail" / user
        return take(box) if (box / "new").exists() else []

    def _run(self, *words: str) -> None:
        with (self.root / "output").open("w+") as output:  # a pipe would stay open in the daemon
            done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            output.seek(0)
            assert done.returncode == 0, output.read()
