"""The whole configuration. Every key but `policy` has a default. Frozen, and without I/O."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from relay.config.base import Section, needed, setting
from relay.config.console import ConsoleKeys
from relay.config.enrol import EnrolKeys
from relay.config.inbound import InboundKeys
from relay.config.key_origins import AuthorityKeys, HarvestKeys
from relay.config.lists import AtLeastOne, InOrder, Listed
from relay.config.own import OwnKeys
from relay.config.paths import DatabaseUrl, File, FolderToBe, SecretFile
from relay.config.pickup import PickupKeys
from relay.config.rules import RuleKeys
from relay.config.sections import Deadlines, Log, LookupKeys, Notices, Sign, Tls
from relay.config.values import AllowedNetwork, Duration, Host, NodeName, Place, Size, Where
from relay.config.web import Web
from relay.model.endpoint import Endpoint, HttpPlace
from relay.policy import DEFAULT_RULE, Rule


class Config(Section):
    """The configuration, as `load` returns it."""

    listen: AtLeastOne[Where] = setting(
        ["lmtp://127.0.0.1:10025"],
        "Where the relay listens: `lmtp://` or `smtp://`, with `host:port` or the `/path` of a Unix socket.",
    )
    allow: AtLeastOne[AllowedNetwork] = setting(["127.0.0.0/8", "::1/128"], "Who may connect; everybody else gets 554.")
    reinject: Where = setting("smtp://127.0.0.1:10026", "The next hop: `smtp://`, `smtp+starttls://`, `lmtp://`.")
    reinject_ca_file: File | None = setting(
        None,
        "For `smtp+starttls://`: the authorities that may have issued the next hop's certificate, PEM; null: the "
        "system's.",
    )
    tls: Tls | None = setting(None, "TLS for incoming connections; required outside the loopback.")
    plaintext_network: bool = setting(default=False, why="Allow SMTP without TLS outside the loopback.")
    hostname: Host | None = setting(None, "The relay's name in EHLO and `Received`; null: this machine's name.")
    max_message_size: Size = setting("50MiB", "A larger message is refused (552).")
    memory: Size = setting(
        "1GiB",
        "Memory for large mails (from 128 KiB on), of all workers together; each counts five times its size. Where it "
        "is used up, further large mails wait.",
    )
    workers: Annotated[int, Field(ge=1, le=256)] = setting(1, "Worker processes.")
    deadlines: Deadlines = setting({}, "How long each step may take.")
    shadow: bool = setting(
        default=False, why="Decide, encrypt, check and trace, but send every outgoing mail on unchanged."
    )
    keyring: FolderToBe = setting(
        "keyring", "The folder of the store and the GnuPG home, mode 0700; may be empty at first."
    )
    database: DatabaseUrl | None = setting(
        None, "null: SQLite in the keyring folder. For several machines: `postgresql://user@host/name`.", repr=False
    )
    database_password_file: SecretFile | None = setting(
        None,
        "A file whose first line is the password for PostgreSQL; null: the password in the URL, or in the file "
        "that PGPASSFILE names.",
    )
    database_connections: Annotated[int, Field(ge=4, le=100)] = setting(
        7, "The most connections of each worker to PostgreSQL."
    )
    node: NodeName | None = setting(
        None, "This machine's name among those that share the database; null: the machine's own name, not `hostname`."
    )
    nodes: Literal["warn", "strict"] = setting(
        "warn",
        "What happens if nodes differ in policy or signing keys: `warn`: a warning; `strict`: the node that "
        "starts later does not start.",
    )
    engine: Literal["gnupg", "sequoia"] = setting(
        "gnupg", "The engine that encrypts. `sequoia` is faster and needs the extra of that name."
    )
    weak_keys: Literal["accept", "refuse"] = setting(
        "accept", "Keys that other software refuses (DSA, ElGamal, SHA-1 bindings, RSA under 2048 bits)."
    )
    sign: Sign = setting({}, "The keys that sign encrypted mail.")
    own: OwnKeys = setting({}, "Certificates for our own addresses.")
    inbound: InboundKeys = setting(
        {},
        "Mail that comes from outside: decrypted, verified, and marked with the field `X-PGP-Relay`.",
    )
    lookup: LookupKeys = setting({}, "Where keys are looked for.")
    harvest: HarvestKeys = setting({}, "Keys that incoming mail brings.")
    authorities: Listed[AuthorityKeys] = setting(
        [], "Keys that certify the keys of their own domains, such as a partner hospital's organisation key."
    )
    policy: InOrder[RuleKeys] = needed(  # two alike have one name, and that is told
        "The rules. The first that matches decides; if none matches, the mail is encrypted, or refused without a key."
    )
    refuse_with: Literal["notice", "reply"] = setting(
        "notice", "How a sender learns of a refusal: by a mail, or by the SMTP reply 550."
    )
    notices: Notices = setting({}, "Notices: mails that tell a sender why a mail was not sent.")
    enrol: EnrolKeys = setting({}, "How correspondents send in their keys.")
    web: Web = setting({}, "The public web service.")
    console: ConsoleKeys = setting({}, "Pages for administrators: who may log in, and how.")
    pickup: PickupKeys = setting({}, "Reading without OpenPGP: a recipient opens a mail in a browser, with a code.")
    retention: Duration = setting("183d", "How long the trace is kept.")
    metrics: Place | None = setting(
        None, "`host:port` of the metrics for Prometheus, such as `127.0.0.1:9125`; null: none."
    )
    log: Log = setting({}, "The log, on standard error.")

    _digest: str = PrivateAttr(default="")
    _policy_digest: str = PrivateAttr(default="")

    @property
    def everywhere(self) -> tuple[Endpoint, ...]:
        """Wherever the relay listens for mail."""
        return (*self.listen, *self.inbound.listen)

    @property
    def channel(self) -> HttpPlace:
        """The address over which the relay reaches the public web service."""
        database = self.web.database(self.keyring)
        folder = database.parent if isinstance(database, Path) else self.keyring.parent
        return self.web.channel or HttpPlace(path=str(folder / "channel.sock"))

    @property
    def control(self) -> HttpPlace:
        """The address at which the console reaches `web control`."""
        return self.web.control or HttpPlace(path=str(self.keyring.parent / "control.sock"))

    @property
    def console_address(self) -> str:
        """The console's address in a browser, without a slash at its end; empty: not known."""
        place = self.web.console
        if self.console.url or place is None or place.path or place.everywhere:
            return self.console.url or ""
        return f"{'https' if self.console.tls else 'http'}://{place}"

    @property
    def digest(self) -> str:
        """SHA-256 of the file it was read from, in hexadecimal: tells whether the file is still the same."""
        return self._digest

    @property
    def policy_digest(self) -> str:
        """SHA-256 of all that decides about a mail, in hexadecimal: the same on machines that decide alike."""
        return self._policy_digest

    def read_from(self, octets: bytes, policy: str = "") -> None:
        """Keep digests of the file's octets, and of the values that decide about mail; only the loader calls this."""
        self._digest = hashlib.sha256(octets).hexdigest()
        self._policy_digest = hashlib.sha256(policy.encode()).hexdigest()

    def rules(self) -> tuple[Rule, ...]:
        """The policy, and at its end the default rule."""
        last = replace(DEFAULT_RULE, by_reply=self.refuse_with == "reply")
        return (*(rule.rule(self.refuse_with) for rule in self.policy), last)
