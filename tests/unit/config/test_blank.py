"""A key with nothing behind it never stands for its default: under a condition that would be everybody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.config import parse
from relay.config.key_names import every_key, section_in
from relay.config.reference import keys
from relay.model.errors import ConfigError

HERE = Path("/etc/pgp-relay/config.yaml")
MARK = "VALUE"
LISTS = {("policy",), ("lookup", "ldap"), ("authorities",)}
KEYS = [path for path, _ in every_key()]
OF_A_RULE = [path for path in KEYS if len(path) > 1 and path[0] == "policy"]
HOLDING_SEVERAL = [tuple(key.name.replace("[]", "").split(".")) for key in keys() if "list of" in key.kind]


def written(path: tuple[str, ...], value: str) -> bytes:
    """YAML with this value at this key, and nothing else that is not needed."""
    settings: Any = MARK
    for end in range(len(path), 0, -1):
        listed = path[:end] in LISTS and end < len(path)
        settings = {path[end - 1]: [settings] if listed else settings}
    whole = {"policy": [], **settings}
    for rule in whole["policy"] if path in OF_A_RULE else ():
        rule.setdefault("name", "a")
    return yaml.safe_dump(whole).replace(MARK, value).encode()


def faults(octets: bytes) -> list[str]:
    try:
        parse(octets, HERE)
    except ConfigError as error:
        return [fault.message for fault in error.faults]
    return []


def spelled(path: tuple[str, ...]) -> str:
    return ".".join(step + "[0]" * (path[: end + 1] in LISTS and end + 1 < len(path)) for end, step in enumerate(path))


def test_what_is_tried_is_all_there_is(record_property: Callable[[str, object], None]) -> None:
    assert len(KEYS) > 60
    assert {path[-1] for path in OF_A_RULE} >= {"from", "to", "subject", "header", "shape", "encrypt", "refuse_with"}
    assert {path[-1] for path in HOLDING_SEVERAL} >= {"listen", "allow", "policy", "to", "sources", "allow_networks"}
    assert all(section_in(field.annotation) is None or value in KEYS for value, field in every_key())
    counted = f"{len(KEYS)} keys left empty; {len(OF_A_RULE)} of a rule and {len(HOLDING_SEVERAL)} lists with null"
    record_property("counted", counted)


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_key_with_nothing_behind_it_is_a_fault(path: tuple[str, ...]) -> None:
    assert any(told.startswith(f"{spelled(path)}: is empty") for told in faults(written(path, "")))


@pytest.mark.parametrize("path", dict.fromkeys([*OF_A_RULE, *HOLDING_SEVERAL]), ids=".".join)
@pytest.mark.parametrize("null", ["null", "~", "[null]"])
def test_null_is_no_value_of_a_rule_and_no_list(path: tuple[str, ...], null: str) -> None:
    assert any(told.startswith(spelled(path)) for told in faults(written(path, null)))


def test_a_rule_whose_only_pattern_was_commented_out_does_not_take_everybody() -> None:
    (told,) = faults(b"policy:\n  - name: a\n    encrypt: never\n    to:\n      # - '*@hopital.example'\n")
    assert told == "policy[0].to: is empty: give it a value, or take it out"


@pytest.mark.parametrize("text", ["to:\n      -", "to: ['*@a.example', ]\n    from: [,]", "header: {Sensitivity: }"])
def test_an_item_with_nothing_behind_it_is_a_fault(text: str) -> None:
    assert faults(f"policy:\n  - name: a\n    {text}\n".encode())


@pytest.mark.parametrize(
    "lookup",
    ["{sources: [ldap]}", "{sources: [ldap], ldap: []}", "{sources: [keyring, ldap]}", "{sources: [ldap, wkd]}"],
)
def test_a_directory_that_is_asked_and_not_named_is_a_fault(lookup: str) -> None:
    (told,) = faults(f"policy: []\nlookup: {lookup}\n".encode())
    assert told.startswith("lookup.sources: ldap")


@pytest.mark.parametrize("lookup", ["{}", "{sources: [keyring, ldap, wkd]}", "{sources: [wkd]}"])
def test_the_default_asks_the_directories_that_there_are(lookup: str) -> None:
    assert not faults(f"policy: []\nlookup: {lookup}\n".encode())
