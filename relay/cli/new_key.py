"""A key that was made here, as it is printed: whoever gets its public half gives it on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from relay.cli.output import print_json

if TYPE_CHECKING:  # loads the engines
    from relay.openpgp.signing import GeneratedKey


def print_key(key: GeneratedKey, *, as_json: bool) -> None:
    """Its fingerprint and certificate."""
    if as_json:
        print_json({"fingerprint": key.fingerprint, "public_key": key.armored_public})
    else:
        sys.stdout.write(f"{key.fingerprint}\n{key.armored_public}")
