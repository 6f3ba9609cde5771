"""Makes commands that root runs work as the owner of the keyring folder, so that no file in it becomes root's.

`become_owner` gives up root for good; what root has to open or write for the command (the files named on its command
line, where the owner could not) is opened before, or done by a helper that stays root and can do nothing else
(`stay_root`). Where the caller is not root, or the folder is root's own, nothing changes.

Raises `PrivilegeError`, a sentence.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import relay
from relay.model.errors import RelayError


class Descriptor(int):
    """An open file that is handed over."""


Act = Callable[[], int]
"""Done by root; returns a number or a `Descriptor`. May raise `OSError` and `RelayError`."""

_LARGEST = 1 << 12


class PrivilegeError(RelayError):
    """The command cannot work as the owner of the keyring folder."""


def become_owner(folder: Path) -> bool:
    """Give up root and work as the owner of this folder, or of the nearest one above it that is there; whether it was.

    The owner's groups and home count from then on.
    """
    if os.geteuid() != 0:
        return False
    facts = _nearest(folder)
    if facts.st_uid == 0:
        return False
    _become(facts.st_uid, facts.st_gid)
    if not os.access(Path(relay.__file__), os.R_OK):
        raise PrivilegeError(f"{user_name(facts.st_uid)} cannot read the program in {Path(relay.__file__).parent}")
    return True


def is_owner(folder: Path) -> bool:
    """Whether this process runs as the owner of this folder; if it does not exist, of the nearest one above it."""
    return _nearest(folder).st_uid == os.geteuid()


def user_name(uid: int) -> str:
    """The user's name, or `#1000` where the number has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


@contextmanager
def stay_root(acts: Sequence[Act]) -> Iterator[Callable[[int], int]]:
    """A function that does one of these acts, by its number, as who called this; also after `become_owner`.

    Whoever is not root does them directly. Root leaves them to a helper, a fork of this process that is told numbers
    and does nothing but these acts. Not to be called while threads run.
    """
    if os.geteuid() != 0:
        yield lambda number: acts[number]()
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _help(theirs, acts)
    theirs.close()
    try:
        yield lambda number: _ask(ours, number)
    finally:
        ours.close()
        os.waitpid(pid, 0)


def _nearest(folder: Path) -> os.stat_result:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists()).stat()


def _ask(helper: socket.socket, number: int) -> int:
    helper.sendall(str(number).encode())
    octets, descriptors, _, _ = socket.recv_fds(helper, _LARGEST, 1)
    if descriptors:
        return Descriptor(descriptors[0])
    answer = json.loads(octets) if octets else {"errno": errno.EIO}  # it was killed
    if "errno" in answer:
        raise OSError(answer["errno"], os.strerror(answer["errno"]))
    if "sentence" in answer:
        raise PrivilegeError(answer["sentence"])
    return int(answer["number"])


def _help(channel: socket.socket, acts: Sequence[Act]) -> None:
    """Run acts in the helper until the other end is closed; does not return."""
    with suppress(BaseException):  # the helper ends here, without running any more code of the program
        while asked := channel.recv(_LARGEST):
            result = _done(acts[int(asked)])
            if isinstance(result, Descriptor):
                socket.send_fds(channel, [b"{}"], [result])
                os.close(result)
            else:
                channel.send(json.dumps(result).encode()[:_LARGEST])
    os._exit(0)


def _done(act: Act) -> Descriptor | dict[str, int | str]:
    try:
        result = act()
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    except RelayError as error:
        return {"sentence": str(error)}
    return result if isinstance(result, Descriptor) else {"number": result}


def _become(uid: int, gid: int) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # a number alone, as in containers
        os.setgroups([])
        home = "/"
    else:
        os.initgroups(user.pw_name, user.pw_gid)
        home, gid = user.pw_dir, user.pw_gid
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.environ |= {"HOME": home, "USER": user_name(uid), "LOGNAME": user_name(uid)}
    _forget_closed_folder()


def _forget_closed_folder() -> None:
    """Where root had a folder for temporary files that is closed to others, they go into the machine's."""
    if not os.access(os.environ.get("TMPDIR", "/tmp"), os.W_OK | os.X_OK):  # noqa: S108  asked, nothing is made there
        os.environ.pop("TMPDIR", None)
        tempfile.tempdir = None  # what it found out for root
