"""The site's colour on white and on dark paper, as CSS: always readable, whatever the configuration says.

The colour is made darker or lighter until it has the contrast that WCAG 2.2 asks of text (4.5 to 1, criterion 1.4.3).
"""

from __future__ import annotations

from collections.abc import Callable

Colour = tuple[int, int, int]

CONTRAST = 4.5
WHITE: Colour = (255, 255, 255)
LIGHT_PAPER: Colour = (255, 255, 255)
LIGHT_DESK: Colour = (238, 241, 244)
DARK_PAPER: Colour = (27, 32, 36)
_STEPS = 100


def css(colour: str) -> bytes:
    """The custom properties `--accent` and `--on-accent`, for light and dark; `colour` is `#rrggbb`."""
    wanted = _read(colour)
    light = _readable(wanted, (LIGHT_PAPER, LIGHT_DESK), _darker)
    dark = _readable(wanted, (DARK_PAPER,), _lighter)
    return (
        f":root {{ --accent: {_hex(light)}; --on-accent: {_hex(WHITE)}; }}\n"
        "@media (prefers-color-scheme: dark) {\n"
        f"  :root {{ --accent: {_hex(dark)}; --on-accent: {_hex(DARK_PAPER)}; }}\n"
        "}\n"
    ).encode()


def contrast(one: Colour, other: Colour) -> float:
    """The ratio of WCAG 2.2: 1 for the same colour, 21 for black and white."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _readable(colour: Colour, papers: tuple[Colour, ...], change: Callable[[Colour, float], Colour]) -> Colour:
    for step in range(_STEPS + 1):
        changed = change(colour, step / _STEPS)
        if all(contrast(changed, paper) >= CONTRAST for paper in papers):
            return changed
    return change(colour, 1.0)


def _darker(colour: Colour, part: float) -> Colour:
    red, green, blue = (round(value * (1 - part)) for value in colour)
    return red, green, blue


def _lighter(colour: Colour, part: float) -> Colour:
    red, green, blue = (round(value + (255 - value) * part) for value in colour)
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(value / 255) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _read(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
