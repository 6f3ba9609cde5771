"""docs/pictures: what `explain` prints and a notice, as drawings; `make screens` writes them.

    python -m lab.pictures FOLDER

`explain` is the first one of docs/screens.md, the notice is composed by the relay. Each drawing has a twin with shorter
lines (`-tall`) for narrow screens.
"""

from __future__ import annotations

import email
import email.policy
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from html import escape
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from lab.fakes import inbound
from relay.mail.notice import Kind, Notices, Template, Told, Wording
from relay.mail.notice_texts import Language
from relay.model import Mailbox, Why

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "docs" / "screens.md"
WIDE, NARROW = 84, 44  # columns
ADVANCE, LINE, MARGIN, BAR = 8.43, 21, 18, 34  # of a 14 px monospace font; the bar above the text
STYLE = """<style>
    .drawing { --ink: var(--md-default-fg-color, #1c2726); --soft: var(--md-default-fg-color--light, #5b6967);
      --paper: var(--md-default-bg-color, #ffffff); --accent: var(--drawing-accent, #00796b);
      --tint: var(--drawing-tint, #e0f2ef); }
    @media (prefers-color-scheme: dark) {
      .drawing { --ink: var(--md-default-fg-color, #e6edec); --soft: var(--md-default-fg-color--light, #9aa8a6);
        --paper: var(--md-default-bg-color, #161b22); --accent: var(--drawing-accent, #4db6ac);
        --tint: var(--drawing-tint, #17322f); }
    }
    .drawing .window { fill: var(--paper); stroke: var(--soft); stroke-width: 1; }
    .drawing .bar { fill: var(--tint); }
    .drawing .mono { fill: var(--ink); font: 14px "Roboto Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
      text-anchor: start; white-space: pre; }
    .drawing .mono .strong { fill: var(--accent); font-weight: 600; }
    .drawing .soft { fill: var(--soft); }
  </style>"""


class Line(NamedTuple):
    """One line of text; `strong`: how many of its first characters stand out."""

    text: str
    strong: int = 0


def explained() -> tuple[str, list[Line]]:
    """The command of the first `explain` on docs/screens.md, and the lines it printed."""
    block = SCREENS.read_text(encoding="utf-8").split("```console\n$ pgp-relay explain", 1)[1].split("\n```", 1)[0]
    command, *printed = f"$ pgp-relay explain{block}".splitlines()
    lines = [Line(command, len(command)), *(Line(line, _label(line)) for line in printed)]
    return "what will happen to a mail", lines


def _label(line: str) -> int:
    """How long what stands before a colon or two blanks is."""
    found = re.match(r" *\S+(?: \S+)*?(?=:|  |$)", line)
    return found.end() if found else 0


def noticed() -> tuple[str, list[Line]]:
    """The notice about a mail that was not sent, as its sender reads it."""
    folder = resources.files("relay.mail") / "templates" / "en"
    notices = Notices(
        wordings={
            kind: Wording(*[Template((folder / f"{kind.value}.txt").read_text(encoding="utf-8"))] * 2) for kind in Kind
        },
        language=Language.EN,
        sender=Mailbox.parse("postmaster@hopital.example"),
        contact="the IT desk, phone 4321",
        hostname="relay.hopital.example",
        waits=timedelta(days=5),
    )
    mine = inbound("labo@ville.example", sender="dr.martin@hopital.example", id_="1M8AMYY4XZRKYD5")
    told = Told(mine.envelope.recipients[0], Why.EXPIRED, "5.7.1")
    mail = email.message_from_bytes(notices.compose(Kind.REFUSED, mine, [told]), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("plain",))
    assert body
    head = [f"{name}: {mail[name]}" for name in ("From", "To", "Subject")]
    text: list[str] = body.get_content().rstrip().splitlines()
    return "a mail that was not sent", [*(Line(line, line.find(":") + 1) for line in head), Line(""), *map(Line, text)]


def drawing(name: str, title: str, lines: list[Line], columns: int) -> str:
    """A window with these lines, none longer than so many columns."""
    shown = [row for line in lines for row in _wrapped(line, columns)]
    width, height = 2 * MARGIN + columns * ADVANCE, BAR + MARGIN + len(shown) * LINE + MARGIN / 2
    rows = "\n".join(_row(row, BAR + MARGIN + number * LINE + 8) for number, row in enumerate(shown))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 {width:.0f} {height:.0f}"
  role="img" aria-labelledby="{name}-title">
  <title id="{name}-title">{escape(title)}</title>
  {STYLE}
  <rect class="window" x="1" y="1" width="{width - 2:.0f}" height="{height - 2:.0f}" rx="8"/>
  <path class="bar" d="M2 {BAR} V9 a7 7 0 0 1 7 -7 H{width - 9:.0f} a7 7 0 0 1 7 7 V{BAR} z"/>
  <circle class="soft" cx="18" cy="18" r="5"/><circle class="soft" cx="36" cy="18" r="5"/>
  <circle class="soft" cx="54" cy="18" r="5"/>
{rows}
</svg>
"""


def drawings() -> Iterator[tuple[str, str]]:
    """Each file's name and content."""
    for name, (title, lines) in {"explain": explained(), "notice": noticed()}.items():
        for suffix, columns in (("", WIDE), ("-tall", NARROW)):
            yield f"{name}{suffix}.svg", drawing(f"{name}{suffix}", title, lines, columns)


def _wrapped(line: Line, columns: int) -> list[Line]:
    indent = re.match(r" *(?:\d\. )?", line.text)
    hanging = " " * len(indent[0] if indent else "")
    rows = textwrap.wrap(line.text, columns, subsequent_indent=hanging, break_on_hyphens=False)
    whole = line.strong == len(line.text)
    return [Line(row, len(row) if whole else 0 if at else line.strong) for at, row in enumerate(rows)] or [line]


def _row(line: Line, y: float) -> str:
    strong, rest = line.text[: line.strong], line.text[line.strong :]
    marked = f'<tspan class="strong">{escape(strong)}</tspan>' if strong else ""
    return f'  <text class="mono" x="{MARGIN}" y="{y:.0f}" xml:space="preserve">{marked}{escape(rest)}</text>'


if __name__ == "__main__":
    for file, content in drawings():
        (Path(sys.argv[1]) / file).write_text(content, encoding="utf-8")
