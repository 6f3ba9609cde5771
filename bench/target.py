"""A target: what is measured, the bound, and whether this run met it."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from budgets import BUDGETS

TARGETS: dict[str, tuple[str, str, float]] = {
    "gnupg-raw": ("`gnupg`, 10 KB: CPU of a mail / CPU of one raw gpg call", "at most", 1.2),
    "small-10": ("`sequoia`, 10 KB, 10 sessions: CPU of a mail / pass-through's", "at most", 2.3),
    "small-50": ("`sequoia`, 10 KB, 50 sessions: CPU of a mail / pass-through's", "at most", 1.7),
    **{f"part: {part}": (f"… with 10 sessions, {part}", "at most", most) for part, most in BUDGETS.items()},
    "workers": ("`sequoia`, 2 workers, 10 KB: mails a second / pass-through with 2 processes", "at least", 0.8),
    "postfix-sequoia": ("Postfix on both sides, `sequoia`: mails a second / pass-through", "at least", 0.95),
    "postfix-gnupg": ("Postfix on both sides, `gnupg`: mails a second / pass-through", "at least", 0.5),
    "large": ("20 MB, `sequoia`: wall / (smtp-sink receives + pysequoia encrypts + aiosmtplib sends)", "at most", 1.3),
    "memory-gnupg": ("peak memory of a 20 MB mail above idle / its size, `gnupg`", "at most", 4.5),
    "memory-sequoia": ("peak memory of a 20 MB mail above idle / its size, `sequoia`", "at most", 4.5),
    "large-gnupg": ("`gnupg`, p99 of 10 KB beside three mails of 20 MB in flight / quiet", "at most", 4),
    "large-sequoia": ("`sequoia`, p99 of 10 KB beside three mails of 20 MB in flight / quiet", "at most", 4),
    "store": ("CPU of a mail with 100,000 certificates in the store / with 10", "at most", 1.03),
    "fifty-gnupg": ("50 recipients in To, 1 MB, `gnupg`: CPU / with 1 recipient", "at most", 1.5),
    "fifty-sequoia": ("50 recipients in To, 1 MB, `sequoia`: CPU / with 1 recipient", "at most", 1.5),
    "import": ("`keys import` of {certificates:,} certificates: wall / `gpg --show-keys`", "at most", 3),
    "incoming": ("incoming 10 KB, not encrypted: mails a second of CPU / passed on by a rule", "at least", 0.9),
    "open-sequoia": ("`sequoia` decrypts and verifies 10 KB: CPU / encrypting and signing it", "at most", 1.3),
    "open-gnupg": ("`gnupg` decrypts and verifies 10 KB: CPU / `gpg --decrypt`", "at most", 1.3),
    "open-addresses": ("`gnupg` opens 10 KB, {addresses:,} own addresses: CPU / with ten", "at most", 1.05),
    "open-memory": ("peak memory of an incoming 20 MB mail above idle / its size, `sequoia`", "at most", 5),
    "make-gnupg": ("`gnupg` makes 10,000 own certificates, minutes at the pace of {certificates}", "at most", 20),
    "make-sequoia": ("`sequoia` makes 10,000 own certificates, minutes at the pace of {certificates}", "at most", 1),
    "sign-clear": ("`sequoia` signs mail that leaves in cleartext: CPU / the same not signed", "at most", 1.05),
    "wkd": ("Web Key Directory, kept connections: answers a second", "at least", 1000),
    "locking-gnupg": ("`gnupg`, 10 KB become a pick-up: seconds of CPU above encrypting to a key", "at most", 0.3),
    "locking-sequoia": ("`sequoia`, 10 KB become a pick-up: seconds of CPU above encrypting to a key", "at most", 0.3),
    "beside-gnupg": ("`gnupg`, p99 of other mail beside pick-ups / quiet", "at most", 1.5),
    "beside-sequoia": ("`sequoia`, p99 of other mail beside pick-ups / quiet", "at most", 1.5),
    "pages": ("pages of pick-ups with their ciphertext, a second", "at least", 50),
    "inlet": ("the inlet receives 20 MB: CPU / (smtp-sink's + one copy)", "at most", 1.5),
}


def target(key: str, measured: float, **parts: object) -> dict[str, object]:
    words, way, bound = TARGETS[key]
    met = measured <= bound if way == "at most" else measured >= bound
    return {
        "key": key,
        "what": words.format(**parts),
        "target": f"{way} {bound:g}",
        "measured": round(measured, 2),
        "met": met,
        **parts,
    }


def turns(rounds: int, *each: Callable[[], float]) -> list[float]:
    """The median of each, A B, B A, A B."""
    taken: list[list[float]] = [[] for _ in each]
    for number in range(rounds):
        order = range(len(each))
        for at in reversed(order) if number % 2 else order:
            taken[at].append(each[at]())
    return list(map(statistics.median, taken))
