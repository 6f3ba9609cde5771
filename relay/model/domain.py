"""Domain names as they are compared: lower case and A-labels (RFC 5890, RFC 5891). Pure."""

from __future__ import annotations

import idna

_ACE = "xn--"


def normalise_domain(domain: str) -> str:
    """The name in lower case and A-labels; one that cannot be converted is lowered and otherwise left alone."""
    lowered = domain.rstrip(".").lower()
    if lowered.isascii():
        return lowered
    try:
        mapped = idna.uts46_remap(lowered, std3_rules=False)  # other scripts have full stops too
        return ".".join(map(_a_label, mapped.split("."))).rstrip(".")
    except idna.IDNAError:
        return lowered


def round_trips(domain: str) -> bool:
    """Whether its labels are the same in both forms, U-label and A-label, case apart (RFC 5891 section 5).

    Only then do all programs read it as `normalise_domain` does. Postfix maps names by UTS 46 and compares them by full
    case folding: it takes symbols that IDNA 2008 refuses, makes `ss` of `ß`, and drops characters that nobody sees.
    """
    try:
        return all(map(_round_trips, domain.removesuffix(".").split(".")))
    except UnicodeError:  # idna.IDNAError is one
        return False


def _a_label(label: str) -> str:
    return label if label.isascii() else idna.alabel(label).decode("ascii")


def _round_trips(label: str) -> bool:
    lowered = label.lower()
    if lowered.isascii() and not lowered.startswith(_ACE):
        return True
    unicode = idna.ulabel(lowered)  # raises where IDNA 2008 refuses it, in either form
    return lowered == _a_label(unicode) or lowered == unicode == label.casefold()
