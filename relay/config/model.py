"""The whole configuration (DESIGN: every key has a default but `policy`). Frozen, and without I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from relay.config.base import Section, needed, setting
from relay.config.rules import RuleKeys
from relay.config.sections import Deadlines, Log, LookupKeys, Notices, Sign, Tls
from relay.config.values import (
    AllowedNetwork,
    AtLeastOne,
    DatabaseUrl,
    Duration,
    File,
    FolderToBe,
    Host,
    InOrder,
    Place,
    Size,
    Where,
)
from relay.policy import DEFAULT_RULE, Rule


class Config(Section):
    """What `load` returns."""

    listen: AtLeastOne[Where] = setting(
        ["lmtp://127.0.0.1:10025"], "`lmtp://` or `smtp://`, `host:port` or `/path` of a unix socket."
    )
    allow: AtLeastOne[AllowedNetwork] = setting(["127.0.0.0/8", "::1/128"], "Who may connect.")
    reinject: Where = setting("smtp://127.0.0.1:10026", "The next hop: `smtp://`, `smtp+starttls://`, `lmtp://`.")
    reinject_ca_file: File | None = setting(
        None, "Whose certificate the next hop has to show with `smtp+starttls://`, PEM; null: the system's authorities."
    )
    tls: Tls | None = setting(None, "TLS of the inlet; demanded off the loopback.")
    plaintext_network: bool = setting(default=False, why="Allow SMTP without TLS off the loopback.")
    hostname: Host | None = setting(None, "What the relay calls itself; null: this machine's name.")
    max_message_size: Size = setting("50MiB", "A larger message is refused.")
    workers: Annotated[int, Field(ge=1, le=256)] = setting(1, "Processes that share the port.")
    deadlines: Deadlines = setting({}, "How long each step may take.")
    shadow: bool = setting(default=False, why="Decide, encrypt, check and trace, but pass the mail on unchanged.")
    keyring: FolderToBe = setting("keyring", "The folder of the store and of the GnuPG home; may be empty at first.")
    database: DatabaseUrl | None = setting(None, "null: SQLite in the keyring folder.", repr=False)
    engine: Literal["gnupg", "sequoia"] = setting("gnupg", "What encrypts.")
    weak_keys: Literal["accept", "refuse"] = setting("accept", "What becomes of keys that other software refuses.")
    sign: Sign = setting({}, "Who signs what is encrypted.")
    lookup: LookupKeys = setting({}, "Where keys are looked for.")
    policy: InOrder[RuleKeys] = needed(  # two alike have one name, and that is told
        "The rules: the first that matches counts; where none does, encrypted or refused."
    )
    refuse_with: Literal["notice", "reply"] = setting(
        "notice", "How a sender learns of a refusal: by a mail, or by the SMTP reply (550)."
    )
    notices: Notices = setting({}, "The mails that tell a sender why a mail was not sent.")
    retention: Duration = setting("183d", "How long the trace is kept.")
    metrics: Place | None = setting(None, "Where Prometheus may ask, such as `127.0.0.1:9125`; null: nowhere.")
    log: Log = setting({}, "The log, on standard error.")

    def rules(self) -> tuple[Rule, ...]:
        """The policy, with what holds where no rule matches at its end."""
        last = replace(DEFAULT_RULE, by_reply=self.refuse_with == "reply")
        return (*(rule.rule(self.refuse_with) for rule in self.policy), last)
