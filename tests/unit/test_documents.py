"""What the relay says to people is found in the documents, word for word."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from relay.cli.reference import commands
from relay.config import parse
from relay.keys.ldap.reason import Reason as LdapReason
from relay.keys.wkd.reason import Reason as WkdReason
from relay.mail.notice import Kind
from relay.model import Reply, Why, replies
from relay.model.errors import ConfigError
from relay.telemetry.reference import table

ROOT = Path(__file__).resolve().parents[2]
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
KEYS = (ROOT / "docs" / "keys.md").read_text()
FRENCH = [ROOT / "README.fr.md", *(ROOT / "docs" / "fr").glob("*.md")]
PLAIN = str.maketrans(
    {"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " "}
)
CLINICIENS = (ROOT / "docs" / "fr" / "cliniciens.md").read_text().translate(PLAIN)
TEMPLATES = ROOT / "relay" / "mail" / "templates" / "fr"

ID = "1M85YNFJQFTMGK1"
ARGUMENTS = {"id_": ID, "limit": 4711}


def own_replies() -> Iterator[Reply]:
    """Each reply to a mail whose words are ours; those built from other replies or from the next hop's come after."""
    for _, make in inspect.getmembers(replies, inspect.isfunction):
        parameters = inspect.signature(make).parameters
        if (
            make.__module__ == replies.__name__
            and not make.__name__.startswith("_")
            and ARGUMENTS.keys() >= set(parameters)
        ):
            yield make(**{name: ARGUMENTS[name] for name in parameters})
    yield replies.from_next_hop(250, "2.0.0 theirs", "message")
    for about in get_args(replies.About):
        yield replies.from_next_hop(550, "5.0.0 theirs", about)


@pytest.mark.parametrize("reply", list(own_replies()), ids=lambda reply: reply.text.replace(ID, ""))
def test_every_reply_is_explained(reply: Reply) -> None:
    words = reply.text.removesuffix(f", id {ID}").replace("4711", "…")

    assert words in TROUBLESHOOTING


def test_no_reply_was_overlooked() -> None:
    source = inspect.getsource(replies)

    assert len(list(own_replies())) >= source.count("return Reply(") - source.count("Reply(code") > 10


@pytest.mark.parametrize("reason", [*WkdReason, *LdapReason])
def test_every_reason_of_an_outage_is_explained(reason: str) -> None:
    assert reason in TROUBLESHOOTING


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.NO_KEY])
def test_every_reason_against_a_key_is_explained(why: Why) -> None:
    assert why in KEYS


@pytest.mark.parametrize("kind", Kind)
def test_clinicians_find_the_subject_of_each_notice(kind: Kind) -> None:
    subject = (TEMPLATES / f"{kind.value}.txt").read_text().splitlines()[0].translate(PLAIN)

    assert subject in CLINICIENS


@pytest.mark.parametrize("page", FRENCH, ids=lambda page: page.name)
def test_french_pages_are_set_as_french_is(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)

    assert re.findall(r".{0,20}(?: [;:!?»]|« |[^\W\d_]'\w).{0,20}", text) == [], (
        "no-break spaces, and the apostrophe of print"
    )
    assert re.findall(r"\b(?:[Ss]ujet|[Mm]ail|[Ff]ausse|[Aa]bîme)\b", text) == [], "objet, courriel, invalide, corrompt"


def test_every_figure_stands_in_the_page_on_monitoring() -> None:
    assert table() in (ROOT / "docs" / "monitoring.md").read_text(), "python -m relay.telemetry.reference"


@pytest.mark.parametrize("word", ["starting", "store", "engine", "next_hop", "stopping", "stalled"])
def test_every_word_of_readyz_is_explained(word: str) -> None:
    assert f"| `{word}` |" in (ROOT / "docs" / "monitoring.md").read_text()


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]


def blocks(page: Path, language: str) -> str:
    """What stands in the page's blocks of code of a language."""
    fenced = rf"^ *```{language}\n(.*?)^ *```"
    return "".join(re.findall(fenced, page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


def command_lines() -> Iterator[tuple[str, str]]:
    """Each call of the program in a block, also behind another: `… | pgp-relay keys import -`.

    A block of `sh` holds commands alone; in one of `console` they stand behind a prompt, what they print below them.
    """
    for page in pages():
        prompted = re.findall(r"^ *[$#] (.*)", blocks(page, "console"), re.MULTILINE)
        for line in [*prompted, *blocks(page, "sh").splitlines()]:
            plain = re.sub(r"\$\(.*?\)", "SUBSTITUTED", line)
            for call in re.findall(r"(?:^ *|[|&] )((?:python -m relay|pgp-relay) [^|&]*)", plain):
                yield page.name, re.split(r"\s(?:>|<|2>)", call)[0]


def test_no_document_tells_root_to_become_somebody_else() -> None:
    """Commands work as the keyring's owner by themselves."""
    told = [*pages(), *(ROOT / "examples" / "systemd").iterdir(), *(ROOT / "relay").rglob("*.py")]
    assert [path for path in told if path.is_file() and b"runuser" in path.read_bytes()] == []


KNOWN = dict(commands())
COMMAND_LINES = sorted(set(command_lines()))


def test_command_lines_were_found() -> None:
    assert len(COMMAND_LINES) > 40


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_is_copied_from_a_block_of_commands_is_commands_alone(page: Path) -> None:
    lines = blocks(page, "sh").splitlines()

    assert [line for line in lines if re.match(r" *[$#] ", line)] == [], "no prompt, no comment"
    assert [line for line in lines if re.search(r"\s#\s", line)] == [], "a comment stands in the text above"
    prompted = re.findall(r"^ *[$#] .*", blocks(page, "console"), re.MULTILINE)
    assert [line for line in prompted if re.search(r"\s{2,}#\s", line)] == [], "a comment stands in the text above"


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_every_command_line_of_the_documents_can_be_typed(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    words = words[3:] if words[0] == "python" else words[1:]
    words = words[2:] if words[:1] == ["-c"] else words
    name = next((n for n in (3, 2, 1) if " ".join(["pgp-relay", *words[:n]]) in KNOWN), 0)
    assert name, f"{page}: no such command"
    path = " ".join(["pgp-relay", *words[:name]])
    KNOWN[path].make_context(path, words[name:])  # raises where an option or an argument is wrong


# Prometheus', Kubernetes' and Docker's own, and values of the Helm chart
OTHERS = ("scrape_configs:", "livenessProbe:", "healthcheck:", "networkPolicy:", "secrets:")


def configurations() -> Iterator[tuple[str, str]]:
    for page in pages():
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            if not block.startswith(OTHERS):
                yield page.name, block


@pytest.mark.parametrize(("page", "text"), list(configurations()))
def test_every_configuration_of_the_documents_has_keys_that_exist(page: str, text: str) -> None:
    whole = text if re.search(r"^policy:", text, re.MULTILINE) else f"{text}\npolicy: []\n"
    try:
        parse(whole.encode(), Path("/etc/pgp-relay/config.yaml"))
    except ConfigError as error:  # this machine has none of these files, and an example of one section not the others
        excused = ("cannot be read: No such file", ": give inbound.listen")
        faults = [fault.message for fault in error.faults if not any(word in fault.message for word in excused)]
        assert faults == [], page


def heading(text: str) -> str:
    """The anchor of a heading of ASCII letters, on GitHub and in the site."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def dead_links(page: Path, text: str) -> list[str]:
    """The links of a page to files that are not there, or to headings that they do not have."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)):
        place, _, anchor = target.partition("#")
        file = page.parent / place if place else page
        if re.match(r"[a-z]+:", target) or (file.exists() and not anchor):
            continue
        headings = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE) if file.is_file() else []
        if anchor not in map(heading, headings):
            dead.append(target)
    return dead


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_in_the_repository_too(page: Path) -> None:
    ascii_only = {"policies.md#mssante-domains-left-alone"}  # GitHub would keep the accent

    assert set(dead_links(page, page.read_text(encoding="utf-8"))) - ascii_only == set()


@pytest.mark.parametrize("link", ["docs/nothing.md", "docs/keys.md#no-such-heading", "#no-such-heading"])
def test_a_dead_link_is_seen(link: str) -> None:
    assert dead_links(ROOT / "README.md", f"see [this]({link})") == [link]
