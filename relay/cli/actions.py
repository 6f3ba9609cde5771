"""What can be decided for a mail, in the order of tables, and how each word looks."""

from __future__ import annotations

STYLES = {"encrypt": "green", "pass": "green", "clear": "yellow", "refuse": "red", "hold": "cyan", "defer": "yellow"}
ACTIONS = tuple(STYLES)
