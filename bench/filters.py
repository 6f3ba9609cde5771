"""Programs that encrypt mail, each behind a real Postfix of its own, as its own instructions set it up.

Of other people's programs the folder of a checkout is given; nothing of them is in this project. They get a copy of it,
run as `USER`, and hand mail back by SMTP.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import gnupg
import load
import subjects
from lab.gnupghome import gpg, stop_agent
from lab.ports import free_port
from lab.postfix import Postfix
from lab.processes import Family

from relay.mail import packets

USER = "nobody"
PYTHON = "/usr/bin/python3"
REAPER = Path(__file__).with_name("reaper.py")
IMPORTED = 500
"""Certificates that gpg imports at a time: what it takes grows with the square."""
KEYBOX_HEADER = 32
_PIPE = """{name}    unix  -       n       n       -       -       pipe
  flags=Rq user={user} directory={folder} argv={words}
127.0.0.1:{back} inet  n       -       n       -       10      smtpd
  -o content_filter=
  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""


@dataclass(frozen=True)
class Peer:
    """A program at work behind its Postfix."""

    name: str
    mta: Postfix
    families: tuple[Family, ...]

    def seconds(self) -> float:
        """Of processor time so far."""
        return sum(family.seconds() for family in self.families)


@contextmanager
def postfix(mta: Postfix) -> Iterator[Family]:
    """It runs until the end of the block; all of its processes, and what they leave behind."""
    words = [sys.executable, str(REAPER), "postfix", "-c", str(mta.folder), "start"]
    with (mta.root / "started").open("w") as file:
        reaper = subprocess.Popen(words, stdout=file, stderr=file)
        try:
            load.await_port(mta.port)
            yield Family(reaper.pid)
        finally:
            mta.stop()
            reaper.wait(60)


@contextmanager
def relay(engine: str, stock: Path, sink: int) -> Iterator[Peer]:
    """Ours, as `postfix install` sets it up."""
    with subjects.prepared(free_port(), engine, stock) as (running, _), fresh(sink) as mta:
        running.run("postfix", "install", "--config-dir", mta.folder)
        running.start()
        own = Family(running.pid, running.keyring)
        own.settle()
        with postfix(mta) as family:
            yield Peer(f"pgp-relay, {engine}", mta, (family, own))


@dataclass(frozen=True)
class Program:
    """Somebody else's."""

    name: str
    files: tuple[str, ...]
    """Of the checkout."""
    words: Callable[[Path, int], str]
    """Postfix's pipe(8) calls it with them; given its folder and the port where it hands mail back."""

    def at_work(self, checkout: Path, keys: Path, sink: int) -> AbstractContextManager[Peer]:
        """It knows what is in that GnuPG home."""
        return _at_work(self, checkout, keys, sink)


def _zeyple(folder: Path, back: int) -> str:
    (folder / "zeyple.conf").write_text(
        f"[zeyple]\nlog_file = {folder}/log\nforce_encrypt = 1\n"
        f"[gpg]\nhome = {folder}/keys\n[relay]\nhost = 127.0.0.1\nport = {back}\n"
    )
    return f"{PYTHON} {folder}/zeyple.py ${{recipient}}"


def _gpgmail(folder: Path, back: int) -> str:
    """With python-gnupg beside it. msmtp in place of sendmail(1), which knows one Postfix of a machine alone."""
    shutil.copy(gnupg.__file__, folder)
    (folder / "keys" / "gpg.conf").write_text("trust-model always\n")
    mailer = f"/usr/bin/msmtp --host=127.0.0.1 --port={back} --auth=off --tls=off"
    call = f"/bin/bash {folder}/gpgmail-postfix --encrypt --gnupghome {folder}/keys"
    return (
        f"{call} --path {{{PYTHON} {folder}/gpgmail}} --mailer {{{mailer}}} --recipient ${{recipient}} -f ${{sender}}"
    )


PROGRAMS = {
    "zeyple": Program("Zeyple", ("zeyple/zeyple.py",), _zeyple),
    "gpgmail": Program("gpgmail", ("gpgmail", "gpgmail-postfix"), _gpgmail),
}
"""By their option."""


@contextmanager
def _at_work(program: Program, checkout: Path, keys: Path, sink: int) -> Iterator[Peer]:
    back = free_port()
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name, fresh(sink) as mta:
        folder = Path(name)
        shutil.copytree(keys, folder / "keys")
        for file in program.files:
            copy = shutil.copytree if (checkout / file).is_dir() else shutil.copy
            copy(checkout / file, folder / Path(file).name)
        words = program.words(folder, back)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USER)
        with (mta.folder / "master.cf").open("a") as services, (mta.folder / "main.cf").open("a") as settings:
            services.write(_PIPE.format(name="filter", user=USER, folder=folder, words=words, back=back))
            settings.write("content_filter = filter\n")
        try:
            with postfix(mta) as family:
                yield Peer(program.name, mta, (family,))
        finally:
            stop_agent(folder / "keys")


@contextmanager
def fresh(sink: int) -> Iterator[Postfix]:
    """A Postfix that is not started yet and hands mail on to that port."""
    mta = Postfix(relayhost=sink, main={"message_size_limit": "100000000", "mailbox_size_limit": "0"})
    try:
        yield mta
    finally:
        mta.remove()


@contextmanager
def home(certificates: Path) -> Iterator[Path]:
    """A GnuPG home that knows these certificates: its keybox, put together of parts."""
    each = packets.split_certificates(certificates.read_bytes())
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        keybox = b""
        for start in range(0, len(each), IMPORTED):
            part = _keybox(b"".join(each[start : start + IMPORTED]))
            keybox += part[KEYBOX_HEADER:] if keybox else part
        Path(name, "pubring.kbx").write_bytes(keybox)
        yield Path(name)


def _keybox(certificates: bytes) -> bytes:
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        gpg(Path(name), "--no-auto-check-trustdb", "--no-autostart", "--import", content=certificates)
        return Path(name, "pubring.kbx").read_bytes()
