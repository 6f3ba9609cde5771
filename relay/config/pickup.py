"""The section `pickup`: mail that its recipient opens in a browser, with a code."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from relay.config.base import Contradiction, Section, setting
from relay.config.paths import File
from relay.config.values import Duration, Kind, Size, Text
from relay.model.endpoint import is_loopback
from relay.model.pickup import Handover
from relay.model.public import LARGEST_OBJECT

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _page_url(text: str) -> str:
    """`https://host`, without a `/` at its end; in clear within this machine alone."""
    parts = urlsplit(text)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (parts.scheme == "https" or plain) or not parts.hostname:
        raise ValueError(f"“{text}” is no address of a page: write https://courrier.hopital.example")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise ValueError("nothing may follow the host name: the pages are below it")
    return f"{parts.scheme}://{parts.netloc}"


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise ValueError("a colour is written #1f5fa8")
    return text.lower()


def _storable(size: int) -> int:
    if size > LARGEST_OBJECT - (4 << 20):
        raise ValueError("is at most 60MiB: the public web service takes no more")
    return size


PageUrl = Annotated[str, AfterValidator(_page_url), Kind("URL")]
Colour = Annotated[str, AfterValidator(_colour), Kind("colour")]


class PickupKeys(Section):
    """The section `pickup`: mail that is read in a browser, without OpenPGP."""

    url: PageUrl | None = setting(
        None, "The public address of `web public`, such as `https://courrier.hopital.example`; null: no pick-ups."
    )
    keep: Duration = setting("30d", "How long a mail waits for its reader.")
    code: Annotated[Handover, Field(strict=False)] = setting(
        "sender",
        "How the code gets to the recipient: `sender`: the sender gets it in a notice and passes it on; `preset`: "
        "it was given beforehand (`pickup preset`); `hook`: a program of yours sends it.",
    )
    hook: File | None = setting(
        None,
        "The program for `code: hook`; it reads the recipient's address and the code, a line each.",
    )
    phrase: Text | None = setting(
        None,
        "A phrase that your correspondents know. It is in every such mail, so that they can tell it from a false one.",
    )
    max_size: Annotated[Size, AfterValidator(_storable)] = setting("30MiB", "A larger mail is refused; at most 60MiB.")
    organisation: Text | None = setting(
        None, "Your name, on the page and in these mails; null: that in `notices.from`."
    )
    logo: File | None = setting(None, "Your logo on the page: SVG or PNG, at most 100 kB.")
    colour: Colour = setting("#1f5fa8", "The page's colour.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.hook is None) is (self.code is Handover.HOOK):
            if self.hook:
                raise Contradiction("hook", "nothing runs this program: write code: hook, or take it out")
            raise Contradiction("code", "no program hands codes over: name it under hook")
        return self

    @property
    def host(self) -> str:
        """The name of the page's machine."""
        return urlsplit(self.url or "").hostname or ""
