"""What a notice says of each reason, in each language: sentences for people who never heard of a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from relay.model import Why


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
        day = "1er" if at.day == 1 and self is Language.FR else at.day
        return f"{day} {month} {at.year}{_AT[self]}{at:%H:%M}"

    def all_of(self, names: Sequence[str]) -> str:
        """`a, b and c`."""
        *first, last = names
        return f"{', '.join(first)} {_AND[self]} {last}" if first else last

    def others(self, count: int) -> str:
        """`7 others`."""
        return f"{count} {_OTHERS[self]}"


_MONTHS = {
    Language.EN: "January February March April May June July August September October November December",
    Language.FR: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_AT = {Language.EN: ", ", Language.FR: " à "}
_AND = {Language.EN: "and", Language.FR: "et"}
_OTHERS = {Language.EN: "others", Language.FR: "autres"}

_OTHER = {
    Language.EN: "the recipient's mail server does not accept it.",
    Language.FR: "le serveur de messagerie du destinataire ne l'accepte pas.",
}

_SEVERAL = {
    Language.EN: "these recipients may only get it encrypted, and that is not possible now.",
    Language.FR: "ces destinataires ne peuvent le recevoir que chiffré, et que c'est impossible pour l'instant.",
}

_BECAUSE = {Language.EN: "because ", Language.FR: "parce que "}

_EXPIRED = {
    Language.EN: "this person's encryption key has expired; a renewed one is needed.",
    Language.FR: "la clé de chiffrement de cette personne a expiré ; il en faut une renouvelée.",
}

_REVOKED = {
    Language.EN: "this person has withdrawn the encryption key; a new one is needed.",
    Language.FR: "cette personne a révoqué sa clé de chiffrement ; il en faut une nouvelle.",
}

_UNFIT = {
    Language.EN: "the encryption key we have for this address cannot be used; another one is needed.",
    Language.FR: "la clé de chiffrement connue pour cette adresse est inutilisable ; il en faut une autre.",
}

_SENTENCES: dict[Why, dict[Language, str]] = {
    Why.NO_KEY: {
        Language.EN: "we have no encryption key for this address yet.",
        Language.FR: "nous n'avons pas encore de clé de chiffrement pour cette adresse.",
    },
    Why.EXPIRED: _EXPIRED,
    Why.SUBKEY_EXPIRED: _EXPIRED,
    Why.REVOKED: _REVOKED,
    Why.SUBKEY_REVOKED: _REVOKED,
    Why.USER_ID_REVOKED: _REVOKED,
    Why.NOT_YET_VALID: _UNFIT,
    Why.INVALID: _UNFIT,
    Why.DISABLED: _UNFIT,
    Why.NO_USER_ID: _UNFIT,
    Why.NO_ENCRYPTION: _UNFIT,
    Why.UNSUPPORTED: _UNFIT,
    Why.UNLISTED: _UNFIT,
    Why.WEAK: {
        Language.EN: "the encryption key we have for this address is too weak; a stronger one is needed.",
        Language.FR: "la clé de chiffrement connue pour cette adresse est trop faible ; il en faut une plus forte.",
    },
}


def reason_in(language: Language, reason: str) -> str:
    """The sentence for a decision's reason; what is not about a key is the next hop's refusal."""
    known = next((why for why in Why if reason.startswith(why.value)), None)
    return (_SENTENCES[known] if known else _OTHER)[language]


def because(language: Language, reasons: Sequence[str]) -> str:
    """The end of a notice's first sentence, with its conjunction: the reason where there is one."""
    each = {reason_in(language, reason) for reason in reasons}
    one = len(reasons) == 1 or each == {_OTHER[language]}
    return _BECAUSE[language] + (each.pop() if one else _SEVERAL[language])
