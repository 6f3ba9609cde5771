"""Opens mail that the relay encrypted in Claws Mail, KMail and Evolution, and keeps a screenshot of each. Not in CI.

    apt-get install xvfb xdotool imagemagick dbus-x11 claws-mail claws-mail-pgpmime kmail evolution
    PYTHONPATH=tests python tests/clients/desktop.py FOLDER [PROGRAM…]

None of them tells a program what it shows: look at the pictures (PROGRAM-KIND-ENGINE.png). Each should show the text,
the name of the attachment, and a signature of the relay; docs/clients.md has what becomes of the subject.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.correspondent import Correspondent
from lab.known import Known
from lab.mail_kinds import SENDER, Arrived, through_the_relay
from lab.ports import free_port

WANTED = {("plain", "gnupg"), ("attachment", "sequoia"), ("client-signed", "gnupg")}
PLUGINS = Path("/usr/lib/x86_64-linux-gnu/claws-mail/plugins")
CLAWS = f"""[Common]
config_version=4
show_welcome=0
work_offline=1

[Plugins_GTK3]
{PLUGINS}/pgpcore.so
{PLUGINS}/pgpmime.so

[GPG]
auto_check_signatures=1
gpg_warning=0
"""
BOX = """<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
  <folder type="mh" name="Box" path="{}"><folderitem type="inbox" name="inbox" path="inbox"/></folder>
</folderlist>
"""
ACCOUNT = """[Account: 1]
account_name=Test
is_default=1
name=Known
address=known@ville.example
protocol=5
inbox=#mh/Box/inbox
"""
EVOLUTION = """[org/gnome/evolution]
last-folder-uri='folder://local/Inbox'
[org/gnome/evolution/mail]
show-startup-wizard=false
prompt-check-if-default-mailer=false
"""

Environment = dict[str, str]
Shown = Callable[[Path, Path, Environment], list[str]]
"""Prepares a home for one mail; the shell's lines that have the program show it."""


def claws_mail(home: Path, mail: Path, _environment: Environment) -> list[str]:
    """A folder of MH's, opened at the mail."""
    (home / ".claws-mail").mkdir()
    (home / "Mail" / "inbox").mkdir(parents=True)
    shutil.copy(mail, home / "Mail" / "inbox" / "1")
    for name, text in {"clawsrc": CLAWS, "folderlist.xml": BOX.format(home / "Mail"), "accountrc": ACCOUNT}.items():
        (home / ".claws-mail" / name).write_text(text)
    return ["claws-mail --alternate-config-dir .claws-mail --select '#mh/Box/inbox/1' & sleep 10"]


def kmail(home: Path, mail: Path, environment: Environment) -> list[str]:
    """A window with the file alone."""
    environment |= {"QTWEBENGINE_DISABLE_SANDBOX": "1"}  # who runs this may be root
    (home / ".config" / "akonadi").mkdir(parents=True)
    (home / ".config" / "kmail2rc").write_text("[Reader]\nAlwaysDecrypt=true\n")
    (home / ".config" / "akonadi" / "akonadiserverrc").write_text("[%General]\nDriver=QSQLITE3\n")
    there = "for each in $(seq 60); do xdotool search --onlyvisible --class kmail && break; sleep 1; done"
    resized = "for each in $(xdotool search --onlyvisible --class kmail); do xdotool windowsize $each 1100 750; done"
    return [f"kmail --view {mail} &", there, "sleep 10", resized, "sleep 3; xdotool mousemove 577 290 click 1; sleep 8"]


def evolution(home: Path, mail: Path, environment: Environment) -> list[str]:
    """Started once for its folders, and again for the mail in the inbox."""
    environment |= {"GSETTINGS_BACKEND": "keyfile"}
    (home / ".config" / "glib-2.0" / "settings").mkdir(parents=True)
    (home / ".config" / "glib-2.0" / "settings" / "keyfile").write_text(EVOLUTION)
    start = "evolution -c mail --offline &"
    clicks = ["xdotool mousemove 73 194 click 1; sleep 3; xdotool key F12; sleep 6; xdotool mousemove 500 262 click 1"]
    resized = "xdotool search --onlyvisible --name Mail windowsize 1200 800 windowmove 0 0; sleep 3"
    stored = f"cp {mail} .local/share/evolution/mail/local/new/1700000000.1_1.h"
    opened = ["sleep 4; xdotool key Return; sleep 25", resized.replace("Mail", "...")]
    return [f"{start} sleep 15; evolution --quit; sleep 5", stored, f"{start} sleep 15", resized, *clicks, *opened]


PROGRAMS: dict[str, Shown] = {"claws-mail": claws_mail, "kmail": kmail, "evolution": evolution}


@contextmanager
def screen() -> Iterator[str]:
    """A display of its own."""
    display = f":{free_port() % 900 + 100}"
    process = subprocess.Popen(["Xvfb", display, "-screen", "0", "1200x800x24"], stderr=subprocess.DEVNULL)
    time.sleep(2)
    try:
        yield display
    finally:
        process.terminate()
        process.wait(30)


def shoot(program: str, mail: Path, keys: Path, picture: Path) -> None:
    """One mail in one program, with the keys of that GnuPG home."""
    with screen() as display, tempfile.TemporaryDirectory(prefix="pr", dir="/tmp", ignore_cleanup_errors=True) as name:
        home = Path(name)
        (home / "run").mkdir(mode=0o700)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DISPLAY": display, "HOME": name}
        environment |= {"GNUPGHOME": str(keys), "XDG_RUNTIME_DIR": str(home / "run")}
        lines = [*PROGRAMS[program](home, mail, environment), f"import -window root '{picture}'"]
        words = ["dbus-run-session", "--", "timeout", "150", "sh", "-c", "\n".join(lines)]
        with subprocess.Popen(words, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            pass  # programs that stay open end with the screen
    print(picture, flush=True)


def main(folder: str, *programs: str) -> None:
    """Run it."""
    pictures = Path(folder).absolute()
    pictures.mkdir(parents=True, exist_ok=True)
    with Known() as reader, Known(SENDER) as signer:
        reader.person.gpg("--import", data=signer.person.export())
        (reader.person.home / "gpg.conf").write_text("trust-model always\n")
        for engine in ("gnupg", "sequoia"):
            for mail in through_the_relay(engine, reader, signer):
                if (mail.kind.name, engine) in WANTED:
                    _each(mail, reader.person, pictures, programs or tuple(PROGRAMS))


def _each(mail: Arrived, reader: Correspondent, pictures: Path, programs: tuple[str, ...]) -> None:
    reader.gpg("--import", data=mail.signer.partition("\n")[2].encode())
    name = f"{mail.kind.name}-{mail.engine}"
    file = reader.home / f"{name}.eml"
    file.write_bytes(mail.content)
    for program in programs:
        shoot(program, file, reader.home, pictures / f"{program}-{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
