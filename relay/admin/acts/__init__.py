"""What the console may ask of the relay: an allow list of acts.

Each calls the function that the command of the same purpose calls. An act takes its arguments as texts and returns a
value that becomes JSON. The value never has content of a mail. Raises `RelayError` with a sentence for the person who
asked, and `KeyError` for a name that is no act.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.admin.acts import keys, mails, pickups, policy, proposals, record, users
from relay.admin.acts.keys import LARGEST_KEYS
from relay.admin.acts.site import Act, Site, WrongAct

__all__ = ["ACTS", "LARGEST_KEYS", "Act", "Site", "WrongAct"]

ACTS: Mapping[str, Act] = {
    "figures": Act("trace", mails.figures),
    "sources": Act("status", mails.sources),
    "messages": Act("trace", mails.messages),
    "message": Act("trace", mails.message),
    "changes": Act("trace", record.changes),
    "export": Act("trace", record.export),
    "verify": Act("trace", record.verify),
    "policy": Act("config show", policy.rules),
    "held": Act("held", mails.waiting),
    "release": Act("held", mails.release),
    "pickups": Act("pickup list", pickups.listed),
    "resend": Act("pickup resend", pickups.resend),
    "withdraw": Act("pickup withdraw", pickups.withdraw),
    "extend": Act("pickup extend", pickups.extend),
    "explain": Act("explain", mails.explain),
    "keys": Act("keys list", keys.listed),
    "key": Act("keys show", keys.one_key),
    "bindings": Act("keys bindings", keys.bound),
    "import": Act("keys import", keys.import_keys),
    "propose": Act("keys import", keys.propose),
    "bind": Act("keys bind", keys.bind),
    "unbind": Act("keys unbind", keys.unbind),
    "proposals": Act("keys proposals", proposals.waiting),
    "approve": Act("keys approve", proposals.approve),
    "reject": Act("keys reject", proposals.reject),
    "users": Act("console user list", users.users),
    "enable": Act("console user enable", users.enable),
    "disable": Act("console user disable", users.disable),
}
