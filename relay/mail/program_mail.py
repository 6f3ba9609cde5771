"""Whether a list or a program sent a mail, as its header says (RFC 2369, RFC 2919, RFC 3834). Raises nothing."""

from __future__ import annotations

from relay.mail import headers
from relay.mail.headers import Head

_LIST = ("list-id", "list-post", "list-unsubscribe")
_BULK = frozenset({"bulk", "junk", "list"})


def listed(head: Head) -> bool:
    """Whether the mail came through a mailing list."""
    return any(headers.first(head, name) for name in _LIST)


def automatic(head: Head) -> bool:
    """Whether a program wrote the mail. The null sender is not looked at: it is in the envelope."""
    submitted = [_first_word(field.value) for field in headers.all(head, "auto-submitted")]
    precedence = [_first_word(field.value) for field in headers.all(head, "precedence")]
    return (
        any(word != "no" for word in submitted)
        or not _BULK.isdisjoint(precedence)
        or headers.first(head, "list-id") is not None
    )


def _first_word(value: str) -> str:
    """The keyword of the field, without parameters and comments (RFC 3834 section 5)."""
    return value.replace(";", " ").replace("(", " ").strip().partition(" ")[0].lower()
