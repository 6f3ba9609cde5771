"""Reports imported keys: each result as it comes, and the totals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import typer

from relay.admin.key_import import Outcome, Result
from relay.cli.output import print_json, say
from relay.cli.times import Look, moment

_STYLES = {Outcome.REFUSED: "red", Outcome.PROPOSED: "yellow", Outcome.IMPORTED: "green", Outcome.UPDATED: "green"}


@dataclass(slots=True)
class Report:
    """Prints each result as it comes, and the totals at the end."""

    as_json: bool
    look: Look
    quiet: bool = False
    """Only what is refused, or cannot be used."""
    fates: Counter[Outcome] = field(default_factory=Counter)
    never_usable: bool = False
    stored: set[str] = field(default_factory=set)
    """Fingerprints of what can be used now."""

    def tell(self, result: Result) -> None:
        """Count the result, and print it as one line, or with --json as one object."""
        self.fates[result.outcome] += 1
        self.never_usable |= result.never_usable
        self.stored |= {result.fingerprint} if result.certificate and not result.reason else set()
        if self.quiet and not (result.reason or result.never_usable):
            return
        if self.as_json:
            print_json(_object(result))
        elif result.outcome is not Outcome.UNCHANGED or result.never_usable:
            _tell(result, self.look)

    def close(self) -> None:
        """Print the totals; end the program with status 1 if a key was refused or can never be used."""
        if not (self.as_json or self.quiet):
            told = [outcome for outcome in Outcome if outcome is not Outcome.PROPOSED or self.fates[outcome]]
            counted = ", ".join(f"{self.fates[outcome]} {outcome.value}" for outcome in told)
            say(counted)
        if self.never_usable or not self.fates.total():
            raise typer.Exit(1)


def _tell(result: Result, look: Look) -> None:
    """Print one line: where the certificate stood, what became of it, and why."""
    where = f"{result.place}#{result.number}" if result.number > 1 else result.place
    addresses = ", ".join(a.text for a in result.certificate.listed_addresses) if result.certificate else ""
    named = "".join(f" {word}" for word in (look.key(result.fingerprint), addresses) if word)
    told = "; ".join(filter(None, [_verdict(result), *result.warnings]))
    say(f"{where}: ", (result.outcome.value, _STYLES.get(result.outcome, "")), named, f": {told}" if told else "")


def _verdict(result: Result) -> str:
    return f"not usable: {result.reason}" if result.certificate and result.reason else result.reason


def _object(result: Result) -> dict[str, object]:
    return {
        "place": result.place,
        "number": result.number,
        "result": result.outcome.value,
        "fingerprint": result.fingerprint or None,
        "addresses": [a.text for a in result.certificate.listed_addresses] if result.certificate else [],
        "expires": moment(result.certificate.expires) if result.certificate else None,
        "reason": result.reason or None,
        "warnings": list(result.warnings),
    }
