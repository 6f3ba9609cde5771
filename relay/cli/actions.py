"""The decisions for a mail, and what can happen to it later, in the order of tables, with their styles."""

from __future__ import annotations

OUTGOING = {
    "encrypt": "green",
    "pass": "green",
    "clear": "yellow",
    "pickup": "green",
    "refuse": "red",
    "hold": "cyan",
    "defer": "yellow",
}
STYLES = {**OUTGOING, "decrypt": "green", "verify": "green", "picked_up": "green"}
ACTIONS = tuple(STYLES)
USUAL = ("encrypt", "pass", "clear", "refuse", "hold", "defer")
"""Of outgoing mail without pick-up."""
