"""The sentences of notices for each reason, in each language, for readers who have never heard of a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from relay.model import Why
from relay.model.pickup import QUOTES_CODE


class Language(Enum):
    """The languages notices are written in."""

    EN = "en"
    FR = "fr"

    @property
    def administrator(self) -> str:
        """Whom to ask where no contact is configured."""
        return {"en": "your mail administrator", "fr": "votre service informatique"}[self.value]

    def moment(self, at: datetime) -> str:
        """Day and time, as people write them."""
        month = _MONTHS[self].split()[at.month - 1]
        if self is Language.EN:
            return f"{at.day} {month} {at.year}, {at:%H:%M}"
        return f"{'1er' if at.day == 1 else at.day} {month} {at.year} à {at:%H}\xa0h\xa0{at:%M}"

    def all_of(self, names: Sequence[str]) -> str:
        """`a, b and c`."""
        *first, last = names
        return f"{', '.join(first)} {_AND[self]} {last}" if first else last

    def others(self, count: int) -> str:
        """How many others there are, in words: `7 others`."""
        return f"{count} {_OTHERS[self]}"


class Sentence(NamedTuple):
    """A reason, for one recipient and for several."""

    one: str
    several: str


_MONTHS = {
    Language.EN: "January February March April May June July August September October November December",
    Language.FR: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_AND = {Language.EN: "and", Language.FR: "et"}
_OTHERS = {Language.EN: "others", Language.FR: "autres"}
_BECAUSE = {Language.EN: "because ", Language.FR: "parce que "}
_DIFFERENT = {
    Language.EN: "these recipients may only get it encrypted, and that is not possible now.",
    Language.FR: "ces destinataires ne peuvent le recevoir que chiffré, ce qui est impossible pour l'instant.",
}

_OTHER = {
    Language.EN: Sentence(
        "the recipient's mail server does not accept it.",
        "the recipients' mail servers do not accept it.",
    ),
    Language.FR: Sentence(
        "le serveur de messagerie du destinataire l'a refusé.",
        "les serveurs de messagerie des destinataires l'ont refusé.",
    ),
}
_NO_KEY = {
    Language.EN: Sentence(
        "we have no encryption key for this address yet.",
        "we have no encryption key for these addresses yet.",
    ),
    Language.FR: Sentence(
        "nous n'avons pas encore de clé de chiffrement pour cette adresse.",
        "nous n'avons pas encore de clé de chiffrement pour ces adresses.",
    ),
}
_EXPIRED = {
    Language.EN: Sentence(
        "this person's encryption key has expired; a renewed one is needed.",
        "the encryption keys of these recipients have expired; renewed ones are needed.",
    ),
    Language.FR: Sentence(
        "la clé de chiffrement du destinataire a expiré\xa0; elle doit être renouvelée.",
        "les clés de chiffrement des destinataires ont expiré\xa0; elles doivent être renouvelées.",
    ),
}
_REVOKED = {
    Language.EN: Sentence(
        "this person has withdrawn the encryption key; a new one is needed.",
        "these recipients have withdrawn their encryption keys; new ones are needed.",
    ),
    Language.FR: Sentence(
        "le destinataire a révoqué sa clé de chiffrement\xa0; une nouvelle clé est nécessaire.",
        "les destinataires ont révoqué leurs clés de chiffrement\xa0; de nouvelles clés sont nécessaires.",
    ),
}
_UNFIT = {
    Language.EN: Sentence(
        "the encryption key we have for this address cannot be used; another one is needed.",
        "the encryption keys we have for these addresses cannot be used; other ones are needed.",
    ),
    Language.FR: Sentence(
        "la clé de chiffrement connue pour cette adresse est inutilisable\xa0; une autre clé est nécessaire.",
        "les clés de chiffrement connues pour ces adresses sont inutilisables\xa0; d'autres clés sont nécessaires.",
    ),
}
_WEAK = {
    Language.EN: Sentence(
        "the encryption key we have for this address is too weak; a stronger one is needed.",
        "the encryption keys we have for these addresses are too weak; stronger ones are needed.",
    ),
    Language.FR: Sentence(
        "la clé de chiffrement connue pour cette adresse est trop faible\xa0; une clé plus robuste est nécessaire.",
        "les clés de chiffrement connues pour ces adresses sont trop faibles\xa0; il en faut de plus robustes.",
    ),
}

_QUOTES_CODE = {
    Language.EN: Sentence(
        "it holds the code of a confidential message, which must never travel by mail.",
        "it holds the code of a confidential message, which must never travel by mail.",
    ),
    Language.FR: Sentence(
        "il contient le code d'un message confidentiel, qui ne doit jamais être envoyé par courriel.",
        "il contient le code d'un message confidentiel, qui ne doit jamais être envoyé par courriel.",
    ),
}

_UNTRUSTED = {
    Language.EN: Sentence(
        "the encryption key found for this address has to be confirmed first.",
        "the encryption keys found for these addresses have to be confirmed first.",
    ),
    Language.FR: Sentence(
        "la clé de chiffrement trouvée pour cette adresse doit d'abord être confirmée.",
        "les clés de chiffrement trouvées pour ces adresses doivent d'abord être confirmées.",
    ),
}

_ASKED = {
    Language.EN: Sentence(
        " We have asked the recipient for a key by mail.",
        " We have asked some of the recipients for their keys by mail.",
    ),
    Language.FR: Sentence(
        " Nous avons demandé une clé au destinataire par courriel.",
        " Nous avons demandé leur clé par courriel à certains des destinataires.",
    ),
}

_SENTENCES: Mapping[Why, Mapping[Language, Sentence]] = {
    Why.NO_KEY: _NO_KEY,
    Why.EXPIRED: _EXPIRED,
    Why.SUBKEY_EXPIRED: _EXPIRED,
    Why.REVOKED: _REVOKED,
    Why.SUBKEY_REVOKED: _REVOKED,
    Why.USER_ID_REVOKED: _REVOKED,
    Why.WEAK: _WEAK,
    Why.UNTRUSTED: _UNTRUSTED,
}
"""For all other reasons the key is unfit."""


def reason_in(language: Language, reason: str, *, several: bool = False) -> str:
    """The sentence for a decision's reason; what is not about a key is the next hop's refusal."""
    known = next((why for why in Why if reason.startswith(why.value)), None)
    other = _QUOTES_CODE if reason.startswith(QUOTES_CODE) else _OTHER
    sentence = (_SENTENCES.get(known, _UNFIT) if known else other)[language]
    return sentence.several if several else sentence.one


def because(language: Language, reasons: Sequence[str]) -> str:
    """The end of a notice's first sentence, with its conjunction: the reason where all recipients have the same."""
    each = {reason_in(language, reason, several=len(reasons) > 1) for reason in reasons}
    return _BECAUSE[language] + (each.pop() if len(each) == 1 else _DIFFERENT[language])


def asked(language: Language, *, several: bool = False) -> str:
    """A sentence to follow another: the recipient, or some of several, was asked for a key."""
    return _ASKED[language].several if several else _ASKED[language].one
