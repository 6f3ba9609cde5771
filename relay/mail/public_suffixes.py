"""Domains under which anybody can register another one, by the list of publicsuffix.org that is part of the program."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(domain: str) -> bool:
    """Whether it is one, those of private registries too (lower case, A-labels); a single label always is one."""
    return not domain.startswith("[") and _list().is_public(domain) is True


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList(accept_encoded_idn=True)
