"""The GnuPG home, which is the keyring folder: our own secret keys, and the store beside them.

`prepare` makes sure that the folder belongs to this user and that nobody else can read it (0700), or raises
`EngineError` with a sentence for the administrator. It changes the mode of a folder only while that holds nothing
secret (`keyring/` of a fresh clone): a secret that others could read is an incident, and must not be hidden.

`reachable` gives the folder a short name where its own is too long for gpg-agent, whose socket lies in it
(sun_path of unix(7): 107 octets): a symbolic link in a private temporary folder, kept while we run. The
socket itself stays in the home, so several processes still share one agent.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shlex
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from relay.model.errors import EngineError

LONGEST_SOCKET = 107
Stamp = tuple[tuple[int, int, int], ...]
OPTIONS = Path(__file__).with_name("gpg.conf")

_LONGEST_SOCKET_NAME = "S.gpg-agent.browser"
_LINK = "home"
_links: dict[Path, Path] = {}
_KEYRINGS = ("pubring.kbx", "pubring.gpg")
_HARMLESS = frozenset({"README.md", "gpg.conf", "gpg-agent.conf", ".gitignore", ".gitkeep"})
_AGENT_OPTIONS = """# Out of secure memory the agent would answer that a secret key is not there.
auto-expand-secmem
"""


def prepare(path: Path) -> None:
    """Make sure that the folder exists, belongs to this user, and that nobody else can read it."""
    try:
        if not path.exists():
            path.mkdir(mode=0o700, parents=True)
        _check(path)
        if not (path / "gpg.conf").exists():
            shutil.copyfile(OPTIONS, path / "gpg.conf")
        if not (path / "gpg-agent.conf").exists():
            (path / "gpg-agent.conf").write_text(_AGENT_OPTIONS, "ascii")
    except OSError as error:
        raise EngineError(f"the keyring folder {path} cannot be used: {error.strerror}") from error


def is_private(path: Path) -> bool:
    """Whether it is a folder of this user's that nobody else can look into."""
    try:
        facts = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077


def reachable(path: Path) -> Path:
    """The same folder under a name that leaves room for the agent's sockets."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  a symbolic link of the administrator's stays one
    if _fits(absolute):
        return absolute
    link = _links.get(absolute)
    if link is None or not _is_ours(link, absolute):
        link = _links[absolute] = _link(absolute)
    return link


def keyring_stamp(path: Path) -> Stamp:
    """A value that changes when the keyring file is replaced or written; empty if there is none."""
    found = []
    for name in _KEYRINGS:
        with suppress(OSError):
            facts = (path / name).stat()
            found.append((facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(found)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET


def _is_ours(link: Path, target: Path) -> bool:
    """Whatever clears old files out of /tmp may have removed it, and a stranger put another in its place."""
    try:
        return link.parent.lstat().st_uid == os.geteuid() and link.readlink() == target
    except OSError:
        return False


def private_folder() -> Path:
    """A new folder for us alone, with a path short enough for an agent: in /tmp where TMPDIR's is too long."""
    for place in (None, "/tmp"):  # noqa: S108  mkdtemp makes a folder of its own in it
        try:
            folder = Path(tempfile.mkdtemp(prefix="pgp-relay-", dir=place))
        except OSError as error:
            raise EngineError("no temporary folder can be made for gpg") from error
        if _fits(folder / _LINK):
            return folder
        folder.rmdir()
    raise EngineError("no temporary folder has a path short enough for gpg-agent")


def _link(target: Path) -> Path:
    private = private_folder()
    atexit.register(_remove, private, os.getpid())
    link = private / _LINK
    link.symlink_to(target, target_is_directory=True)
    return link


def _check(path: Path) -> None:
    facts = path.stat()
    if not stat.S_ISDIR(facts.st_mode):
        raise EngineError(f"{path} is not a folder")
    if facts.st_uid != os.geteuid():
        raise EngineError(_of_another(path, facts.st_uid))
    if not facts.st_mode & 0o077:
        return
    if any(entry.name not in _HARMLESS for entry in path.iterdir()):
        raise EngineError(f"others can look into the keyring folder {path}, and it is not empty: chmod 700 it")
    path.chmod(0o700)


def _of_another(path: Path, uid: int) -> str:
    me = _name(os.geteuid())
    by_hand = "" if me == "root" else "run a command by hand as root, or "
    return (
        f"the keyring folder {path} belongs to {_name(uid)}, and this runs as {me}: "
        f"{by_hand}give the folder to {me}: chown -R {me} {shlex.quote(str(path))}"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _remove(private: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a child that was forked later
        shutil.rmtree(private, ignore_errors=True)
