"""The exceptions that leave their package, in one tree.

    RelayError
    ├── AddressError          no mail address
    ├── ReplyError            an SMTP reply that contradicts itself: a bug, never input
    ├── ConfigError           a wrong configuration; carries every fault with file and line
    ├── OpenPgpError          bytes that are not the OpenPGP they should be
    │   ├── NotEncrypted      what was about to leave as an encrypted mail is not one
    │   ├── NotSigned         what was about to leave as a signed mail is not one
    │   ├── Doubtful          what came in looks encrypted and may not be; carries the doubt
    │   ├── SecretKeyFound    a secret key where public ones belong
    │   └── TooManyPackets    more packets than are read
    ├── EngineError           encrypting or opening failed; temporary, whatever the reason
    │   └── EngineTimeout     … because it took longer than its deadline
    ├── StoreError            the store cannot be read or written; an outage, never "no key"
    │   └── Crowded           as much waits for the relay as may, of what visitors of the public web service sent
    ├── NextHopError          the next hop cannot be reached or breaks the protocol; temporary
    │   └── Unwilling         … it answers, and refuses what the relay needs; the text says what to do there
    ├── TurnLost              another node may have the mail now: nothing more of it is handed over; temporary
    ├── ListenError           an address that cannot be listened on
    ├── ChannelError          the public web service cannot be reached or does not answer as it should; temporary
    ├── PostfixError          Postfix's configuration cannot be read, or is not ours to change
    ├── PickupError           a pick-up that is not there, or is over
    ├── NodeError             this node must not serve beside the others that share its database
    ├── OwnError              own addresses: not of our domains, no certificate, not in this state
    └── BackupError           a backup that cannot be written, or may not be restored

An exception that stays in its package derives from one of these too; where it cannot, tests/unit/model/test_errors.py
has the reason. Texts are for the log of a person who runs the relay: they never hold a subject, a body or what another
program printed. Adapters translate their library's exceptions into these once, at their edge.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.model.doubt import Doubt


class RelayError(Exception):
    """The root of the exceptions that the relay raises on purpose."""


class AddressError(RelayError):
    """The text is no mail address."""


class ReplyError(RelayError):
    """A reply whose code and enhanced status contradict each other."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the configuration, and where it stands (`line` counts from 1, 0: no line)."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class ConfigError(RelayError):
    """The configuration is wrong; `faults` names all that is, in the order of the file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class OpenPgpError(RelayError):
    """Not the OpenPGP data it should be."""


class NotEncrypted(OpenPgpError):
    """A message that was to leave encrypted failed the last check."""


class NotSigned(OpenPgpError):
    """A message that was to leave signed in clear failed the last check."""


class Doubtful(OpenPgpError):
    """A part looks encrypted and is not taken for that; `doubt` says why."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.value)
        self.doubt = doubt


class SecretKeyFound(OpenPgpError):
    """What was offered as certificates holds a secret key."""


class TooManyPackets(OpenPgpError):
    """More packets than are read."""


class EngineError(RelayError):
    """The engine did not encrypt, or could not tell whether a message opens."""


class EngineTimeout(EngineError):
    """The engine did not do it in time."""


class StoreError(RelayError):
    """The store cannot be used now."""


class Crowded(StoreError):
    """As many events of a kind wait for the relay as may; strangers cause it, so it is no line in the log."""


class NextHopError(RelayError):
    """The next hop cannot be used now."""


class Unwilling(NextHopError):
    """The next hop answers, but refuses what is needed to send mail."""


class TurnLost(RelayError):
    """Another attempt at the same mail may have begun."""


class ListenError(RelayError):
    """An address of `listen` is taken, not ours, or does not resolve."""


class ChannelError(RelayError):
    """The public web service cannot be used now; the text says what to do."""


class PostfixError(RelayError):
    """Postfix's configuration cannot be read or changed; the text says what a person can do."""


class OwnError(RelayError):
    """What was asked for an own address cannot be done; the sentence says why."""


class PickupError(RelayError):
    """What was asked for a pick-up cannot be done; the sentence says why."""


class NodeError(RelayError):
    """A node must not serve beside the others that share its database."""


class BackupError(RelayError):
    """A backup cannot be written, or is none that may be restored."""
