"""Translates the relay's reasons for a decision, or about a key, into French. Unknown ones are shown as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_PARTS = (
    (re.compile(r"key found: (.*)"), "clé trouvée\u00a0: {}"),
    (re.compile(r"already encrypted: (.*)"), "déjà chiffré\u00a0: {}"),
    (re.compile(r"the sender is not (.*)"), "l'expéditeur n'est pas {}"),
    (re.compile(r"the recipient is not (.*)"), "le destinataire n'est pas {}"),
    (re.compile(r"the subject does not contain (.*)"), "l'objet ne contient pas {}"),
    (re.compile(r"the message is not (.*)"), "le message n'est pas {}"),
    (re.compile(r"the header (\S+) is not (.*)"), "le champ {} n'est pas {}"),
    (re.compile(r"found by (.*)"), "trouvée par {}"),
    (re.compile(r"proposed: found by (.*)"), "proposée\u00a0: trouvée par {}"),
    (re.compile(r"stays closed: (.*)"), "reste fermé\u00a0: {}"),
    (re.compile(r"user added: (.*)"), "utilisateur ajouté\u00a0: {}"),
    (re.compile(r"role changed: (.*)"), "rôle modifié\u00a0: {}"),
    (re.compile(r"login linked: (.*)"), "connexion rattachée\u00a0: {}"),
    (re.compile(r"login unlinked: (.*)"), "connexion détachée\u00a0: {}"),
    (re.compile(r"second approval, the first was (.*)'s"), "seconde approbation, la première de {}"),
    (re.compile(r"held mail (\S+) to be tried"), "courriel en attente {} à réessayer"),
    (re.compile(r"pick-up (\S+) to be withdrawn"), "retrait {} à supprimer"),
    (re.compile(r"pick-up (\S+) to be announced again"), "retrait {} à annoncer de nouveau"),
    (re.compile(r"pick-up (\S+) to be extended"), "retrait {} à prolonger"),
)
_BESIDE = re.compile(r"; it looks encrypted, but |, (?=and (?:nobody|its recipient|it is) )")


def reason(text: str, language: str) -> str:
    """The reason in the visitor's language."""
    return text if language == "en" else "".join(_translated(part) for part in _split(text))


def _split(text: str) -> list[str]:
    """Split a reason into the reason itself and additions to it, with the words between them."""
    found = _BESIDE.search(text)
    return [text[: found.start()], found.group(), text[found.end() :]] if found else [text]


def _translated(part: str) -> str:
    if part == "; it looks encrypted, but ":
        return "\u202f; il paraît chiffré, mais "
    for pattern, french in _PARTS:
        if found := pattern.fullmatch(part):
            return french.format(*found.groups())
    return _whole().get(part, part)


@cache
def _whole() -> Mapping[str, str]:
    return tomllib.loads(files("relay.web.console").joinpath("words", "reasons.toml").read_text("utf-8"))
