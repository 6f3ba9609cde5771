"""config.yaml at the root: every key, its default, and nothing that is not so."""

import re
from pathlib import Path

import yaml

from relay.config import Config, load, parse
from relay.config.key_names import every_key
from relay.config.paths import Surroundings
from relay.config.reference import markdown
from relay.policy import Encryption, Rule

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "config.yaml"
TEXT = SAMPLE.read_text("utf-8")


def defaults() -> Config:
    return Config.model_validate({"policy": []}, context=Surroundings(ROOT))


def test_its_values_are_the_defaults() -> None:
    assert dict(load(SAMPLE).model_copy(update={"policy": ()})) == dict(defaults())


def test_every_default_that_is_commented_out_is_the_default() -> None:
    example = re.search(r"^  # ldap:\n(?:  # .*\n)+", TEXT, re.MULTILINE)
    assert example
    shown = "policy: []\nlookup:\n" + re.sub(r"^  # ", "  ", example[0], flags=re.MULTILINE)
    (server,) = parse(shown.encode(), SAMPLE).lookup.ldap
    assert server.model_fields_set == set(type(server).model_fields)
    (bare,) = parse(b"policy: []\nlookup: {ldap: [{url: 'ldaps://directory.hopital.example'}]}", SAMPLE).lookup.ldap
    assert server == bare


def test_every_default_of_a_rule_is_the_default() -> None:
    done = re.findall(r"^#   (\w+: \w+)  ", TEXT, re.MULTILINE)
    keys = "".join(f"    {line}\n" for line in done)
    (shown, _) = parse(f"policy:\n  - name: a\n    to: '*@a.example'\n{keys}".encode(), SAMPLE).rules()
    (bare, _) = parse(b"policy:\n  - name: a\n    to: '*@a.example'\n", SAMPLE).rules()
    assert len(done) == 9
    assert shown == bare


def test_the_examples_of_the_page_on_directories_are_configurations(tmp_path: Path) -> None:
    for name in ("authorities.pem", "hopital-ca.pem", "ldap-password"):
        (tmp_path / name).write_text("x")
    page = (ROOT / "docs" / "directories.md").read_text("utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        needed = "" if "policy:" in example else "policy: []\n"
        parse((needed + example).encode(), tmp_path / "config.yaml")


def test_every_key_stands_in_it() -> None:
    values = yaml.safe_load(TEXT)
    for path, _ in every_key():
        inside = values
        for step in path:
            if not isinstance(inside, dict):  # a list, or null: its keys stand in a comment
                assert re.search(rf"\b{path[-1]}\b", TEXT), path
                break
            assert step in inside, path
            inside = inside[step]


def test_its_policy_is_what_it_says() -> None:
    rules = load(SAMPLE).rules()
    assert [(rule.name, rule.encrypt) for rule in rules] == [
        ("inside the hospital", Encryption.NEVER),
        ("marked confidential", Encryption.REQUIRED),
        ("everyone else", Encryption.PREFERRED),
        ("no rule matched", Encryption.REQUIRED),
    ]
    assert rules[-1] == Rule("no rule matched")


def test_every_key_has_its_why() -> None:
    assert [path for path, field in every_key() if not (field.description or "").endswith(".")] == []


def test_the_reference_is_what_the_model_says() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == markdown(), "write it anew: python -m relay.config.reference > docs/configuration.md"
    for path, _ in every_key():
        assert path[-1] in page
