"""Why mail cannot be encrypted to a certificate or an address."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """Why a certificate, or an address, cannot be encrypted to. The values are what people read."""

    NO_KEY = "no key is known"
    REVOKED = "the key is revoked"
    EXPIRED = "the key has expired"
    NOT_YET_VALID = "the key is not valid yet"
    INVALID = "the key has no valid self-signature"
    DISABLED = "the key is disabled"
    NO_USER_ID = "the key has no user id with this address"
    USER_ID_REVOKED = "the key's user id with this address is revoked"
    NO_ENCRYPTION = "the key has no subkey for encryption"
    SUBKEY_REVOKED = "the key's encryption subkey is revoked"
    SUBKEY_EXPIRED = "the key's encryption subkey has expired"
    WEAK = "the key is weak and weak keys are refused here"
    UNSUPPORTED = "the key is of a version that this engine cannot use"
    UNLISTED = "the key was imported, and imported keys are not used here"
    UNREADABLE = "the key cannot be used here"
    SUBKEY_UNSUPPORTED = "the key's encryption subkey is of a kind that cannot be used here"
    USER_ID_INVALID = "the key's user id with this address has no valid self-signature"
    AMBIGUOUS = "the key's user id does not say clearly that it is for this address"
    UNTRUSTED = "the key that was found has to be approved before this rule uses it"
    NOT_THERE = "a key that is bound to this address is not there any more"
