"""Used wrongly is status 2, out of order is status 1: sentences on standard error, nothing on standard output."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.program import program

from relay.cli.main import guarded
from relay.cli.reference import commands
from relay.model.errors import ConfigError, Fault, NextHopError

CONTENT = "Résultats d'analyse de Mme Dupré"

RIGHT_USE = {
    "serve": [],
    "check": [],
    "explain": ["--from", "a@b.example", "--to", "c@d.example"],
    "trace": [],
    "nodes": [],
    "node add": [],
    "node list": [],
    "node remove": ["beta"],
    "store copy": ["--to", "postgresql://relay@127.0.0.1:1/none"],
    "status": [],
    "keys import": ["config.yaml"],
    "keys lookup": ["a@b.example"],
    "keys list": [],
    "keys show": ["a@b.example"],
    "keys remove": ["ABCDEF0123456789"],
    "keys export": ["ABCDEF0123456789"],
    "keys expiring": [],
    "keys proposals": [],
    "keys approve": ["ABCDEF0123456789"],
    "keys reject": ["ABCDEF0123456789"],
    "keys bind": ["*@b.example", "ABCDEF0123456789"],
    "keys unbind": ["*@b.example"],
    "keys bindings": [],
    "keys generate": ["Name", "a@b.example"],
    "keys revoke": ["8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08", "--yes"],
    "own create": ["Name"],
    "own add": ["a@b.example"],
    "own remove": ["a@b.example"],
    "own list": [],
    "own show": ["a@b.example"],
    "own allow": ["a@b.example", "b@b.example"],
    "own disallow": ["a@b.example", "b@b.example"],
    "own certify": ["ABCDEF0123456789"],
    "own rotate": [],
    "own revoke": ["a@b.example", "--yes"],
    "own publish": ["ldap"],
    "inbound open": ["4F3XyZ1mTtz9sW"],
    "wkd export": ["nowhere"],
    "pickup list": [],
    "pickup show": ["0123456789"],
    "pickup resend": ["0123456789"],
    "pickup withdraw": ["0123456789"],
    "pickup extend": ["0123456789"],
    "pickup preset": ["a@b.example"],
    "backup": ["nowhere.tar"],
    "restore": ["config.yaml", "--yes"],
    "postfix show": [],
    "postfix install": ["--config-dir", "nowhere"],
    "postfix check-path": ["--config-dir", "nowhere"],
    "held": [],
    "config test": [],
    "config show": [],
    "config diff": [],
    "config get": ["policy"],
    "web public": [],
    "web hashes": [],
    "web console": [],
    "web control": [],
    "console user add": ["anne", "--role", "desk"],
    "console user list": [],
    "console user enable": ["anne"],
    "console user disable": ["anne"],
    "console user reset": ["anne"],
    "console user link": ["anne", "--sudo", "amartin"],
    "console user unlink": ["anne", "--sudo", "amartin"],
}
WITHOUT_STORE = {
    *("check", "keys generate", "postfix show", "postfix install", "restore", "status"),
    *("config test", "config show", "config diff", "config get", "web public", "web hashes"),
    "inbound open",
    "web console",
}
"""They tell of it in other ways, or do not look."""
WITHOUT_POLICY = {"web public", "web hashes", "web console"}
"""They read `web` alone."""
WITH_STORE = [name for name in RIGHT_USE if name not in {*WITHOUT_STORE, "serve"}]  # serve sets this process's log up

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("policy: [{name: everyone, encrypt: preferred}]\nlookup: {sources: [keyring]}\n")
    return file


def test_every_command_that_reads_the_configuration_is_tried_here() -> None:
    known = {path.removeprefix("pgp-relay ") for path, _command in commands()}
    assert known >= set(RIGHT_USE)
    assert known - set(RIGHT_USE) <= {"demo", "postfix uninstall", "migrate zeyple", "setup"}


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus", "check"],
        ["nonsense"],
        ["keys", "nonsense"],
        ["keys", "list", "--bogus"],
        ["keys", "show"],
        ["keys", "import"],
        ["keys", "generate", "Name"],
        ["keys", "generate", "Name", "no-address"],
        ["keys", "generate", "N<me", "a@b.example"],
        ["keys", "generate", " ", "a@b.example"],
        ["keys", "approve"],
        ["keys", "approve", "ABCDEF0123456789", "--all-from", "wkd"],
        ["keys", "approve", "--all-from", "imported"],
        ["keys", "bind"],
        ["keys", "bind", "*@b.example"],
        ["keys", "bind", "--file", "nowhere.json"],
        ["keys", "unbind"],
        ["keys", "lookup", "two words"],
        ["keys", "lookup", "notanaddress"],
        ["keys", "show", "a b@c.example"],
        ["keys", "expiring", "--within", "soon"],
        ["explain", "--from", "a@b.example"],
        ["explain", "--from", "a b@c.example", "--to", "c@d.example"],
        ["explain", "--from", "a@b.example", "--to", "b"],
        ["explain", "--from", "b", "--to", "c@d.example"],
        ["explain", "--from", "a@b.example", "--to", "c@d.example", "--message", "nowhere.eml"],
        ["config", "get", "polcy"],
        ["config", "get", "policy[7].name"],
        ["trace", "--since", "yesterday"],
        ["trace", "--until", "tomorrow"],
        ["trace", "--action", "sealed"],
        ["trace", "--limit", "0"],
        ["trace", "--keys", "--follow"],
        ["trace", "--export", "csv", "--summary"],
        ["trace", "--verify", "--follow"],
        ["trace", "--head", f"1:{'0' * 64}", "--summary"],
        ["keys", "approve", "--all-from", "own"],
        ["pickup", "extend", "0123456789", "0s"],  # it was taken for the default, 30 days
        ["pickup", "preset", "a@b.example", "--valid", "0s"],
        ["keys", "list", "--origin", "heaven"],
        ["keys", "list", "--sort", "colour"],
        ["keys", "list", "--within", "soon"],
    ],
    ids=" ".join,
)
def test_what_is_used_wrongly_is_status_2(config: Path, capsys: Capsys, words: list[str]) -> None:
    done = program(capsys, "-c", config, *words)
    assert (done.status, done.out, bool(done.err)) == (2, "", True)
    assert not (config.parent / "keyring" / "private-keys-v1.d").exists()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("policy.name", "“policy” is a list: policy[0].name is that of its first entry"),
        ("policy[0].from", "“policy[0].from” is not set, and has no default"),
        ("policy[7].name", "“policy[7].name” is not set, and has no default"),
        ("web.channel_tls.key", "“web.channel_tls.key” is not set, and has no default"),
        ("lookup.wkd.timout", "unknown key “lookup.wkd.timout”; did you mean “lookup.wkd.timeout”?"),
    ],
)
def test_a_key_without_a_value_was_called_unknown_and_then_proposed(
    key: str, said: str, config: Path, capsys: Capsys
) -> None:
    done = program(capsys, "-c", config, "config", "get", key)
    assert (done.status, done.out, done.err) == (2, "", f"{said}\n")


def test_an_id_that_no_mail_has_was_answered_by_silence(config: Path, capsys: Capsys) -> None:
    done = program(capsys, "-c", config, "trace", "--id", "XXX")
    assert (len(done.out.splitlines()), done.err) == (1, "no row of the trace matches\n")


@pytest.mark.parametrize("name", [name for name in RIGHT_USE if name not in WITHOUT_POLICY])
def test_every_command_names_all_faults_of_the_configuration(name: str, config: Path, capsys: Capsys) -> None:
    config.write_text("polcy: []\nlisten: 5\n")
    done = program(capsys, "-c", config, *name.split(), *RIGHT_USE[name])
    assert (done.status, done.out) == (2, "")
    assert [line.removeprefix(f"{config}:")[:2] for line in done.err.splitlines()] == ["1:", "1:", "2:"]
    assert not (config.parent / "keyring").exists()


@pytest.mark.parametrize("name", RIGHT_USE)
def test_a_configuration_that_is_not_there_is_named(name: str, tmp_path: Path, capsys: Capsys) -> None:
    file = tmp_path / "nowhere.yaml"
    done = program(capsys, "-c", file, *name.split(), *RIGHT_USE[name])
    assert (done.status, done.out) == (2, "")
    assert done.err == f"{file}: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("name", WITH_STORE)
def test_a_corrupt_store_is_one_sentence_and_status_1(name: str, config: Path, capsys: Capsys) -> None:
    (config.parent / "keyring").mkdir(mode=0o700)
    (config.parent / "keyring" / "store.db").write_bytes(b"no database at all" * 1000)
    done = program(capsys, "-c", config, *name.split(), *RIGHT_USE[name])
    assert (done.status, done.out) == (1, "")
    assert done.err == "the store is corrupt, or no database of ours\n"


@pytest.mark.parametrize("name", [*WITH_STORE, "keys generate", "restore"])
def test_a_keyring_that_others_can_look_into_is_one_sentence(name: str, config: Path, capsys: Capsys) -> None:
    keyring = config.parent / "keyring"
    keyring.mkdir()
    (keyring / "something").touch()
    keyring.chmod(0o755)
    done = program(capsys, "-c", config, *name.split(), *RIGHT_USE[name])
    assert (done.status, done.out) == (1, "")
    assert done.err == f"others can look into the keyring folder {keyring}, and it is not empty: chmod 700 it\n"


def test_a_crash_tells_its_type_and_place_and_not_a_word_of_content(capsys: Capsys) -> None:
    def crash() -> None:
        raise KeyError(CONTENT)

    assert guarded(crash) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Unforeseen: KeyError in crash:")
    assert "Dupré" not in said.err
    assert "Traceback" not in said.err


def test_what_is_foreseen_is_its_sentence(capsys: Capsys) -> None:
    def fail() -> None:
        raise NextHopError("smtp://x does not answer")

    def misread() -> None:
        raise ConfigError((Fault("a.pem", 0, "no key in PEM"), Fault("config.yaml", 3, "no")))

    assert guarded(fail) == 1
    assert capsys.readouterr().err == "smtp://x does not answer\n"
    assert guarded(misread) == 2
    assert capsys.readouterr().err == "a.pem: no key in PEM\nconfig.yaml:3: no\n"


def test_what_a_terminal_would_obey_is_not_printed(config: Path, capsys: Capsys) -> None:
    done = program(capsys, "-c", config, "keys", "show", "\x1b[2Jnobody@x.example")
    assert done.status == 2
    assert "\x1b" not in program(capsys, "-c", config, "keys", "remove", "\x1b]0;x\x07AB").err
