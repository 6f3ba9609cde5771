"""How much is measured: the whole matrix in about 20 minutes of two quiet processors, or less of it."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {10_000: "10 KB", 1_000_000: "1 MB", 20_000_000: "20 MB"}
SMALL, MIDDLE, LARGE = NAMES


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmark."""

    sizes: tuple[int, ...] = tuple(NAMES)
    sessions: tuple[int, ...] = (1, 10, 50)
    protocols: tuple[str, ...] = ("lmtp", "smtp")
    rounds: int = 3
    """Of the matrix; one where mails of 20 MB come in ten sessions or more."""
    turns: int = 5
    """Of each target."""
    seconds: float = 1.5
    """For one program in one round, about; large mails take longer."""
    certificates: int = 10_000
    many: int = 100_000
    imported: int = 10_000
    own_addresses: int = 20_000
    at_once: int = 1 << 40
    """Octets of messages that are sent at the same time, at most: quick runs leave out what is more."""
    first: int = 50
    """Small mails in the first round, when nothing is known of a program's pace."""
    workers: tuple[int, ...] = (1, 2)

    def mails(self, size: int, sessions: int, pace: float) -> int:
        """For a program that took so many mails a second in the round before; 0: there was none."""
        if size == LARGE:
            return max(2, sessions)
        return max(sessions, int(pace * self.seconds) or (self.first if size == SMALL else 10))

    def compares(self, processes: int, size: int, sessions: int, protocol: str) -> bool:
        """Whether a program of so many processes has a row in that cell."""
        return processes == 1 or (protocol == "lmtp" and size * sessions < 50 * LARGE)

    def times(self, size: int, sessions: int) -> int:
        """Rounds of one cell."""
        return 1 if size * sessions >= 10 * LARGE else self.rounds


FULL = Plan()
QUICK = Plan(
    (SMALL, LARGE),
    (1, 10),
    ("lmtp",),
    rounds=2,
    turns=3,
    seconds=0.5,
    imported=2000,
    own_addresses=2000,
    at_once=5 * LARGE,
)
SMOKE = Plan(
    (SMALL,),
    (2,),
    ("lmtp",),
    rounds=1,
    turns=1,
    seconds=0.01,
    certificates=600,
    many=600,
    imported=20,
    own_addresses=20,
    first=2,
    workers=(1,),
)
