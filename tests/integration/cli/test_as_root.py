"""Commands that root runs on a relay of another user: they open what root named, and work as the keyring's owner."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import stop_agent
from lab.relay import PROGRAM

from relay.model.wkd_location import hashed

NOBODY = pwd.getpwnam("nobody")
MARTIN = "dr.martin@hopital.example"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may work as somebody else")


@dataclass(frozen=True)
class Installed:
    """As a package leaves it: a configuration of root's, a keyring of the relay's user, and root's own folder."""

    config: Path
    keyring: Path
    root: Path

    def run(self, *words: str | Path, content: bytes = b"", status: int = 0) -> str:
        """From root's folder, which is closed to the relay's user; what it says."""
        done = subprocess.run(
            [PROGRAM, "-c", self.config, *words],
            input=content,
            capture_output=True,
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.root), "TMPDIR": str(self.root)},
            check=False,
            timeout=60,
        )
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout.decode() + done.stderr.decode()

    def addresses(self) -> list[str]:
        return [address for key in json.loads(self.run("keys", "list", "--json")) for address in key["addresses"]]

    def owners(self) -> set[int]:
        """Of all that lies in the keyring."""
        return {path.lstat().st_uid for path in (self.keyring, *self.keyring.rglob("*"))}


@pytest.fixture
def installed() -> Iterator[Installed]:
    top = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path: gpg-agent's socket
    top.chmod(0o755)
    root, var = top / "root", top / "var"
    for folder in (root, var):
        folder.mkdir(mode=0o700)
    os.chown(var, NOBODY.pw_uid, NOBODY.pw_gid)
    config = top / "config.yaml"
    config.write_text(f"policy: []\nkeyring: {var}/keyring\nlookup: {{sources: [keyring]}}\n")
    yield Installed(config, var / "keyring", root)
    if (var / "keyring").exists():
        stop_agent(var / "keyring")
    shutil.rmtree(top)


def key(address: str) -> Keypair:
    return make_keypair(f"<{address}>")


def test_a_folder_of_roots_could_not_be_read_at_all(installed: Installed) -> None:
    folder = installed.root / "correspondents" / "below"
    folder.mkdir(parents=True, mode=0o700)
    for name in ("a", "b"):
        (folder / f"{name}.asc").write_bytes(key(f"{name}@ville.example").public)
        (folder / f"{name}.asc").chmod(0o600)

    said = installed.run("keys", "import", "correspondents", "nowhere.asc", status=1)

    assert said.count(": imported ") == 2
    assert "nowhere.asc: refused: There is no such file or folder." in said
    assert installed.addresses() == ["a@ville.example", "b@ville.example"]
    assert installed.owners() == {NOBODY.pw_uid}, "the keyring folder was made, and is its owner's"


def test_a_gnupg_home_of_roots_ended_in_a_crash(installed: Installed) -> None:
    home = installed.root / "gnupg"
    home.mkdir(mode=0o700)
    gpg: list[str | Path] = ["gpg", "--homedir", home, "--batch", "--quiet", "--import"]
    subprocess.run(gpg, input=key("c@ville.example").public, check=True, timeout=30)

    said = installed.run("keys", "import", "--gnupg-home", home)
    stop_agent(home)

    assert said.endswith("1 imported, 0 updated, 0 unchanged, 0 refused\n")
    assert installed.addresses() == ["c@ville.example"]
    assert {path.lstat().st_uid for path in home.rglob("*")} == {0}


def test_each_command_opens_what_root_named_and_leaves_nothing_of_roots(installed: Installed) -> None:
    secret, mail, backup = (installed.root / name for name in ("secret.pgp", "mail.eml", "b.tar"))
    secret.write_bytes(key("relais@hopital.example").secret)
    mail.write_bytes(b"From: a\r\nSubject: x\r\n\r\nBonjour\r\n")
    route = ("--from", MARTIN, "--to", "a@ville.example")

    assert "imported" in installed.run("keys", "import", "--signing", secret)
    installed.run("keys", "generate", "Relais", "zwei@hopital.example")
    installed.run("keys", "import", "-", content=key("a@ville.example").public)
    assert json.loads(installed.run("explain", *route, "--message", mail, "--json"))["action"] == "encrypt"
    installed.run("keys", "lookup", "a@ville.example")
    installed.run("backup", backup)
    assert (backup.stat().st_uid, backup.stat().st_mode & 0o777) == (0, 0o600)
    assert "exists already" in installed.run("backup", backup, status=1)
    installed.run("keys", "remove", json.loads(installed.run("keys", "list", "--json"))[0]["fingerprint"])
    installed.run("restore", backup, "--yes")
    assert installed.addresses() == ["a@ville.example"]
    installed.run("trace", "--verify")
    assert installed.owners() == {NOBODY.pw_uid}
    assert sorted(path.name for path in installed.root.iterdir()) == ["b.tar", "mail.eml", "secret.pgp"]


def test_an_incoming_mail_in_a_folder_of_roots_could_not_be_explained(installed: Installed) -> None:
    installed.config.write_text(installed.config.read_text() + "own: {domains: [hopital.example]}\n")
    mail = installed.root / "mail.eml"
    mail.write_bytes(b"From: a@ville.example\r\nSubject: x\r\n\r\nBonjour\r\n")

    told = json.loads(installed.run("explain", "--inbound", "--message", mail, "--to", MARTIN, "--json"))

    assert told["action"] == "pass"


@pytest.mark.parametrize("owner", [0, pwd.getpwnam("games").pw_uid])
def test_a_web_key_directory_in_a_folder_of_another_user_could_not_be_written(installed: Installed, owner: int) -> None:
    installed.config.write_text(installed.config.read_text() + "own: {domains: [hopital.example]}\n")
    installed.run("own", "create", "Hôpital Exemple")
    installed.run("own", "add", MARTIN)
    site = installed.root / "site" if owner == 0 else installed.root.parent / "site"
    site.mkdir()
    os.chown(site, owner, -1)

    assert installed.run("wkd", "export", site / "wkd") == f"1 addresses in {site / 'wkd'}\n"
    written = sorted(path.name for path in (site / "wkd" / "hopital.example").rglob("*"))
    assert written == sorted(["hu", "policy", hashed(b"dr.martin")])
    assert {path.stat().st_uid for path in (site / "wkd").rglob("*")} == {owner}
    assert installed.owners() == {NOBODY.pw_uid}
    check = ("wkd", "export", site / "wkd", "--check", "--json")
    assert [look["address"] for look in json.loads(installed.run(*check, status=1))] == [MARTIN]
    (installed.root / "file").touch()
    assert "cannot be written" in installed.run("wkd", "export", installed.root / "file", status=1)


@pytest.mark.parametrize("whole", [False, True])
def test_root_followed_the_link_that_the_web_servers_user_had_put_into_the_directory(
    installed: Installed, *, whole: bool
) -> None:
    installed.config.write_text(installed.config.read_text() + "own: {domains: [hopital.example]}\n")
    installed.run("own", "create", "Hôpital Exemple")
    installed.run("own", "add", MARTIN)
    site, jobs = installed.root / "wkd", installed.root / "cron.d"
    jobs.mkdir()
    (jobs / "job").touch()
    installed.run("wkd", "export", site)
    if whole:
        os.chown(site / "hopital.example", NOBODY.pw_uid, NOBODY.pw_gid)
    shutil.rmtree(site / "hopital.example" / "hu")
    (site / "hopital.example" / "hu").symlink_to(jobs)

    said = installed.run("wkd", "export", site, status=1)

    place = site / "hopital.example"
    assert (f"{place} is not root's" if whole else f"{place / 'hu'} is a symbolic link") in said
    assert [path.name for path in jobs.iterdir()] == ["job"]


def test_what_the_owner_cannot_read_is_a_fault_of_the_configuration(installed: Installed) -> None:
    passphrase = installed.root / "passphrase"
    passphrase.touch(mode=0o600)
    with installed.config.open("a") as config:
        config.write(f"sign: {{passphrase_file: {passphrase}}}\n")

    said = installed.run("keys", "list", status=2)

    assert said == f"{installed.config}:4: sign.passphrase_file: {passphrase} cannot be read: Permission denied\n"


def test_the_program_names_the_owner_who_cannot_read_it(installed: Installed, tmp_path: Path) -> None:
    import relay  # noqa: PLC0415  where it lies

    copy = installed.root / "site"
    shutil.copytree(Path(relay.__file__).parent, copy / "relay")
    words: list[str | Path] = ["env", f"PYTHONPATH={copy}", PROGRAM.with_name("python"), "-m", "relay"]
    done = subprocess.run([*words, "-c", installed.config, "trace"], capture_output=True, check=False, cwd=tmp_path)
    assert done.stderr.decode() == f"nobody cannot read the program in {copy}/relay\n"
    assert done.returncode == 1
