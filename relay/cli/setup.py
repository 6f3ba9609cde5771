"""`pgp-relay setup`: from a fresh installation to the first encrypted mail, by questions or options.

It writes the configuration, and runs the commands that an administrator would run; each is shown before it runs.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import setup as admin
from relay.admin.postfix.folder import postconf
from relay.cli import values
from relay.cli.context import context_of
from relay.cli.options import Options
from relay.cli.output import say
from relay.cli.questions import Questions
from relay.cli.setup_steps import Steps
from relay.cli.values import PostfixFolder
from relay.model.domain import normalise_domain, round_trips
from relay.model.errors import PostfixError

_DOMAIN = re.compile(r"(?=.{4,253}$)[^\s@.\"'\\{}\[\],:]+(\.[^\s@.\"'\\{}\[\],:]+)+")
_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f<>@]{1,200}")
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
_LOCAL = (".localdomain", ".localhost")
"""What distributions call a machine that has no domain."""
_LANGUAGES = ("en", "fr")
_SIGNS_AS = {"en": "relay", "fr": "relais"}
_UNIT = Path("/lib/systemd/system/pgp-relay.service")
_SYSTEMD = Path("/run/systemd/system")


@dataclass(frozen=True, slots=True)
class Site(Options):
    """What the configuration says of the site; what is not given is asked for."""

    domain: Annotated[str | None, typer.Option(metavar="DOMAIN", help="Your own mail domain.")] = None
    internet: Annotated[
        bool | None,
        typer.Option("--internet/--no-internet", help="Whether to ask other domains for keys (DNS, TCP 443)."),
    ] = None
    contact: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Whom senders can ask for help, with a mail address.")
    ] = None
    language: Annotated[str | None, typer.Option(metavar="en|fr", help="Language of the notices to senders.")] = None


@dataclass(frozen=True, slots=True)
class Signer(Options):
    """Whether there is a signing key, and whose name is in it."""

    sign: Annotated[str | None, typer.Option(metavar="NAME", help="Make a signing key with this name.")] = None
    no_sign: Annotated[bool, typer.Option("--no-sign", help="Make no signing key.")] = False


@dataclass(frozen=True, slots=True)
class Postfix(Options):
    """Which Postfix is connected, if any."""

    no_postfix: Annotated[bool, typer.Option("--no-postfix", help="Do not connect Postfix.")] = False
    config_dir: PostfixFolder = None


Test = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Send a test mail to this address.")]
WriteOnly = Annotated[bool, typer.Option("--write-only", help="Write the configuration and do nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing: use the defaults for whatever no option gives.")]


def setup(  # noqa: PLR0913  each is an option, or several
    context: typer.Context,
    *,
    site: Site,
    signer: Signer,
    postfix: Postfix,
    test: Test = None,
    write_only: WriteOnly = False,
    yes: Yes = False,
) -> None:
    """Set up the relay, from its configuration to a first check.

    Writes the configuration, makes a signing key, starts the relay, connects Postfix, and checks everything.

    Asks for whatever no option gives. When it is run again, it keeps the existing signing key.

    $ pgp-relay setup
    """
    steps, asks = Steps(context_of(context).path), Questions(silent=yes or write_only)
    answers = _answers(asks, site)
    text = admin.starting_text(steps.config)
    name = None if write_only else _signer(asks, signer, text, answers.domain)
    recipient = _recipient(asks, test)
    text = admin.configured(text, answers)
    _write(steps.config, text)
    if write_only:
        return
    if name:
        _sign(steps, text, answers, name)
    _start(asks, steps)
    _connect(asks, steps, postfix)
    if recipient:
        steps.mail(f"postmaster@{answers.domain}", recipient)
    if not steps.relay("check"):
        raise typer.Exit(1)


def _write(path: Path, text: str) -> None:
    admin.write(path, text)
    say(("written", "green"), f" {path}")


def _sign(steps: Steps, text: str, answers: admin.Answers, name: str) -> None:
    """Make the signing key, and add it to the text of the configuration."""
    made = steps.signing_key(name, f"{_SIGNS_AS[answers.language]}@{answers.domain}")
    admin.write(steps.config, admin.configured(text, replace(answers, signer=made)))


def _start(asks: Questions, steps: Steps) -> None:
    """Start the service now and at boot, where systemd runs it and the answer is yes."""
    if _UNIT.exists() and _SYSTEMD.is_dir() and asks.decision("Start the relay now and with the machine?"):
        steps.show("systemctl", "enable", "--quiet", "pgp-relay")
        steps.show("systemctl", "restart", "pgp-relay")


def _connect(asks: Questions, steps: Steps, postfix: Postfix) -> None:
    """Connect Postfix and reload it, where there is one and the answer is yes."""
    folder = postfix.config_dir
    if not postfix.no_postfix and _postfix_domain(folder) and asks.decision("Connect Postfix to the relay?"):
        steps.relay("postfix", "install", *(("--config-dir", str(folder)) if folder else ()))
        steps.show("postfix", *(("-c", str(folder)) if folder else ()), "reload")


def _answers(asks: Questions, site: Site) -> admin.Answers:
    found = normalise_domain(asks.text("Your mail domain", site.domain, _machines_domain(), _no_domain))
    return admin.Answers(
        domain=found,
        internet=asks.decision("May this server ask other domains for keys (DNS, TCP 443 outwards)?", site.internet),
        contact=asks.text("Whom do senders ask? Notices show it", site.contact, f"postmaster@{found}", _no_line),
        language=asks.choice("Language of the notices", site.language, _LANGUAGES),
        signer=None,
    )


def _signer(asks: Questions, signer: Signer, text: str, domain: str) -> str | None:
    """The name in a new signing key; None: none is made, or the configuration's text has one already."""
    if signer.no_sign or (signer.sign is None and admin.signs(text)):
        return None
    if signer.sign is None and not asks.decision("Make a key that signs outgoing encrypted mail?"):
        return None
    return asks.text("Name in that key", signer.sign, domain, _no_name)


def _recipient(asks: Questions, option: str | None) -> str | None:
    written = asks.text("Address for a test mail; empty: none", option, "", _no_address)
    return values.address(written).text if written else None


def _machines_domain() -> str:
    """The domain that this machine has; empty where it has none that mail could come from."""
    found = _postfix_domain(None) or socket.getfqdn()
    return "" if _no_domain(found) or found.lower().endswith(_LOCAL) else found


def _no_domain(text: str) -> str | None:
    if not text:
        return "this machine has no mail domain of its own: name yours with --domain, as in --domain hopital.example"
    sound = _DOMAIN.fullmatch(text) and round_trips(text)
    return None if sound else f"“{text}” is no mail domain: write it as hopital.example"


def _no_address(text: str) -> str | None:
    return None if not text or re.fullmatch(r"[^\s@-][^\s@]*@[^\s@]+", text) else f"“{text}” is no address: name@domain"


def _no_name(text: str) -> str | None:
    return None if _NAME.fullmatch(text) else "a key has a name without <, > and @"


def _no_line(text: str) -> str | None:
    return None if _LINE.fullmatch(text) else "one line of at most 200 characters"


def _postfix_domain(folder: Path | None) -> str | None:
    """Where Postfix says the machine's mail comes from; None without Postfix."""
    try:
        return postconf(folder, "-xh", "mydomain").strip()
    except PostfixError:
        return None
