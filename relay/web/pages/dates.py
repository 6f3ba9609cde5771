"""Days and times as people write them, in English and French."""

from __future__ import annotations

from datetime import datetime

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_SHORT = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
}


def day(at: datetime, language: str) -> str:
    """`1 December 2026`, `1er décembre 2026`; with spaces that do not break."""
    return f"{_number(at, language)}\xa0{_MONTHS[language].split()[at.month - 1]}\xa0{at.year}"


def short_day(at: datetime, language: str) -> str:
    """`1 Dec`, `1er déc.`."""
    return f"{_number(at, language)}\xa0{_SHORT[language].split()[at.month - 1]}"


def moment(at: datetime, language: str, clock: str = "%H:%M") -> str:
    """`1 December 2026, 14:09`, `1er décembre 2026 à 14:09`; `clock` is the form of the time, as strftime takes it."""
    between = " à\xa0" if language == "fr" else ", "
    return f"{day(at, language)}{between}{at:{clock}}"


def _number(at: datetime, language: str) -> str:
    return "1er" if language == "fr" and at.day == 1 else str(at.day)
