"""Bars of decisions as SVG, stacked by action. Pointing at a bar shows its sum; a table shows all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ORDER = ("encrypt", "pass", "decrypt", "verify", "pickup", "clear", "hold", "defer", "refuse")
WIDTH, HEIGHT, GAP = 640, 140, 3


def bars(counts: Sequence[Mapping[str, int]], label: str, times: Sequence[str]) -> str:
    """One bar an entry; each action has the class `a-NAME`, which the stylesheet colours. Texts must be escaped."""
    most = max((sum(each.values()) for each in counts), default=0) or 1
    step = WIDTH / max(1, len(counts))
    drawn = [
        f"<g><title>{times[at]}: {sum(each.values())}</title>{_bar(each, at * step, step, most)}</g>"
        for at, each in enumerate(counts)
    ]
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        f'preserveAspectRatio="none">{"".join(drawn)}</svg>'
    )


def _bar(counts: Mapping[str, int], left: float, step: float, most: int) -> str:
    return "".join(
        f'<rect class="a-{action}" x="{left + GAP / 2:.1f}" y="{HEIGHT - (under + here) * HEIGHT / most:.1f}" '
        f'width="{step - GAP:.1f}" height="{here * HEIGHT / most:.1f}"/>'
        for action, here, under in _stacked(counts)
    )


def _stacked(counts: Mapping[str, int]) -> list[tuple[str, int, int]]:
    found, under = [], 0
    for action in ORDER:
        if here := counts.get(action, 0):
            found.append((action, here, under))
            under += here
    return found


def ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """In the order of the bars; what is in no bar is last."""
    return sorted(counts.items(), key=lambda each: ORDER.index(each[0]) if each[0] in ORDER else len(ORDER))


def totals(counts: Sequence[Mapping[str, int]]) -> list[tuple[str, int]]:
    """The sum of each action that happened."""
    sums = [(action, sum(each.get(action, 0) for each in counts)) for action in ORDER]
    return [(action, sum_) for action, sum_ in sums if sum_]
