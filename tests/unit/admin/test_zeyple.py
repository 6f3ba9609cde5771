"""What becomes of each rule of Zeyple: nothing that it kept back leaves in clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from lab.zeyple import VERSION_1

from relay.admin import zeyple
from relay.config import parse
from relay.model.errors import ConfigError

HOME = "/var/lib/zeyple/keys"
VERSION_2 = """
[zeyple]
log_file = /var/log/zeyple.log
missing_key_notification_subject = Fix it!

[gpg]
home = /var/lib/zeyple/keys

[relay]
host = localhost
port = 10026

[missing_key_rules]
.*\\@toystory\\.com$ = cleartext
^woody\\@pixar\\.example$ = notify
. = {last}
"""


TOYS = ("*@toystory.com", ["*@toystory.com"], "preferred")
WOODY = ("woody@pixar.example", ["woody@pixar.example"], "required")
CLEAR: tuple[str, list[str], str] = ("everyone", [], "preferred")
STRICT: tuple[str, list[str], str] = ("everyone", [], "required")


def policy(folder: Path, text: str) -> tuple[list[tuple[str, list[str], str]], list[str]]:
    """Our rules and what is said; the configuration is one that loads."""
    file = folder / "zeyple.conf"
    file.write_text(text)
    found = zeyple.read(file)
    made = zeyple.config(found, folder / "keyring")
    parse(made.encode(), folder / "config.yaml")
    rules = yaml.safe_load(made)["policy"]
    return [(rule["name"], rule.get("to", []), rule["encrypt"]) for rule in rules], found.notes


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (VERSION_1.format(home=HOME, force="yes"), [STRICT]),
        (VERSION_1.format(home=HOME, force="0"), [CLEAR]),
        (VERSION_1.replace("force_encrypt = {force}", "").format(home=HOME), [CLEAR]),
        (VERSION_2.format(last="cleartext"), [TOYS, WOODY, CLEAR]),
        (VERSION_2.format(last="drop"), [TOYS, WOODY, STRICT]),
        (VERSION_2.format(last="notify"), [TOYS, WOODY, STRICT]),
        (VERSION_2.replace(". = {last}", ""), [TOYS, WOODY, STRICT]),
        (VERSION_2.replace(". = {last}", "[0-9]@x = cleartext"), [TOYS, WOODY, STRICT]),
        (VERSION_2.format(last="cleartext").replace("^woody\\@", "(woody|buzz)@"), [TOYS, STRICT]),
    ],
)
def test_the_rules_come_over(text: str, rules: list[object], tmp_path: Path) -> None:
    assert policy(tmp_path, text)[0] == rules


def test_what_is_not_carried_over_is_named(tmp_path: Path) -> None:
    hard = (
        VERSION_2.format(last="cleartext").replace("^woody\\@", "(woody|buzz)@").replace("[gpg]", "[gpg]\ncolour = red")
    )
    notes = policy(tmp_path, hard)[1]
    assert "[missing_key_rules] . = cleartext: became encrypt: required, because of the rule above." in notes
    assert "[gpg] colour: not known here, and not carried over." in notes
    assert any(note.startswith("[missing_key_rules] (woody|buzz)@pixar") for note in notes)
    assert (
        "No X-Zeyple header is added; pgp-relay trace tells what was done with a mail."
        in policy(tmp_path, VERSION_1.format(home=HOME, force="no"))[1]
    )


def test_a_next_hop_elsewhere_is_spoken_to_as_before(tmp_path: Path) -> None:
    text = VERSION_1.format(home=HOME, force="no")
    file = tmp_path / "zeyple.conf"
    for host, url in (("mx.example", "smtp://mx.example:10026"), ("::1", "smtp://[::1]:10026")):
        file.write_text(text.replace("host = localhost", f"host = {host}"))
        made = parse(zeyple.config(zeyple.read(file), tmp_path / "keyring").encode(), tmp_path / "config.yaml")
        assert (str(made.reinject), made.plaintext_network) == (url, host == "mx.example")


BAD = {
    "": "this is no Zeyple configuration: [gpg] home, [relay] host, [relay] port is missing",
    "no configuration": "this is no Zeyple configuration",
    VERSION_1.format(home=HOME, force="maybe"): "[zeyple] force_encrypt: maybe is neither true nor false",
    VERSION_1.format(home=HOME, force="no").replace("10026", "smtp"): "[relay] port: smtp is no port",
    VERSION_2.format(last="bounce"): "[missing_key_rules] .: bounce is none of cleartext, drop and notify",
}


@pytest.mark.parametrize("text", BAD, ids=list(BAD.values()))
def test_what_is_no_configuration_of_zeyple_is_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, text)
    assert str(caught.value).endswith(BAD[text])


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        zeyple.read(tmp_path / "nowhere")


def test_what_is_too_large_to_be_read_whole_is_a_fault(tmp_path: Path) -> None:
    """It was cut off at 1 MiB without a word, and a `force_encrypt` behind that was lost."""
    comments = "# " + "x" * zeyple.LARGEST + "\n"
    text = VERSION_1.format(home=HOME, force="yes")
    assert policy(tmp_path, text)[0] == [STRICT]
    (tmp_path / "large.conf").write_text(text.replace("force_encrypt", f"{comments}force_encrypt"))
    with pytest.raises(ConfigError, match="is larger than 1 MiB"):
        zeyple.read(tmp_path / "large.conf")


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no file"):
        zeyple.read(tmp_path / "pipe")
