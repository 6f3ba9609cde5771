"""What a pick-up's reader gets: the mail itself, with what the page needs in fields before its own.

`X-Pickup-Token` proves that it was opened, `X-Pickup-Answer-Key` is the fingerprint of the key for answers and
`X-Pickup-Answer-Certificate` that certificate, in base64. Raises nothing.
"""

from __future__ import annotations

import base64

from relay.mail.headers import Field
from relay.mail.hidden_recipients import HiddenRecipients, passed_on
from relay.model.own import OwnKey

TOKEN = "X-Pickup-Token"  # noqa: S105  the name of a field
ANSWER_KEY = "X-Pickup-Answer-Key"
ANSWER_CERTIFICATE = "X-Pickup-Answer-Certificate"

_LINE = 72
_OURS = "x-pickup-"


def payload(content: bytes, hidden: HiddenRecipients, token: str, answer_key: OwnKey | None) -> bytes:
    """Of a received mail, without what tells of hidden recipients; `answer_key` None: the page offers no answer."""
    fields = [f"{TOKEN}: {token}\r\n"]
    if answer_key:
        digits = base64.b64encode(answer_key.data).decode("ascii")
        lines = [digits[at : at + _LINE] for at in range(0, len(digits), _LINE)]
        fields += [f"{ANSWER_KEY}: {answer_key.fingerprint}\r\n"]
        fields += [f"{ANSWER_CERTIFICATE}:\r\n", *(f" {line}\r\n" for line in lines)]
    return passed_on(content, "".join(fields).encode("ascii"), hidden, _without_ours)


def _without_ours(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The page takes these fields from us alone."""
    return tuple(one for one in fields if not one.name.startswith(_OURS))
