"""The Debian package's postinst, in a mount namespace in which /etc, /var/lib and /run are copies that are thrown away.

Only root makes such a namespace.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from lab.relay import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
POSTINST = ROOT / "examples" / "debian" / "postinst"
NAMESPACE = """set -e
for folder in etc var usr/lib usr/share root; do
    mkdir -p "$0/$folder/upper" "$0/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$0/$folder/upper,workdir=$0/$folder/work" "/$folder"
done
mount -t tmpfs tmpfs /run
mkdir -p /etc/pgp-relay /usr/lib/pgp-relay /usr/share/pgp-relay
cp "$SAMPLE" /usr/share/pgp-relay/config.yaml
%s
"""
LOOK = (
    "stat -c '%U %G %a' /var/lib/pgp-relay /var/lib/pgp-relay/keyring /etc/pgp-relay/passphrase; "
    "stat -c '%U %G %a' /var/lib/pgp-relay-web; id -nG pgp-relay | grep -ow pgp-relay-web; id -nG pgp-relay-web; "
    "stat -c '%U %G %a' /var/lib/pgp-relay-console; id -nG pgp-relay-console"
)


def run(tmp_path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    tmp_path.chmod(0o755)
    script = NAMESPACE % "\n".join(lines)
    mounted = [
        "unshare",
        "-m",
        "sh",
        "-c",
        f"mount -t tmpfs tmpfs '{tmp_path}' && exec sh -c \"$1\" '{tmp_path}'",
        "sh",
        script,
    ]
    ours = {
        "DEBIAN_FRONTEND": "noninteractive",
        "DPKG_MAINTSCRIPT_PACKAGE": "pgp-relay",
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "SAMPLE": str(ROOT / "config.yaml"),
    }
    return subprocess.run(mounted, capture_output=True, text=True, check=False, timeout=60, env=os.environ | ours)


def configured(tmp_path: Path, *lines: str) -> list[str]:
    done = run(tmp_path, *lines, f"sh {POSTINST} configure", LOOK)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-8:]


OURS = [
    *("pgp-relay pgp-relay 700", "pgp-relay pgp-relay 700", "root root 600", "pgp-relay-web pgp-relay-web 700"),
    *("pgp-relay-web", "pgp-relay-web", "pgp-relay-console pgp-relay-console 700", "pgp-relay-console"),
]
"""The relay is in the public web service's group, and not the other way round."""
USER = "useradd --system --no-create-home --home-dir /var/lib/pgp-relay --shell /usr/sbin/nologin"


def test_it_makes_user_group_and_folders_once(tmp_path: Path) -> None:
    assert configured(tmp_path, f"sh {POSTINST} configure") == OURS


@pytest.mark.parametrize(
    "lines",
    [
        [f"{USER} --no-user-group --gid nogroup pgp-relay"],
        ["groupadd --system pgp-relay"],
        [f"{USER} --user-group pgp-relay"],
    ],
    ids=["user without group", "group without user", "both"],
)
def test_what_is_there_of_it_is_completed(lines: Sequence[str], tmp_path: Path) -> None:
    """Without its group the installation failed."""
    assert configured(tmp_path, *lines) == OURS


@pytest.mark.parametrize(
    "user",
    [
        "useradd --no-create-home --home-dir /var/lib/pgp-relay pgp-relay",
        "useradd --system --no-create-home --home-dir /home/pgp-relay pgp-relay",
        "useradd --non-unique --uid 0 --no-create-home --home-dir /var/lib/pgp-relay pgp-relay",
    ],
    ids=["a person", "another home", "root"],
)
def test_a_user_of_that_name_that_is_another_is_not_taken(user: str, tmp_path: Path) -> None:
    done = run(tmp_path, user, f"sh {POSTINST} configure || echo status $?", "ls /var/lib/pgp-relay || echo none")
    assert done.stdout.splitlines()[-2:] == ["status 1", "none"], done.stderr
    assert "rename it" in done.stderr


def test_a_link_in_the_place_of_the_keyring_gives_no_folder_of_root_s_away(tmp_path: Path) -> None:
    """The user of the relay puts it there between two steps of root's: here from within the second."""
    install = (
        "#!/bin/sh\nhome=/var/lib/pgp-relay\n"
        'case "$*" in *keyring*) rmdir $home/keyring 2>/dev/null; ln -s /root/mine $home/keyring;; esac\n'
        'exec /usr/bin/install "$@"\n'
    )
    (tmp_path.parent / "bin").mkdir(exist_ok=True)
    wrapper = tmp_path.parent / "bin" / "install"
    wrapper.write_text(install)
    wrapper.chmod(0o755)
    done = run(
        tmp_path,
        "mkdir -m 755 /root/mine",
        f"PATH={wrapper.parent}:$PATH sh {POSTINST} configure || true",
        "ln -sfn /root/mine /var/lib/pgp-relay/keyring",
        f"PATH={wrapper.parent}:$PATH sh {POSTINST} configure || true",
        "stat -c '%U %a' /root/mine",
    )
    assert done.stdout.splitlines()[-1] == "root 755", done.stderr


def preseeded(domain: str, *, internet: bool) -> list[str]:
    answers = [f"pgp-relay/domain string {domain}", f"pgp-relay/internet boolean {str(internet).lower()}"]
    return [f"echo 'pgp-relay {answer}' | debconf-set-selections" for answer in answers]


@pytest.mark.parametrize("internet", [True, False])
def test_the_answers_to_debconf_are_written_into_the_first_configuration(tmp_path: Path, internet: bool) -> None:
    script = [*preseeded("clinique.example", internet=internet), f"sh {POSTINST} configure"]
    done = run(tmp_path, *script, "cat /etc/pgp-relay/config.yaml")
    assert 'to: ["*@clinique.example"]' in done.stdout, done.stderr
    assert ("sources: [keyring]\n" in done.stdout) is not internet


def test_a_configuration_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    script = [*preseeded("clinique.example", internet=False), "echo mine >/etc/pgp-relay/config.yaml"]
    done = run(tmp_path, *script, f"sh {POSTINST} configure", "cat /etc/pgp-relay/config.yaml")
    assert done.stdout.splitlines()[-1] == "mine", done.stderr


@pytest.mark.parametrize(("answer", "left"), [("false", "pgp-relay:[127.0.0.1]:10025"), ("true", "")])
def test_a_removal_while_postfix_hands_its_mail_to_the_relay_says_so_or_takes_it_out(
    tmp_path: Path, answer: str, left: str
) -> None:
    done = run(
        tmp_path,
        f"cp {ROOT}/config.yaml /etc/pgp-relay/config.yaml",
        f'cp {POSTINST.parent}/prerm "$0/pgp-relay.prerm"',
        f'cp {POSTINST.parent}/templates "$0/pgp-relay.templates"',
        f"echo 'pgp-relay pgp-relay/disconnect boolean {answer}' | debconf-set-selections",
        "pgp-relay -c /etc/pgp-relay/config.yaml postfix install >/dev/null",
        'sh "$0/pgp-relay.prerm" remove',
        "echo left $(postconf -h content_filter)",
    )
    assert done.stdout.splitlines()[-1:] == [f"left {left}".strip()], (done.returncode, done.stderr)
    assert ("pgp-relay postfix uninstall && postfix reload" in done.stderr) is bool(left)
