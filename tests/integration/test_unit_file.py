"""The systemd units we hand out: systemd's own judgement of them, and what has to agree with the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.relay import PROGRAM

from relay.config.sections import Deadlines

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "systemd"
UNIT = FOLDER / "pgp-relay.service"
BACKUP = FOLDER / "pgp-relay-backup.service"
TIMER = FOLDER / "pgp-relay-backup.timer"
WEB = FOLDER / "pgp-relay-web.service"
CONTROL = FOLDER / "pgp-relay-control.service"
CONSOLE = FOLDER / "pgp-relay-console.service"
STRICTER = {"RestrictAddressFamilies", "TasksMax"}
"""Settings of the backup that leave less than those of the relay."""
OTHERS = {"RemoveIPC", "AppArmorProfile"}
"""Settings of the relay that are not for the backup: the first would reach the relay, which has the same user."""
WORST = 20  # tenths of systemd's exposure level


def judged(file: Path) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={WORST}",
        file,
    ]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def verified(folder: Path, *units: Path) -> subprocess.CompletedProcess[str]:
    """As installed: with a program where the units look for it."""
    copies = [folder / unit.name for unit in units]
    for unit, copy in zip(units, copies, strict=True):
        copy.write_text(unit.read_text().replace("/usr/bin/pgp-relay", "/bin/true"))
    words: list[str | Path] = ["systemd-analyze", "verify", "--man=no", *copies]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def settings(unit: Path) -> list[tuple[str, str]]:
    lines = (line.partition("=") for line in unit.read_text().splitlines() if not line.startswith("#"))
    return [(name, value) for name, separator, value in lines if separator]


def values(key: str) -> list[str]:
    return [value for name, value in settings(UNIT) if name == key]


@pytest.mark.parametrize("units", [(UNIT,), (BACKUP, TIMER), (WEB,), (CONTROL, CONSOLE)])
def test_systemd_takes_them_without_a_word(units: tuple[Path, ...], tmp_path: Path) -> None:
    done = verified(tmp_path, *units)

    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_names_a_setting_that_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    wrong = tmp_path / "wrong" / TIMER.name
    wrong.write_text(TIMER.read_text().replace("OnCalendar=*-*-* 03:17", "OnCalendar=at night"))

    assert "at night" in verified(tmp_path, BACKUP, wrong).stderr


def test_the_backup_is_hardened_like_the_relay() -> None:
    """Every setting from UMask on, the same or with less left."""
    relay, backup = settings(UNIT), settings(BACKUP)
    begin = next(place for place, (name, _) in enumerate(relay) if name == "UMask")
    wanted = {(n, v) for n, v in relay[begin:] if n not in STRICTER | OTHERS and v != "multi-user.target"}
    assert len(wanted) > 25
    assert wanted - set(backup) == {("SystemCallFilter", "setpriority")}
    assert {name for name, _ in backup} >= STRICTER | {"RemoveIPC"}


def test_the_public_web_service_is_hardened_like_the_relay_and_cannot_see_what_is_the_relays() -> None:
    """Every setting from UMask on, the same or with less left; its sockets are for its group."""
    relay, web = settings(UNIT), settings(WEB)
    begin = next(place for place, (name, _) in enumerate(relay) if name == "UMask")
    wanted = {(n, v) for n, v in relay[begin:] if n not in {"UMask", "AppArmorProfile", "MemoryMax", "TasksMax"}}
    assert len(wanted) > 25
    assert wanted - set(web) == {("SystemCallFilter", "setpriority")}
    hidden = dict(web)["InaccessiblePaths"].split()
    assert {f"-/var/lib/{dict(relay)['StateDirectory']}", f"-/run/{dict(relay)['RuntimeDirectory']}"} <= set(hidden)
    assert "LoadCredential" not in dict(web)
    assert dict(web)["User"] != dict(relay)["User"]


def test_the_public_web_services_files_are_where_its_unit_may_write() -> None:
    head = WEB.read_text().partition("[Unit]")[0]
    state, runtime = dict(settings(WEB))["StateDirectory"], dict(settings(WEB))["RuntimeDirectory"]
    assert f"public_database: /var/lib/{state}/public.db" in head
    assert f'channel: "unix:/run/{runtime}/channel.sock"' in head


def test_the_console_has_a_user_of_its_own_in_whose_group_the_control_socket_is() -> None:
    control, console = dict(settings(CONTROL)), dict(settings(CONSOLE))
    assert control["User"] == dict(settings(UNIT))["User"]
    assert control["Group"] == console["Group"] == console["User"] == console["StateDirectory"] != control["User"]
    assert control["RuntimeDirectoryMode"] == "0750"
    assert "LoadCredential" not in console


@pytest.mark.parametrize("unit", [UNIT, BACKUP, WEB, CONTROL, CONSOLE], ids=lambda unit: unit.stem)
def test_a_system_call_that_is_filtered_fails_and_kills_no_process(unit: Path) -> None:
    """A process that gives way to mail asks for a lower priority: without this it would be killed (systemd.exec(5))."""
    assert "SystemCallFilter" in dict(settings(unit))
    assert dict(settings(unit))["SystemCallErrorNumber"] == "EPERM"


def test_the_backups_lie_where_the_unit_may_write() -> None:
    given = dict(settings(BACKUP))
    assert given["ExecStart"].split()[-1].removeprefix("/var/lib/") in given["StateDirectory"].split()


@pytest.mark.parametrize("unit", [UNIT, BACKUP, WEB, CONTROL, CONSOLE], ids=lambda unit: unit.stem)
def test_systemd_finds_little_that_is_exposed(unit: Path) -> None:
    done = judged(unit)

    assert done.returncode == 0, done.stdout[-500:]


def test_that_judgement_is_one(tmp_path: Path) -> None:
    bare = tmp_path / UNIT.name
    bare.write_text("[Service]\nExecStart=/bin/true\n")

    assert judged(bare).returncode != 0


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET", "AF_INET6"])
def test_mail_and_gpg_agent_keep_their_sockets(family: str) -> None:
    assert family in values("RestrictAddressFamilies")[0].split()


def test_systemd_waits_longer_than_the_relay_needs_to_stop() -> None:
    assert float(values("TimeoutStopSec")[0]) > Deadlines().stop


def test_the_passphrase_is_where_the_configuration_is_told_to_look() -> None:
    name, _, _file = values("LoadCredential")[0].partition(":")

    assert f"passphrase_file: /run/credentials/{UNIT.name}/{name}" in UNIT.read_text()


def test_a_reload_with_a_broken_configuration_went_well(tmp_path: Path) -> None:
    test, reload = values("ExecReload")
    assert reload == "kill -HUP $MAINPID"
    file = tmp_path / "config.yaml"
    program, *words = [str(file) if word == "/etc/pgp-relay/config.yaml" else word for word in test.split()]
    assert program == "/usr/bin/pgp-relay"
    for text, status, told in (("policy: []\n", 0, ""), ("polcy: []\n", 2, f"{file}:1: ")):
        file.write_text(text)
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr[: len(told)]) == (status, told), "systemctl stops at the first that fails"


@pytest.mark.parametrize("unit", [CONTROL, CONSOLE])
def test_pages_get_what_time_of_the_processors_mail_leaves(unit: Path) -> None:
    assert ("CPUWeight", "idle") in settings(unit)
