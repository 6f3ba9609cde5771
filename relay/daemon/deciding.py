"""What decides over each recipient of a mail, for a configuration."""

from __future__ import annotations

from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.pickups import build_terms
from relay.keys.own_certificates import OwnCertificates, OwnFirst
from relay.keys.resolver import Resolver
from relay.pipeline.decide import Decider
from relay.pipeline.opened import OpenedCheck
from relay.pipeline.own_notices import OwnNotices
from relay.store import Store


def build_decider(config: Config, store: Store, resolver: Resolver) -> Decider:
    """The site's policy, and where keys are looked up."""
    return Decider(
        config.rules(),
        resolver,
        config.sign.late == "unsigned",
        build_opened_check(config, store, resolver),
        build_terms(config, store),
        OwnNotices(store.ledger) if config.inbound.listen else None,
    )


def build_opened_check(config: Config, store: Store, resolver: Resolver) -> OpenedCheck:
    """Makes the check for mail that was decrypted here, on its way out; without own domains by its mark alone."""
    if not config.own.domains:
        return OpenedCheck()
    own = OwnCertificates(store.own_keys, build_pooled_examiner(config), config.own.domains)
    return OpenedCheck(store.opened_mail, OwnFirst(own, resolver))
