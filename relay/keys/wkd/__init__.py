"""Web Key Directory (draft-koch-openpgp-webkey-service-21): certificates that a domain publishes over HTTPS.

`source.Wkd` is the source; what it loads costs a third of a second, which only who asks it has to pay.
"""

from relay.keys.wkd.reason import Reason

__all__ = ["Reason"]
