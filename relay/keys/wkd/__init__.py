"""Web Key Directory (draft-koch-openpgp-webkey-service-21): certificates that a domain publishes over HTTPS."""

from relay.keys.wkd.reason import Reason
from relay.keys.wkd.source import Wkd

__all__ = ["Reason", "Wkd"]
