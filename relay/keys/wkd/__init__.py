"""Web Key Directory (draft-koch-openpgp-webkey-service-21): certificates that a domain publishes over HTTPS.

`source.Wkd` is the source; it judges what `fetch_process`, a process of its own, fetches.
"""

from relay.keys.wkd.port import FETCHES, FETCHES_OF_A_DOMAIN
from relay.keys.wkd.reason import Reason

__all__ = ["FETCHES", "FETCHES_OF_A_DOMAIN", "Reason"]
