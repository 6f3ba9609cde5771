"""Questions to the administrator, on standard error; the answer is a line of standard input.

What an option already says is not asked. An empty line, and the end of the input, mean the default.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.cli.output import complain, fail, shown

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Questions:
    """`silent`: nothing is asked, and every answer is its default."""

    silent: bool = False

    def text(self, question: str, option: str | None, default: str, valid: Callable[[str], str | None]) -> str:
        """A text; `valid` says in words what is wrong with one. An option that is wrong ends the program."""
        if option is not None or self.silent:
            answer = default if option is None else option
            wrong = valid(answer)
            return fail(wrong, status=2) if wrong else answer
        for _ in range(_TRIES):
            answer = self._line(f"{question} [{default}]" if default else question) or default
            wrong = valid(answer)
            if not wrong:
                return answer
            complain(wrong)
        return fail("no answer that can be used", status=2)

    def choice(self, question: str, option: str | None, choices: Sequence[str]) -> str:
        """One of these, the first by default."""
        listed = ", ".join(choices)
        wrong = f"one of {listed}"
        return self.text(f"{question} ({listed})", option, choices[0], lambda text: None if text in choices else wrong)

    def decision(self, question: str, option: bool | None = None) -> bool:  # noqa: FBT001  the option's value
        """Yes or no, yes by default."""
        if option is not None or self.silent:
            return option is not False
        return self._line(f"{question} [Y/n]").lower() in {"", "y", "yes", "o", "oui"}

    def _line(self, question: str) -> str:
        sys.stderr.write(f"{shown(question)}: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip()
