"""`setup`: the configuration written from a few answers, a signing key, Postfix connected, everything checked."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from lab.gnupghome import stop_agent
from lab.postfix import Postfix
from lab.relay import PROGRAM

ANSWERS = ("--domain", "clinique.example", "--contact", "DSI <dsi@clinique.example>", "--language", "fr")


@pytest.fixture
def site() -> Iterator[Path]:
    """An empty folder for the configuration and the keyring."""
    with tempfile.TemporaryDirectory(prefix="pr") as name:
        yield Path(name) / "config.yaml"
        stop_agent(Path(name) / "keyring")


def run(
    config: Path, *words: str | Path, typed: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "-c", config, *words],
        input=typed,
        capture_output=True,
        text=True,
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "LANG": "C.UTF-8", "HOME": str(config.parent)}
        | dict(environment or {}),
        check=False,
        timeout=120,
    )


def test_options_alone_write_the_sample_with_the_sites_values_and_make_a_key_that_signs(site: Path) -> None:
    done = run(site, "setup", *ANSWERS, "--no-internet", "--sign", "Clinique", "--no-postfix", "--yes")
    assert done.returncode == 1, done.stderr  # the relay does not run yet, as check says
    assert "no relay runs with this configuration" in done.stdout
    text = site.read_text()
    values = yaml.safe_load(text)
    assert "hopital.example" not in text
    assert "# Configuration of pgp-relay: every key with its default." in text
    assert values["policy"][0]["to"] == ["*@clinique.example"]
    assert values["lookup"]["sources"] == ["keyring"]
    assert values["notices"] | {"contact": "DSI <dsi@clinique.example>", "language": "fr"} == values["notices"]
    assert values["notices"]["from"] == "postmaster@clinique.example"
    made = re.search("^([0-9A-F]{40}), its public part", done.stdout, re.MULTILINE)
    assert made
    assert values["sign"]["default"] == made[1]
    assert "BEGIN PGP PUBLIC KEY BLOCK" in (site.parent / "signing-key.asc").read_text()
    again = run(site, "setup", *ANSWERS, "--no-internet", "--no-postfix", "--yes")
    assert "its public part" not in again.stdout
    assert site.read_text() == text
    found = {row["name"]: row for row in json.loads(run(site, "check", "--json").stdout)}
    assert found["signing key"]["ok"] is True


def test_each_question_is_asked_with_its_default_and_a_wrong_answer_again(site: Path) -> None:
    typed = "not a domain\nclinique.example\nn\n\nxx\nfr\nn\n\n"
    done = run(site, "setup", "--no-postfix", typed=typed)
    values = yaml.safe_load(site.read_text())
    assert "“not a domain” is no mail domain: write it as hopital.example" in done.stderr
    assert "[postmaster@clinique.example]" in done.stderr
    assert values["policy"][0]["to"] == ["*@clinique.example"]
    assert values["lookup"]["sources"] == ["keyring"]
    assert values["notices"]["contact"] == "postmaster@clinique.example"
    assert values["notices"]["language"] == "fr"
    assert values["sign"]["default"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        ("--domain", "clinique"),
        ("--domain", "a@clinique.example"),
        ("--domain", 'x".example'),
        ("--language", "de"),
        ("--contact", "two\nlines"),
        ("--sign", "<clinique>"),
        ("--test", "-oQ/tmp@x.example"),
    ],
)
def test_an_option_that_is_wrong_ends_it_before_anything_is_written(site: Path, wrong: tuple[str, str]) -> None:
    done = run(site, "setup", *ANSWERS, "--no-postfix", "--yes", *wrong)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert len(done.stderr.splitlines()) == 1
    assert not site.exists()


@pytest.mark.parametrize("domain", ["localdomain", "host.localdomain", "localhost", ""])
def test_a_machine_without_a_domain_was_not_told_to_name_one_or_its_local_name_was_taken(
    site: Path, domain: str
) -> None:
    (site.parent / "main.cf").write_text(f"mydomain = {domain}\n")
    machine = {"MAIL_CONFIG": str(site.parent)}
    done = run(site, "setup", "--no-sign", "--no-postfix", "--yes", environment=machine)
    told = "this machine has no mail domain of its own: name yours with --domain, as in --domain hopital.example"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [told]
    assert not site.exists()
    asked = run(site, "setup", "--write-only", *ANSWERS, environment=machine)
    assert asked.returncode == 0


def test_a_file_that_is_there_keeps_what_it_says_else_its_comments_and_its_mode(site: Path) -> None:
    site.write_text("# ours\nretention: 30d # as the DPO says\npolicy:\n  - {name: all, encrypt: required} # all\n")
    site.chmod(0o640)
    run(site, "setup", *ANSWERS, "--internet", "--no-sign", "--no-postfix", "--yes")
    assert site.read_text().startswith(
        "# ours\nretention: 30d # as the DPO says\npolicy:\n  - {name: all, encrypt: required} # all\n"
    )
    assert yaml.safe_load(site.read_text())["notices"]["language"] == "fr"
    assert stat.S_IMODE(site.stat().st_mode) == 0o640


def test_a_wrong_file_is_named_with_its_line_and_stays_as_it_is(site: Path) -> None:
    site.write_text("# ours\nretntion: 30d\npolicy:\n  - {name: all, encrypt: required}\n")
    done = run(site, "setup", *ANSWERS, "--no-postfix", "--yes")
    assert done.returncode == 2
    assert f"{site}:2" in done.stderr
    assert "notices" not in site.read_text()


def test_postfix_is_connected_where_that_is_agreed(site: Path) -> None:
    with Postfix() as mta:
        run(site, "setup", *ANSWERS, "--no-sign", "--config-dir", mta.folder, "--yes")
        assert mta.command("postconf", "-h", "content_filter").strip() == "pgp-relay:[127.0.0.1]:10025"


def test_it_can_write_the_configuration_and_do_nothing_else(site: Path) -> None:
    done = run(site, "setup", *ANSWERS, "--write-only")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"written {site}\n", "")
    assert [path.name for path in site.parent.iterdir()] == ["config.yaml"]
