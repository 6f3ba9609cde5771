"""What was done with an incoming mail for one recipient, as the trace keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from relay.model.mark import Encryption, Mark, Signed

RULE = "inbound"
"""In the place of a rule's name."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """It is delivered with this mark."""

    mark: Mark
    rule: str = RULE

    @property
    def action(self) -> str:
        """The word of the trace: decrypt, verify (signed only), pass."""
        if self.mark.encryption is Encryption.DECRYPTED:
            return "decrypt"
        only_signed = self.mark.encryption is Encryption.NONE and self.mark.signature is not Signed.NONE
        return "verify" if only_signed else "pass"

    @property
    def reason(self) -> str:
        """What the log and the trace give as the reason, in words."""
        if self.mark.encryption is Encryption.CLOSED:
            return f"stays closed: {self.mark.reason}"
        if self.mark.encryption is Encryption.DECRYPTED or self.mark.signature is not Signed.NONE:
            return f"signature {self.mark.signature}"
        return "neither encrypted nor signed"
