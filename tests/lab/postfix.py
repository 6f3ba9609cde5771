"""A real Postfix for a test: its own folder, queue, log and ports.

`Postfix` is a context manager. It starts from the packaged main.cf and master.cf (no chroot, since nothing is set up
in there); `folder` is there before the start, so that a test can install the relay into it. What arrives goes to
`relayhost` over SMTP, or to an LMTP server where `lmtp` says so. With `resolver` it asks that name server (`lab.dns`),
in a mount namespace of its own. Needs root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.canary import assert_unheard, sent
from lab.ports import free_port
from lab.relay import Relay
from lab.waiting import wait_for

PACKAGED = Path("/usr/share/postfix")
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")

_RELOADED = r"postfix/master\[\d+\]: reload -- version "
_RENEWED = {"smtpd", "smtp", "lmtp"}
_MOMENT = 0.03
"""Seconds in which the file system's clock has moved on."""
_HURRY, _TO_COME = 0.5, 2.0
"""Seconds between two looks for mails with a time to come; how far off that is."""

Options = Sequence[str]


class Postfix:
    """`with Postfix(relayhost=sink.port) as mta: mta.submit(...)`."""

    def __init__(
        self,
        *,
        relayhost: int | None = None,
        lmtp: int | None = None,
        main: Mapping[str, str] = {},
        resolver: str | None = None,
        relays: Sequence[Relay] = (),
    ) -> None:
        self._resolver = resolver
        self.relays = relays
        """Those that its mail goes through: they are asked where a mail does not leave."""
        self._over = threading.Event()
        self._hurrying: threading.Thread | None = None
        self.root = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path
        self.root.chmod(0o755)  # the user postfix works in it
        self.folder = self.root / "conf"
        self.port = free_port()
        self._write(relayhost, lmtp, main)

    @property
    def log(self) -> str:
        """The mail log so far."""
        file = self.root / "maillog"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()
        self.remove()

    def start(self) -> None:
        """Start it; it listens when this returns, because the master binds before it goes into the background."""
        self.command("postfix", "start", within=self._names())
        self._over.clear()
        self._hurrying = threading.Thread(target=self._hurry, daemon=True)
        self._hurrying.start()

    def _hurry(self) -> None:
        """Shorten the minute that Postfix gives a mail whose file it finds locked ("skipped, still being delivered").

        It does where a mail is tried again while the client that put it off has not let go of it: then it goes into
        `incoming` with a time to come, and is looked at when the queue manager wakes or the next mail comes.
        """
        while not self._over.wait(_HURRY):
            for folder, files in self._folders(("incoming",)):
                for file in (Path(folder, name) for name in files):
                    with suppress(FileNotFoundError):
                        if file.stat().st_mtime > time.time() + _TO_COME:
                            os.utime(file)

    def _names(self) -> Sequence[str]:
        """What makes it ask the name server `resolver`: a mount namespace with a resolv.conf of its own."""
        if not self._resolver:
            return ()
        file = self.root / "resolv.conf"
        file.write_text(f"nameserver {self._resolver}\n")
        return ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(file))

    def stop(self) -> None:
        """Stop it as `postfix stop` does, which looks once a second, and wait until none of its processes is left."""
        self._over.set()
        if self._hurrying:
            self._hurrying.join()
        pid = self._master()
        if pid and _group(pid):
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not _group(pid), "Postfix has stopped")

    def remove(self) -> None:
        try:
            assert_unheard(self.log.encode(), "the log of Postfix")
        finally:
            shutil.rmtree(self.root)

    def reload(self) -> None:
        """Take up a changed configuration; no server or client with the old one is left when this returns.

        The command returns before the master knows of it, which then says so: whatever it starts from then on is new.
        """
        old = {pid for pid in _group(self._master()) if _name(pid) in _RENEWED}
        before = len(re.findall(_RELOADED, self.log))
        self.command("postfix", "reload")
        self.wait_log(_RELOADED, times=before + 1)
        wait_for(lambda: not old.intersection(_group(self._master())), "all are of the new configuration")

    def set(self, **settings: str) -> None:
        """Change these in main.cf, for processes that start from now on."""
        self.command("postconf", "-e", *(f"{name}={value}" for name, value in settings.items()))
        self.age()
        self.reload()

    def command(self, *words: str, text: str = "", within: Sequence[str] = ()) -> str:
        """One of Postfix's commands on this instance; what it prints."""
        name, *rest = words
        self.age()
        output = self.root / "output"
        with output.open("w+") as file:  # a pipe would stay open in the daemon
            done = subprocess.run(
                [*within, name, "-c", str(self.folder), *rest],
                check=False,
                input=text,
                text=True,
                stdout=file,
                stderr=file,
            )
            file.seek(0)
            printed = file.read()
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {printed}\n{self.log}")
        return printed

    def submit(
        self,
        sender: str,
        recipients: Sequence[str | tuple[str, Options]],
        content: bytes,
        *,
        options: Options = (),
        port: int | None = None,
    ) -> str:
        """Send through the front; the queue id. Recipients may carry RCPT parameters; DSN's are allowed."""
        sent(content)
        with smtplib.SMTP("127.0.0.1", port or self.port, "client.example", timeout=30) as client:
            client.ehlo()
            _accepted(client.mail(sender, list(options)))
            for recipient in recipients:
                address, parameters = (recipient, ()) if isinstance(recipient, str) else recipient
                _accepted(client.rcpt(address, list(parameters)))
            answer = _accepted(client.data(content))
        return answer.rpartition("queued as ")[2]

    def queue(self) -> list[dict[str, object]]:
        """What waits, as `postqueue -j` tells it."""
        return [json.loads(line) for line in self.command("postqueue", "-j").splitlines()]

    def flush(self) -> None:
        """Try everything deferred again now."""
        self.command("postqueue", "-f")

    def retry(self) -> None:
        """Flush, once all that is there is deferred: the log says `deferred` before the queue manager knows of it.

        Over LMTP it hears of it only after the reply to QUIT, and a flush passes over a mail that is still active.
        """
        self.wait_deferred()
        self.flush()

    def wait_deferred(self) -> None:
        """Wait until no mail is on its way: its client has closed its connection, too."""
        wait_for(lambda: self._has_none(("maildrop", "incoming", "active")), f"all is deferred\n{self.log[-3000:]}")

    def is_empty(self) -> bool:
        """Whether no queue holds a file. A filtered mail is in a queue at every moment until it has left.

        A look takes a while, and passes by a mail that moves from a queue not looked at yet to one that was, as a flush
        or a forward moves it. So nothing may have moved since before the first of two looks.
        """
        before = self._moved()
        if not self._has_none(QUEUES):
            return False
        time.sleep(_MOMENT)  # what moves now has another time
        return self._has_none(QUEUES) and self._moved() == before

    def _has_none(self, queues: Sequence[str]) -> bool:
        return not any(files for _folder, files in self._folders(queues))

    def _moved(self) -> dict[str, int]:
        """When a file last came into each folder or left it."""
        return {folder: Path(folder).stat().st_mtime_ns for folder, _files in self._folders(QUEUES)}

    def _folders(self, queues: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        for name in queues:
            for folder, _folders, files in os.walk(self.root / "queue" / name):
                yield folder, files

    def wait_empty(self, seconds: float = 60) -> None:
        """Wait until everything has been delivered or bounced; fails with why the rest waits."""
        try:
            wait_for(self.is_empty, "the queue is empty", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._why()}") from None

    def _why(self) -> str:
        """What waits, what was said of it here and by the relays, and who works for it now."""
        waiting = self.queue()
        ids = {str(mail["queue_id"]) for mail in waiting}
        told = [line for line in self.log.splitlines() if any(id_ in line for id_ in ids)]
        relays = [f"{relay.port}: {line}" for relay in self.relays for line in relay.said_of(ids)]
        working = [f"{pid} {_name(pid)}" for pid in _group(self._master())]
        return "\n".join([*map(str, waiting), *told[-60:], *relays, f"{working}", self.log[-3000:]])

    def wait_log(self, pattern: str, seconds: float = 60, *, times: int = 1) -> list[str]:
        """Wait until the log has so many matches; all of them (the group, where the pattern has one)."""

        def look() -> list[str] | None:
            found = re.findall(pattern, self.log)
            return found if len(found) >= times else None

        try:
            return wait_for(look, f"{times} of {pattern} in the log", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-3000:]}") from None

    def _write(self, relayhost: int | None, lmtp: int | None, main: Mapping[str, str]) -> None:
        self.folder.mkdir()
        (self.root / "queue").mkdir()
        (self.root / "data").mkdir()
        shutil.chown(self.root / "data", "postfix")
        for name in ("main.cf.debian", "master.cf.dist", "dynamicmaps.cf"):
            target = name.removesuffix(".debian").removesuffix(".dist")
            shutil.copy(PACKAGED / name, self.folder / target)
        lmdb = Path("/etc/postfix/dynamicmaps.cf")
        if lmdb.exists():
            shutil.copy(lmdb, self.folder / "dynamicmaps.cf")
        self._write_services()
        settings = {
            "queue_directory": self.root / "queue",
            "data_directory": self.root / "data",
            "maillog_file": self.root / "maillog",
            "maillog_file_prefixes": self.root,
            "compatibility_level": "3.6",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "myhostname": "front.example",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "notify_classes": "",
            "disable_dns_lookups": "yes",
            "smtp_tls_security_level": "none",
            "smtpd_tls_security_level": "none",
            "smtp_line_length_limit": "0",  # … as it came through, not folded on the last hop
            "lmtp_line_length_limit": "0",
            "smtp_send_xforward_command": "yes",  # so that the sink sees what came through
            "lmtp_send_xforward_command": "yes",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "5s",
            "queue_run_delay": "1h",  # retries come by `flush`, when the test wants them
        }
        if relayhost:
            settings["relayhost"] = f"[127.0.0.1]:{relayhost}"
        if lmtp:
            settings["default_transport"] = f"lmtp:inet:127.0.0.1:{lmtp}"
        words = [f"{name}={value}" for name, value in {**settings, **main}.items()]
        subprocess.run(["postconf", "-c", str(self.folder), "-e", *words], check=True)
        self.age()

    def _master(self) -> int:
        file = self.root / "queue/pid/master.pid"
        return int(file.read_text()) if file.exists() else 0

    def age(self) -> None:
        """Make the files old: Postfix's programs wait for two seconds where one was written just now."""
        for name in ("main.cf", "master.cf"):
            os.utime(self.folder / name, (0, 0))

    def _write_services(self) -> None:
        """The packaged services without chroot, the front on its own port, a queue manager that wakes each second."""
        file = self.folder / "master.cf"
        lines = file.read_text().splitlines()
        unrooted = [re.sub(r"^(\w\S*\s+\S+\s+\S+\s+\S+\s+)[-y](\s)", r"\1n\2", line) for line in lines]
        moved = [re.sub(r"^smtp(\s+inet)", rf"127.0.0.1:{self.port}\1", line) for line in unrooted]
        awake = [re.sub(r"^(qmgr\s+unix\s+n\s+-\s+n\s+)300\s", r"\g<1>1 ", line) for line in moved]
        file.write_text("\n".join(awake) + "\n")


def _accepted(answer: tuple[int, bytes]) -> str:
    code, text = answer
    if code != 250:
        raise AssertionError(f"{code} {text.decode()}")
    return text.decode()


def _group(leader: int) -> list[int]:
    """The living processes of a process group (the master leads that of its instance)."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                members.append(int(entry.name))
    return members


def _name(pid: int) -> str:
    file = Path(f"/proc/{pid}/comm")
    return file.read_text().strip() if file.exists() else ""
