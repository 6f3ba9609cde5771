"""Reading the file: what is right of it, from where, and that nothing but `ConfigError` comes of what is wrong."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from relay.config import Config, load, parse
from relay.config.key_names import every_key
from relay.config.yaml_tree import MOST_OCTETS
from relay.model.errors import ConfigError, Fault
from relay.policy import AddressPattern, Encryption, HeaderPattern, SubjectPattern, WithoutKey, WkdOutage

HERE = Path("/etc/pgp-relay/config.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse(text.encode(), HERE)
    return [fault.message for fault in raised.value.faults]


def test_the_smallest_configuration_is_a_policy() -> None:
    config = parse(b"policy: []", HERE)
    assert str(config.listen[0]) == "lmtp://127.0.0.1:10025"
    assert config.max_message_size == 50 * 2**20


def test_a_byte_order_mark_and_dos_line_ends_are_read() -> None:
    assert parse(b"\xef\xbb\xbfworkers: 2\r\npolicy: []\r\n", HERE).workers == 2


def test_relative_paths_begin_in_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "config.yaml"
    (tmp_path / "etc" / "secret").write_text("x")
    (tmp_path / "etc" / "secret").chmod(0o600)
    file.write_text(
        "policy: []\nkeyring: keys\nsign: {passphrase_file: secret}\ndatabase: sqlite:///relay.db\n"
        f"notices: {{templates: '{tmp_path}'}}\n"
    )
    monkeypatch.chdir(tmp_path)
    config = load(Path("etc/config.yaml"))
    assert config.keyring == tmp_path / "etc" / "keys"
    assert config.sign.passphrase_file == tmp_path / "etc" / "secret"
    assert config.database == f"sqlite:///{tmp_path}/etc/relay.db"
    assert config.notices.templates == tmp_path


def test_the_default_keyring_stands_beside_the_file() -> None:
    assert parse(b"policy: []", HERE).keyring == Path("/etc/pgp-relay/keyring")


@pytest.mark.parametrize("url", ["sqlite:////var/lib/relay.db", "postgresql+asyncpg://relay@db.example/relay"])
def test_other_databases_stay_as_they_are(url: str) -> None:
    assert parse(f"policy: []\ndatabase: {url}".encode(), HERE).database == url


@pytest.mark.parametrize("url", ["sqlite:///file:x?mode=memory&uri=true", "sqlite://host/relay.db", "sqlite://"])
def test_a_database_in_memory_or_with_options_ended_the_start_with_a_report_of_a_fault(url: str) -> None:
    with pytest.raises(ConfigError, match="a database is sqlite:///file or postgresql://"):
        parse(f"policy: []\ndatabase: {url}".encode(), HERE)


def test_the_password_of_the_database_is_not_shown() -> None:
    config = parse(b"policy: []\ndatabase: postgresql://relay:hunter2@db.example/relay", HERE)
    assert "hunter2" not in repr(config)


def test_a_missing_file_is_one_fault_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file or directory$"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"#" * (MOST_OCTETS + 5))
    with pytest.raises(ConfigError, match=f"is larger than {MOST_OCTETS} octets"):
        load(file)


def test_looking_whether_a_pipe_can_be_read_takes_nothing_from_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    config = threading.Thread(
        target=parse, args=(b"policy: []\nsign: {passphrase_file: pipe}", tmp_path / "config.yaml"), daemon=True
    )
    config.start()
    config.join(10)
    assert not config.is_alive()


def test_lists_may_be_written_once_and_used_twice() -> None:
    text = b"policy:\n  - {name: a, from: &inside ['*@a.example'], encrypt: never}\n  - {name: b, to: *inside}\n"
    first, second, _ = parse(text, HERE).rules()
    assert first.senders == second.recipients == (AddressPattern("*@a.example"),)


def test_a_rule_says_all_that_it_can_say() -> None:
    text = """
policy:
  - name: everything
    from: ["<>", "*@a.example"]
    to: ["*@b.example"]
    subject: ["[secret]", "privé"]
    header: {Sensitivity: company-*, X-Kind: [a, b]}
    shape: [calendar, tnef]
    encrypt: preferred
    without_key: hold
    sign: no
    protect_subject: false
    refuse_with: reply
    wkd_outage: not_found
"""
    rule, _ = parse(text.encode(), HERE).rules()
    assert rule.senders == (AddressPattern("<>"), AddressPattern("*@a.example"))
    assert rule.recipients == (AddressPattern("*@b.example"),)
    assert rule.subjects == (SubjectPattern("[secret]"), SubjectPattern("privé"))
    assert rule.headers == (HeaderPattern("sensitivity", ("company-*",)), HeaderPattern("x-kind", ("a", "b")))
    assert rule.shapes == {"calendar", "tnef"}
    assert (rule.encrypt, rule.without_key) == (Encryption.PREFERRED, WithoutKey.HOLD)
    assert not rule.sign
    assert not rule.protect_subject
    assert rule.by_reply
    assert rule.wkd_outage is WkdOutage.NOT_FOUND


def test_refuse_with_counts_for_every_rule_that_does_not_say_otherwise_and_where_none_matches() -> None:
    text = b"refuse_with: reply\npolicy:\n  - {name: a, to: 'x@a.example'}\n  - {name: b, refuse_with: notice}\n"
    assert [rule.by_reply for rule in parse(text, HERE).rules()] == [True, False, True]


def test_without_a_rule_mail_is_encrypted_or_refused() -> None:
    (rule,) = parse(b"policy: []", HERE).rules()
    assert (rule.encrypt, rule.without_key) == (Encryption.REQUIRED, WithoutKey.REFUSE)


@pytest.mark.parametrize(
    "text",
    [
        "listen: ['lmtp://0.0.0.0:10025']\nallow: ['10.0.0.0/8']\nplaintext_network: true",
        "listen: ['lmtp://0.0.0.0:10025']\nallow: ['0.0.0.0/0']\ntls: {certificate: /etc/hosts, key: /etc/hosts}",
        "listen: ['lmtp:///run/relay.sock', 'smtp://localhost:10025']",
        "reinject: smtp+starttls://mx.example:25",
        "reinject: smtp://mx.example:25\nplaintext_network: true",
        "reinject: lmtp:///run/dovecot/lmtp",
        "lookup: {sources: [wkd], ldap: []}",
        "lookup: {ldap: [{url: ldap://localhost, bind_dn: cn=a, password_file: /etc/hosts}]}",
        "lookup: {ldap: [{url: ldap://a.example, starttls: true, bind_dn: cn=a, password_file: /etc/hosts}]}",
        "lookup: {ldap: [{url: 'ldaps://a.example', bind_dn: cn=a, password_file: /etc/hosts}]}",
        "lookup: {cache: {not_found: 0s}}",
        "metrics: 0.0.0.0:9125",
        "sign: {default: null}",
    ],
)
def test_what_is_possible_is_taken(text: str) -> None:
    parse(f"policy: [{{name: all, encrypt: preferred, without_key: hold, sign: true}}]\n{text}".encode(), HERE)


def test_an_unknown_key_casts_no_doubt_on_what_it_may_mean() -> None:
    text = "policy: []\nlisten: ['lmtp://0.0.0.0:25']\nallow: ['10.0.0.0/8']\ntsl: {certificate: a, key: b}"
    assert faults(text) == ["unknown key “tsl”; did you mean “tls”?"]


def test_contradictions_are_told_together_with_what_is_wrong_elsewhere() -> None:
    text = "policy: [{name: a}, {name: a, encrypt: maybe}]\nworkers: 0\nreinject: smtp://mx.example:25"
    told = faults(text)
    assert len(told) == 5
    assert any("in clear" in message for message in told)
    assert any("never match" in message for message in told)
    assert any("is the name of policy[0] too" in message for message in told)


def test_a_fault_says_nothing_of_a_secret() -> None:
    text = "policy: []\ndatabase: mysql://relay:hunter2@db\nreinject: smtp://relay:hunter2@mx.example:25"
    assert "hunter2" not in "".join(faults(text))


def test_a_configuration_is_frozen() -> None:
    config = parse(b"policy: []", HERE)
    with pytest.raises(ValidationError):
        config.workers = 2


def outcome(octets: bytes) -> Config | tuple[Fault, ...]:
    try:
        return parse(octets, HERE)
    except ConfigError as error:
        return error.faults


@given(st.binary(max_size=300))
def test_no_octets_raise_anything_but_a_config_error(octets: bytes) -> None:
    assert outcome(octets)


@given(st.text(alphabet="-:[]{}&*!<>|%@'\"#? \n\tab1~.", max_size=80))
def test_no_yaml_raises_anything_but_a_config_error(text: str) -> None:
    assert outcome(b"policy: []\n" + text.encode())


KEYS = sorted({step for path, _ in every_key() for step in path} | {"lisetn", "<<", ""})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8)
WORDS = st.sampled_from(["never", "hold", "keyring", "*@a.example", "<>", "5s", "lmtp://0.0.0.0:25", "10.0.0.0/8", "a"])
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), st.lists(VALUES, max_size=3))
def test_no_values_raise_anything_but_a_config_error(values: dict[str, Any], policy: list[Any]) -> None:
    assert outcome(yaml.safe_dump({**values, "policy": policy}).encode())


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_passphrase_that_others_can_read_is_a_fault(mode: int, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("x")
    (tmp_path / "word").chmod(mode)
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nsign: {passphrase_file: word}\n")
    with pytest.raises(ConfigError, match=r"word can be read by others: chmod 600 it$"):
        load(file)
    for private in (0o600, 0o400, 0o440):  # systemd's credentials look like the last
        (tmp_path / "word").chmod(private)
        assert load(file).sign.passphrase_file == tmp_path / "word"
