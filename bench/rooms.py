"""The processor time of a small mail beside the pass-through's: the whole, and each part held to its budget.

`sequoia`, 10 KB, LMTP, one worker. A part costs its share of py-spy's samples (`where`) times what a mail costs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import subjects
import where
from budgets import BUDGETS
from plan import SMALL, Plan
from target import target, turns

ENGINE = "sequoia"
WHOLE = {10: "small-10", 50: "small-50"}
"""Sessions, and the target of the whole."""


def measures(
    plan: Plan, ours: subjects.Subject, passthrough: subjects.Subject, cost: Callable[..., float]
) -> list[dict[str, object]]:
    """The targets; `cost` is the milliseconds of a mail of a program."""
    rows, ratios = [], []
    for sessions, key in WHOLE.items():
        mails = max(sessions, int(150 * plan.seconds))
        each = (partial(cost, program, mails, sessions=sessions) for program in (ours, passthrough))
        relay, bare = turns(plan.turns, *each)
        ratios.append(relay / max(bare, 0.01))  # a tick of the clock is 10 ms
        rows.append(target(key, ratios[-1], relay_cpu_ms=round(relay, 2), pass_through_cpu_ms=round(bare, 2)))
    return rows + (_parts(plan, ratios[0]) if where.can_sample() else [])


def _parts(plan: Plan, ratio: float) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        folder = Path(name)
        stock = subjects.stocked(folder / "stock", where.CERTIFICATES)
        shares = where.shares(where.sampled(folder, stock, ENGINE, SMALL, max(100, int(1000 * plan.seconds))))
    return [target(f"part: {part}", ratio * shares[part] / 100) for part in BUDGETS]
