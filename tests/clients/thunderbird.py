"""Opens mail that the relay encrypted in a real Thunderbird and tells what it shows. Not in CI: a window, minutes.

    apt-get install thunderbird xvfb
    PYTHONPATH=tests python tests/clients/thunderbird.py FOLDER

Sends each kind of mail through a relay with each engine, puts what arrives into a mailbox, imports the reader's secret
key and the relay's public one, selects each mail and prints a line: the subject of the list and of the header, the
states of encryption and signature, the text. FOLDER gets a screenshot of each: look at them. Status 1 when one of these
is not what it should be.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.known import Known
from lab.mail_kinds import SENDER, UNSIGNED, Arrived, through_the_relay
from lab.marionette import Marionette
from lab.ports import free_port

BOX = "Relay"
PREFERENCES = {
    "app.update.enabled": False,
    "browser.cache.disk.enable": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "mail.account.account1.server": "server1",
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.localfoldersserver": "server1",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.server.server1.directory-rel": "[ProfD]Mail/Local Folders",
    "mail.server.server1.hostname": "Local Folders",
    "mail.server.server1.name": "Local Folders",
    "mail.server.server1.type": "none",
    "mail.server.server1.userName": "nobody",
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "toolkit.telemetry.enabled": False,
}
IMPORT = """
const { RNP } = ChromeUtils.importESModule("chrome://openpgp/content/modules/RNP.sys.mjs");
const { PgpSqliteDb2 } = ChromeUtils.importESModule("chrome://openpgp/content/modules/sqliteDb.sys.mjs");
const [secret, signers, accepted] = arguments;
await RNP.importSecKeyBlockImpl(window, null, false, secret);
await RNP.importPubkeyBlockAutoAcceptImpl(window, signers, "unverified");
for (const [fingerprint, address] of accepted) {
  await PgpSqliteDb2.updateAcceptance(fingerprint, [address], "verified");
}
"""
OPEN = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const folder = MailServices.accounts.localFoldersServer.rootFolder.getChildNamed(arguments[0]);
const pane = document.getElementById("tabmail").currentAbout3Pane;
pane.displayFolder(folder);
for (let i = 0; i < 100 && !(pane.gDBView && pane.gDBView.rowCount); i++) {
  await new Promise(go => setTimeout(go, 100));
}
pane.gDBView.sort(18, 1);
return pane.gDBView.rowCount;
"""
SHOW = """
const pane = document.getElementById("tabmail").currentAbout3Pane;
pane.threadTree.selectedIndex = arguments[0];
await new Promise(go => setTimeout(go, arguments[1]));
const message = pane.messageBrowser.contentWindow;
const body = message.getMessagePaneBrowser().contentDocument.body;
const view = message.Enigmail.hdrView;
return {
  id: pane.gDBView.getMsgHdrAt(arguments[0]).messageId,
  list: pane.gDBView.cellTextForColumn(arguments[0], "subjectCol"),
  header: message.document.getElementById("expandedsubjectBox").textContent.trim().replace(/^Subject:/, ""),
  encrypted: view.msgEncryptedStateString ?? "",
  signed: view.msgSignedStateString ?? "",
  attachments: message.currentAttachments.map(one => one.name),
  text: body.innerText.trim().slice(0, 60),
};
"""


SHARED = "mismatch"
"""How Thunderbird calls the signature of a key whose user id is not From."""


@contextmanager
def thunderbird(box: list[bytes]) -> Iterator[Marionette]:
    """With these mails in a folder, on a screen of its own."""
    home = Path(tempfile.mkdtemp(prefix="tb", dir="/tmp"))
    folder = home / "profile" / "Mail" / "Local Folders"
    folder.mkdir(parents=True)
    port, display = free_port(), f":{free_port() % 900 + 100}"
    quoted = {
        name: f'"{value}"' if isinstance(value, str) else str(value).lower() for name, value in PREFERENCES.items()
    }
    lines = [f'user_pref("{name}", {value});' for name, value in {**quoted, "marionette.port": port}.items()]
    (home / "profile" / "user.js").write_text("\n".join(lines))
    separated = (
        b"From - Tue Dec  1 00:00:00 2026\r\n" + mail.replace(b"\r\nFrom ", b"\r\n>From ") + b"\r\n" for mail in box
    )
    (folder / BOX).write_bytes(b"".join(separated))
    environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "LANG": "C.UTF-8"}
    screen = subprocess.Popen(["Xvfb", display, "-screen", "0", "1280x900x24"], stderr=subprocess.DEVNULL)
    words = [
        "thunderbird",
        "-profile",
        str(home / "profile"),
        "-marionette",
        "-remote-allow-system-access",
        "-no-remote",
    ]
    program = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        with Marionette(port) as remote:
            time.sleep(5)
            yield remote
    finally:
        for process in (program, screen):
            process.terminate()
            process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _wait(port: int) -> None:
    for _ in range(120):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError("Thunderbird does not answer")


def signed(mail: Arrived) -> str:
    """What Thunderbird should say. A client's own signature stands behind a button.

    It reads “Some parts of this message may be digitally signed”.
    """
    return "" if mail.kind.late or mail.kind.by == UNSIGNED else SHARED


def good(mail: Arrived, shown: Mapping[str, Any]) -> bool:
    """Whether it shows what was sent."""
    told = (shown["list"], shown["header"], shown["encrypted"], shown["signed"])
    kind = mail.kind
    return (
        told == (mail.subject, mail.subject, "ok", signed(mail))
        and kind.text in shown["text"]
        and set(kind.attachments) <= set(shown["attachments"])
    )


def main(folder: str) -> int:
    """Run it."""
    shots = Path(folder)
    shots.mkdir(parents=True, exist_ok=True)
    with Known() as reader, Known(SENDER) as signer:
        sent = [mail for engine in ("gnupg", "sequoia") for mail in through_the_relay(engine, reader, signer)]
        secret = reader.person.gpg("--armor", "--export-secret-keys").decode()
        keys = [key.partition("\n") for key in {mail.signer for mail in sent}]
        public = [armor for _, _, armor in keys] + [signer.person.gpg("--armor", "--export").decode()]
        accepted = [[name, SENDER] for name, _, _ in keys] + [[signer.fingerprints[0], SENDER]]
        with thunderbird([mail.content for mail in sent]) as remote:
            for one in public:
                remote.run(IMPORT, secret, one, accepted)
            assert remote.run(OPEN, BOX) == len(sent)
            remote.run(SHOW, 0, 4000)
            return _compare(remote, {f"{mail.kind.name}-{mail.engine}@x": mail for mail in sent}, shots)


def _compare(remote: Marionette, mails: Mapping[str, Arrived], shots: Path) -> int:
    wrong = 0
    for index in range(len(mails)):
        shown = remote.run(SHOW, index, 2000)
        mail = mails[shown["id"]]
        (shots / f"{index:02} {mail.subject}.png").write_bytes(remote.screenshot())
        wrong += not good(mail, shown)
        print("good " if good(mail, shown) else "WRONG", shown, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
