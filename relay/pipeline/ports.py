"""What the pipeline and the sources of keys need from outside: seventeen ports of one to four methods each.

An implementation translates its library's exceptions into `relay.model.errors` and raises nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from relay.model import Address, Certificate, Envelope, Lookup, Record, Reply, Signer, Unreadable
from relay.model.opened import Closed, Entitled, Opened, Signature
from relay.model.own import OwnKey
from relay.model.pickup import Pickup


class Source(Protocol):
    """Where certificates are found: the keyring, a directory, WKD."""

    @property
    def name(self) -> str:
        """`keyring`, `ldap` or `wkd`."""

    async def lookup(self, address: Address) -> Lookup:
        """What is known for this address. Never raises: what fails is an `Outage`."""


class Lookups(Protocol):
    """All sources together, for all recipients of a mail at once."""

    async def find_all(
        self, wanted: Mapping[Address, frozenset[str]], since: float | None = None
    ) -> dict[Address, Lookup]:
        """The answer for each address; the value names the sources whose outage is excused. Never raises.

        What was stored before `since` counts, a moment of `time.monotonic`; None: before this call.
        """


class Engine(Protocol):
    """Signs and encrypts to certificates, or with a code."""

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        """One binary OpenPGP message (RFC 9580 section 10.3) encrypted to all `certificates`.

        `signer` is a secret key of the keyring folder; None leaves the message unsigned. No
        compression. Raises `EngineError`, or `EngineTimeout` when the deadline passed; never returns part
        of a message.
        """

    async def sign(self, content: bytes, signer: Signer) -> bytes:
        """A detached signature over these very octets (RFC 9580 section 10.4): one binary signature packet.

        Raises as `encrypt`.
        """

    async def lock(self, payload: bytes, code: str) -> bytes:
        """One binary OpenPGP message encrypted with this code, in packets that every OpenPGP software reads.

        Its key is derived by the iterated and salted S2K with its largest count. Raises as `encrypt`.
        """


class Opener(Protocol):
    """Decrypts and verifies. Everything raises `EngineError` or `EngineTimeout` for what is an outage.

    A signature is verified with the certificates given (`signers`): if none of them made it, it is `UNKNOWN` with the
    key id that it names.
    """

    async def open(self, message: bytes, entitled: Entitled, signers: Sequence[Certificate]) -> Opened | Closed:
        """The content of one binary encrypted OpenPGP message (RFC 9580 section 10.3), or why it stays closed.

        An opened message was verified completely: session keys and one packet with integrity protection, nothing behind
        it, exactly one literal packet within. A secret part that is missing and not deleted, an agent that does not
        answer or has no memory is an outage, never `NO_KEY`.
        """

    async def verify(self, content: bytes, signature: bytes, signers: Sequence[Certificate]) -> tuple[Signature, ...]:
        """The result for each detached signature over `content` in the binary `signature`; empty: it has none."""

    async def read_signed(self, message: bytes, signers: Sequence[Certificate]) -> Opened | Closed:
        """The content of one message that is only signed: cleartext signature framework (section 7) or binary.

        A cleartext's content has no dash escapes, line ends CRLF and no line end behind its last line. `MIXED` for text
        before or behind the signed part, `DAMAGED` for what cannot be read, `TOO_LARGE` beyond the bounds.
        """


class OwnSenders(Protocol):
    """The certificates of our own addresses, as outgoing mail needs them."""

    async def key(self, address: Address) -> OwnKey | None:
        """The one that may sign for this address; made now where the address exists and has none.

        None: it is no address of ours, its certificate was taken out of use, or making one takes too long. Raises
        `StoreError`.
        """


class Outlet(Protocol):
    """Hands messages over to the next hop."""

    async def send(self, envelope: Envelope, content: bytes, may_go: Callable[[], bool] = ..., /) -> tuple[Reply, ...]:
        """Hand over one message; one reply for each of `envelope.recipients`, in their order.

        2xx only after the next hop has taken the message for that recipient. Raises `NextHopError` when it
        cannot be reached, answers 5xx to the connection, EHLO or STARTTLS, or breaks off: nothing is known
        to be taken then. `may_go` is asked just before the content: False raises `TurnLost`, and nothing is taken.
        """


class Ledger(Protocol):
    """Who has been served of transactions that are not finished: nobody is served twice."""

    async def served(self, digest: bytes) -> frozenset[str]:
        """The recipients (their addresses, exactly as they came) already served. Raises `StoreError`."""

    async def record(self, digest: bytes, recipients: Sequence[str]) -> None:
        """Write down that these are served; on disk when it returns. Raises `StoreError`."""

    async def forget(self, digest: bytes, recipients: Sequence[str]) -> None:
        """Delete these, who have had their final answer. Raises `StoreError`."""


class OpenedMail(Protocol):
    """The message identifiers of mail that was opened."""

    async def note(self, identifiers: Sequence[str]) -> None:
        """The mail with these message identifiers is opened; on disk when it returns. Raises `StoreError`."""

    async def knows(self, identifiers: Sequence[str]) -> bool:
        """Whether a mail with one of these was opened. Raises `StoreError`: assume then that one was."""


class Elsewhere(Protocol):
    """Locks against a second attempt at a transaction on another machine; a place is its number of 62 bits."""

    async def try_take(self, place: int, transaction: bytes) -> frozenset[str] | None:
        """Take the place. Returns who is served; None if another process has it. Raises `StoreError`."""

    def give_back(self, place: int) -> None:
        """Release the place."""

    def holds(self, place: int) -> bool:
        """Whether this process still has the place, so that no other one can."""


class TraceStore(Protocol):
    """Where the trace of decisions is kept."""

    async def write(self, records: Sequence[Record]) -> None:
        """Write these rows; they are on disk when it returns. Raises `StoreError`."""


class Examiner(Protocol):
    """Reads certificates and judges them, as the engine's software sees them."""

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """One verdict for each blob, in their order; each blob is one binary transferable public key.

        A certificate comes back in canonical packet order, without third-party signatures. Many blobs share
        one call of the software. Raises `EngineError` when the software itself fails.
        """

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        """Merge two states of one certificate (same fingerprint): nothing known is lost. Raises `EngineError`."""

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        """The addresses of user ids that the authority's key certifies now. Raises `EngineError`.

        The certification is verified, neither expired nor revoked.
        """

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        """Whether it has a valid revocation by this other certificate, its designated revoker.

        Raises `EngineError`.
        """


class OwnPeople(Protocol):
    """The own addresses to which the relay may write."""

    async def certificate(self, address: Address) -> OwnKey | None:
        """The certificate of an address that exists and may be written to; None for any other. Raises `StoreError`."""


class PickupService(Protocol):
    """The public web service, which shows pick-ups. Everything raises `ChannelError`."""

    async def put(self, pickup: Pickup, ciphertext: bytes) -> None:
        """Store it, not yet active, in place of an earlier one with its id."""

    async def activate(self, pickup: Pickup) -> bool:
        """Let it be opened from now on; False if it is not there."""

    async def remove(self, pickup: Pickup) -> None:
        """Take it off the public service."""


class PickupRegister(Protocol):
    """The relay's own records of pick-ups. Everything raises `StoreError`."""

    async def of(self, transaction: bytes, recipient: Address) -> Pickup | None:
        """The pick-up that an earlier attempt at this mail made for this recipient; None: there is none."""

    async def put(self, one: Pickup) -> None:
        """Store it, in place of an earlier one with its id."""

    async def activate(self, one: Pickup) -> None:
        """Record that it may be opened, and that a code given beforehand is used up."""


class Presets(Protocol):
    """Codes that recipients were given beforehand."""

    async def known(self, recipient: Address) -> bool:
        """Whether this recipient has one. Raises `StoreError`."""

    async def code(self, recipient: Address) -> str | None:
        """The recipient's unused code; None: there is none. Raises `StoreError` and `EngineError`."""


class CodeHook(Protocol):
    """A program of the site that gives codes to recipients (`pickup.hook`)."""

    async def hand_over(self, recipient: Address, code: str) -> bool:
        """Run the program; returns whether it reported success. Never raises."""


class Asking(Protocol):
    """Asks the recipients of held mail for their keys (`enrol.invite`)."""

    async def ask(self, recipient: Address) -> bool:
        """Whether this person has been asked, now or lately. Never raises."""
