"""What a notice says of a mail that looked encrypted and was not taken for that, in each language."""

from __future__ import annotations

from collections.abc import Iterable

from relay.mail.notice_texts import Language
from relay.model import Doubt

_LOOKED = {
    Language.EN: " It looked encrypted already, but was not taken for that: ",
    Language.FR: " Il semblait déjà chiffré, mais n'a pas été reconnu comme tel\xa0: ",
}

_SENTENCES: dict[Doubt, dict[Language, str]] = {
    Doubt.ANOTHER_PART: {
        Language.EN: "another part of it can be read.",
        Language.FR: "une autre de ses parties est lisible.",
    },
    Doubt.AROUND: {
        Language.EN: "there is text before, between or after its encrypted parts.",
        Language.FR: "il y a du texte avant, entre ou après ses parties chiffrées.",
    },
    Doubt.HEADERS: {
        Language.EN: "a description, file name or comment beside an encrypted part can be read.",
        Language.FR: "une description, un nom de fichier ou un commentaire à côté d'une partie chiffrée est lisible.",
    },
    Doubt.IDENTIFIERS: {
        Language.EN: "an identifier in it reads like text.",
        Language.FR: "un de ses identifiants se lit comme du texte.",
    },
    Doubt.LINES: {
        Language.EN: "its encrypted part is not laid out as encryption software does it.",
        Language.FR: "sa partie chiffrée n'est pas mise en forme comme le fait un logiciel de chiffrement.",
    },
    Doubt.FORM: {
        Language.EN: "its encrypted part does not have the form of an encrypted message.",
        Language.FR: "sa partie chiffrée n'a pas la forme d'un message chiffré.",
    },
    Doubt.READABLE: {
        Language.EN: "what should be encrypted reads like text.",
        Language.FR: "ce qui devrait être chiffré se lit comme du texte.",
    },
    Doubt.TOO_MUCH: {
        Language.EN: "it has too many parts.",
        Language.FR: "il a trop de parties.",
    },
    Doubt.UNKNOWN_KEYS: {
        Language.EN: "it is not encrypted to a key that we know for this recipient.",
        Language.FR: "il n'est pas chiffré pour une clé connue de ce destinataire.",
    },
}


def looked_encrypted(language: Language, reasons: Iterable[str]) -> str:
    """A sentence to follow another, where one of the decisions' reasons has a doubt; otherwise nothing."""
    doubt = next((doubt for reason in reasons for doubt in Doubt if reason.endswith(doubt.value)), None)
    return _LOOKED[language] + _SENTENCES[doubt][language] if doubt else ""
