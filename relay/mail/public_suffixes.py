"""Domains under which anybody can register another one, by the list of publicsuffix.org that is part of the program."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can register below it, also at private registries.

    `domain` is in lower case, with A-labels. A single label always counts as one.
    """
    return not domain.startswith("[") and _list().is_public(domain) is True


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList(accept_encoded_idn=True)
