"""Passkeys (WebAuthn level 3): options for the browser, and the verification of its answers.

The one place that uses py_webauthn. A passkey is on a person's device, which verifies finger, face or PIN: it counts as
both factors. Nothing secret about it is stored. Attestation is not requested: the make of the authenticator does not
matter here. Raises `WrongPasskey`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from relay.model.console import Known
from relay.model.errors import RelayError
from relay.store.console import Passkey

T = TypeVar("T")

LONGEST = 16384
"""The most characters of an answer."""
_REQUIRED = UserVerificationRequirement.REQUIRED


class WrongPasskey(RelayError):
    """The browser's answer is not valid, or is from a passkey that is not accepted."""


@dataclass(frozen=True, slots=True)
class Passkeys:
    """The passkeys of the site at this URL."""

    url: str
    name: str = "pgp-relay"

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def making(self, known: Known, challenge: bytes) -> str:
        """Return the options for `navigator.credentials.create`, as JSON."""
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=self.name,
            user_name=known.person.name,
            user_id=bytes.fromhex(known.generation),
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
            ),
        )
        return options_to_json(options)

    def made(self, known: Known, challenge: bytes, answer: str) -> Passkey:
        """Verify the browser's answer. Returns the new passkey."""
        made = _looked(
            lambda: verify_registration_response(
                credential=answer[:LONGEST],
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self.url,
                require_user_verification=True,
            )
        )
        public_key, used = made.credential_public_key, made.sign_count
        return Passkey(made.credential_id, known.person.name, known.generation, public_key, used)

    def asking(self, challenge: bytes) -> str:
        """Return the options for `navigator.credentials.get`, as JSON; the person chooses the passkey."""
        options = generate_authentication_options(rp_id=self._host, challenge=challenge, user_verification=_REQUIRED)
        return options_to_json(options)

    def id_of(self, answer: str) -> bytes:
        """Return the id of the passkey that the answer names. Nothing is verified."""
        return _looked(lambda: parse_authentication_credential_json(answer[:LONGEST]).raw_id)

    def used(self, passkey: Passkey, challenge: bytes, answer: str) -> int:
        """Verify the answer of this passkey to this challenge. Returns the passkey's new counter."""
        done = _looked(
            lambda: verify_authentication_response(
                credential=answer[:LONGEST],
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self.url,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.used,
                require_user_verification=True,
            )
        )
        return done.new_sign_count


def _looked(look: Callable[[], T]) -> T:
    try:
        return look()
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise WrongPasskey("the answer is no passkey's") from None
