"""Real postconf on real configuration folders: put in, the same twice, taken out byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.configs import config
from lab.postfix import PACKAGED

from relay.admin import postfix
from relay.config import Config
from relay.model.errors import PostfixError

FILES = ("main.cf", "master.cf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "postfix"
    made.mkdir()
    shutil.copy(PACKAGED / "main.cf.debian", made / "main.cf")
    shutil.copy(PACKAGED / "master.cf.dist", made / "master.cf")
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config(tmp_path)


def state(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Every file of the folder: its octets, mode and owner."""
    found = {path.name: (path.read_bytes(), path.stat()) for path in folder.iterdir()}
    return {name: (octets, stat.st_mode, stat.st_uid, stat.st_gid) for name, (octets, stat) in found.items()}


def value(folder: Path, *words: str) -> str:
    for name in FILES:
        os.utime(folder / name, (0, 0))  # postconf waits for two seconds where a file is younger than that
    return subprocess.run(
        ["postconf", "-c", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(text)

    return change


def cut_newlines(folder: Path) -> None:
    for name in FILES:
        (folder / name).write_bytes((folder / name).read_bytes().rstrip(b"\n"))


def carriage_returns(folder: Path) -> None:
    (folder / "main.cf").write_bytes((folder / "main.cf").read_bytes().replace(b"\n", b"\r\n"))


def private(folder: Path) -> None:
    (folder / "main.cf").chmod(0o600)
    os.chown(folder / "main.cf", -1, 1 if os.geteuid() == 0 else max([os.getgid(), *os.getgroups()]))


ODD: dict[str, Callable[[Path], None]] = {
    "as packaged": lambda _folder: None,
    "no newline at the end": cut_newlines,
    "CRLF": carriage_returns,
    "readable by its owner alone": private,
    "several lines for one setting": append("main.cf", "mynetworks =\n    127.0.0.0/8\n# the lab\n\n    10.0.0.0/8\n"),
    "a comment at the end": append("main.cf", "# content_filter = scan:[127.0.0.1]:10024\n\n\n"),
    "a service at the end": append("master.cf", "policy unix - n n - 0 spawn\n  user=nobody\n  argv=/bin/true\n"),
    "aliases mapped already": append("main.cf", "receive_override_options = no_address_mappings\n"),
    "Latin-1": lambda folder: (folder / "main.cf").write_bytes((folder / "main.cf").read_bytes() + b"# \xe9t\xe9\n"),
}


@pytest.mark.parametrize("egress", [False, True])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_uninstall_leaves_every_byte_mode_and_owner_as_it_was(
    folder: Path, settings: Config, odd: Callable[[Path], None], *, egress: bool
) -> None:
    odd(folder)
    before = state(folder)

    assert postfix.install(settings, folder, egress=egress).changed
    once = state(folder)
    assert not postfix.install(settings, folder, egress=egress).changed
    assert state(folder) == once
    assert {name: rest for name, (_, *rest) in once.items()} == {name: rest for name, (_, *rest) in before.items()}

    assert postfix.uninstall(folder).changed
    assert state(folder) == before
    assert not postfix.uninstall(folder).changed


def test_what_is_in_force_is_what_show_prints(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)

    shown = postfix.show(settings)
    assert f"content_filter = {value(folder, '-h', 'content_filter')}" in shown
    assert value(folder, "-h", "receive_override_options") == "no_address_mappings"
    scratch = folder.parent / "by-hand"
    shutil.copytree(folder, scratch)
    postfix.uninstall(scratch)
    main, _, master = shown.partition("# master.cf\n")
    append("main.cf", main)(scratch)
    append("master.cf", master)(scratch)
    for words in ("-n", "-Mf", "-P"):
        assert value(scratch, words).replace(str(scratch), "") == value(folder, words).replace(str(folder), "")


def test_a_changed_configuration_replaces_what_was_put_in(folder: Path, settings: Config) -> None:
    before = state(folder)
    postfix.install(settings, folder)

    moved = config(folder.parent, listen=["smtp://127.0.0.1:2025"], reinject="smtp://127.0.0.1:2026")
    assert postfix.install(moved, folder).changed

    assert value(folder, "-h", "content_filter") == "pgp-relay:[127.0.0.1]:2025"
    assert "10026" not in value(folder, "-M")
    assert postfix.install(moved, folder, egress=True).changed
    assert not value(folder, "-h", "content_filter")
    postfix.uninstall(folder)
    assert state(folder) == before


def test_what_the_administrator_writes_after_the_install_stays(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)
    value(folder, "-e", "message_size_limit=20000000", "mydestination=a.example")
    value(folder, "-M", "late/unix=late unix - - n - - smtp -o smtp_bind_address=127.0.0.1")
    value(folder, "-P", "smtp/inet/smtpd_tls_security_level=may")

    postfix.uninstall(folder)

    assert value(folder, "-h", "message_size_limit", "mydestination") == "20000000\na.example"
    assert value(folder, "-P", "late/unix/smtp_bind_address", "smtp/inet/smtpd_tls_security_level")
    assert b"pgp-relay" not in b"".join((folder / name).read_bytes() for name in FILES)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("main.cf", "content_filter = scan:[127.0.0.1]:10024\n", "scan:"),
        ("main.cf", "content_filter =\n", "content_filter"),
        ("main.cf", "receive_override_options = no_milters\n", "add no_address_mappings"),
        ("master.cf", "127.0.0.1:10026 inet n - n - - smtpd\n", "127.0.0.1:10026"),
        ("master.cf", "localhost:10026 inet n - n - - smtpd\n", "127.0.0.1:10026"),
        ("master.cf", "10025 inet n - n - - smtpd\n", "10025"),
        ("master.cf", "pgp-relay unix - - n - - smtp\n", "pgp-relay"),
    ],
)
def test_what_the_administrator_has_set_is_not_overwritten(
    folder: Path, settings: Config, name: str, text: str, words: str
) -> None:
    append(name, text)(folder)
    before = state(folder)

    with pytest.raises(PostfixError, match=words):
        postfix.install(settings, folder)

    assert state(folder) == before


@pytest.mark.parametrize(("own", "told"), [("1", False), ("20000", True)])
def test_an_own_size_of_bounces_stays_and_it_is_told_what_it_means(
    folder: Path, settings: Config, own: str, told: bool
) -> None:
    append("main.cf", f"bounce_size_limit = {own}\n")(folder)
    before = state(folder)

    done = postfix.install(settings, folder)

    assert value(folder, "-h", "bounce_size_limit") == own
    assert any("bounce_size_limit" in note for note in done.notes) is told
    assert not postfix.install(settings, folder).changed
    postfix.uninstall(folder)
    assert state(folder) == before


def test_a_bounce_returns_no_body_where_the_administrator_said_nothing(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)
    assert value(folder, "-h", "bounce_size_limit") == "1"


def test_lines_put_in_by_hand_are_left_for_the_hand_that_put_them_there(folder: Path) -> None:
    append("main.cf", "content_filter = pgp-relay:[127.0.0.1]:10025\n")(folder)

    with pytest.raises(PostfixError, match="take it out"):
        postfix.uninstall(folder)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("master.cf", "587 inet n - n - - smtpd -o content_filter=other:\n", "587/inet"),
        ("main.cf", "smtpd_milters = inet:127.0.0.1:8891\n", "DKIM"),
        ("main.cf", "transport_maps = hash:/etc/postfix/transport\n", "transport_maps"),
    ],
)
def test_what_leads_mail_past_the_relay_is_told(
    folder: Path, settings: Config, name: str, text: str, words: str
) -> None:
    append(name, text)(folder)

    assert words in " ".join(postfix.install(settings, folder, egress=words == "transport_maps").notes)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", False),
        ("compatibility_level = 3.6\n", False),
        ("compatibility_level = 3.6\nrelay_domains = ${{$compatibility_level} <level {2} ? {x.example} : {}}\n", False),
        ("relay_domains = branch.example\n", True),
    ],
)
def test_relay_domains_was_told_as_set_where_it_was_not(
    folder: Path, settings: Config, line: str, *, told: bool
) -> None:
    (folder / "main.cf").write_text(line)

    assert ("relay_domains" in " ".join(postfix.install(settings, folder, egress=True).notes)) is told


def test_a_symbolic_link_stays_one(folder: Path, settings: Config) -> None:
    (folder / "main.cf").rename(folder / "site.cf")
    (folder / "main.cf").symlink_to("site.cf")
    before = state(folder)

    postfix.install(settings, folder)
    assert (folder / "main.cf").is_symlink()
    postfix.uninstall(folder)

    assert state(folder) == before
    assert (folder / "main.cf").is_symlink()


def test_a_folder_that_is_none_of_postfix_is_named(tmp_path: Path, settings: Config) -> None:
    with pytest.raises(PostfixError, match=r"main\.cf"):
        postfix.install(settings, tmp_path / "nowhere")
