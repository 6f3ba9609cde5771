"""The keys of one rule of `policy`, and the rule they make."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relay.config.base import Contradiction, Section, needed, optional, setting
from relay.config.lists import Several
from relay.config.values import FieldName, LeftOut, Pattern, Text
from relay.policy import (
    DEFAULT_RULE,
    OPENED,
    OWN_NOTICE,
    AddressPattern,
    Encryption,
    HeaderPattern,
    PassEncrypted,
    Rule,
    SubjectPattern,
    Trust,
    WithoutKey,
    WkdOutage,
)


def _name(text: object) -> object:
    if text == DEFAULT_RULE.name:
        raise ValueError(f"“{text}” is what the trace says where no rule matched: choose another name")
    if isinstance(text, str) and text in {OPENED, OWN_NOTICE.name}:
        raise ValueError(f"“{text}” is what the trace says of mail that no rule is for: choose another name")
    return text


def _address(pattern: AddressPattern) -> AddressPattern:
    if pattern.null:
        raise ValueError("<> is the null sender and no recipient: it goes under from")
    return pattern


class RuleKeys(Section):
    """Conditions, all of which have to hold, and what is done with the mail then."""

    name: Annotated[Text, BeforeValidator(_name)] = needed("The name of the rule in the trace and in `explain`.")
    from_: LeftOut[Several[Pattern]] = optional(
        "Envelope senders: `name@domain`, `*@domain`, `*@*.domain` (below it), `<>`.", alias="from"
    )
    to: LeftOut[Several[Annotated[Pattern, AfterValidator(_address)]]] = optional(
        "Recipients: `name@domain`, `*@domain`, `*@*.domain` (below it), `*`."
    )
    subject: LeftOut[Several[Text]] = optional(
        "One of these texts stands in the subject; case and accents do not matter."
    )
    header: LeftOut[Annotated[dict[FieldName, Several[Text]], Field(min_length=1)]] = optional(
        "Header fields with these values; `*` stands for any text; case and accents do not matter."
    )
    shape: LeftOut[Several[Literal["signed", "encrypted", "list", "automatic", "calendar", "tnef"]]] = optional(
        "What the message is, by its structure."
    )
    encrypt: Annotated[Encryption, Field(strict=False)] = setting(
        "required",
        "`never`: cleartext. `preferred`: encrypted, cleartext only if no source has a key. `required`: encrypted.",
    )
    without_key: Annotated[WithoutKey, Field(strict=False)] = setting(
        "refuse",
        "A mail that cannot be encrypted is refused, waits in Postfix's queue until a key arrives (`hold`), or is put "
        "on the web service, where its recipient opens it in a browser with a code (`pickup`).",
    )
    pass_encrypted: Annotated[PassEncrypted, Field(strict=False)] = setting(
        "any",
        "Mail that is encrypted already passes: `any`, or (`known`) only if it is encrypted to a key that is known for "
        "the recipient; other mail is encrypted again, or refused.",
    )
    sign: bool = setting(
        default=True, why="Sign what is encrypted, with the sender's own key (`own`) or the one that `sign` names."
    )
    sign_clear: bool = setting(
        default=False,
        why="Sign cleartext mail too (`multipart/signed`); calendar and list mail and what is signed already stay as "
        "they are.",
    )
    protect_subject: bool = setting(default=True, why="Encrypt the subject too; the readable subject is `[...]`.")
    refuse_with: LeftOut[Literal["notice", "reply"]] = optional(
        "As the key of that name at the top level, for this rule."
    )
    trust: Annotated[Trust, Field(strict=False)] = setting(
        "any",
        "Which keys are good enough: `any`, `directory` (also proved by their owner, or published by LDAP or WKD), "
        "`approved` (imported, approved, bound, or certified by one of `authorities`). Others are not used.",
    )
    wkd_outage: Annotated[WkdOutage, Field(strict=False)] = setting(
        "defer", "`not_found`: if the domains of `to` do not answer to WKD, they have no key there."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.encrypt is Encryption.NEVER and self.without_key is WithoutKey.HOLD:
            raise Contradiction("without_key", "nothing waits for a key where encrypt is never: take one of them out")
        if self.encrypt is Encryption.NEVER and self.without_key is WithoutKey.PICKUP:
            raise Contradiction("without_key", "nothing is picked up where encrypt is never: take one of them out")
        if self.wkd_outage is WkdOutage.NOT_FOUND and not (self.to and all(pattern.domain for pattern in self.to)):
            raise Contradiction("wkd_outage", "an outage is excused for named domains alone: name them under to")
        return self

    def rule(self, refuse_with: str) -> Rule:
        """The rule; `refuse_with` applies where it has none of its own."""
        return Rule(
            name=self.name,
            senders=self.from_ or (),
            recipients=self.to or (),
            subjects=tuple(SubjectPattern(text) for text in self.subject or ()),
            headers=tuple(HeaderPattern(name, values) for name, values in (self.header or {}).items()),
            shapes=frozenset(self.shape or ()),
            encrypt=self.encrypt,
            without_key=self.without_key,
            pass_encrypted=self.pass_encrypted,
            sign=self.sign,
            sign_clear=self.sign_clear,
            protect_subject=self.protect_subject,
            by_reply=(self.refuse_with or refuse_with) == "reply",
            wkd_outage=self.wkd_outage,
            trust=self.trust,
        )
