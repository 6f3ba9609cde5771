"""Connections to a next hop, and the name that the relay gives itself there."""

from __future__ import annotations

import socket

from relay.config import Config, Endpoint
from relay.daemon import tls
from relay.smtp.connecting import Timeouts
from relay.smtp.outlet import SmtpOutlet


def hostname(config: Config) -> str:
    """The relay's name in EHLO and Received."""
    return config.hostname or socket.getfqdn()


def build_outlet(config: Config, place: Endpoint) -> SmtpOutlet:
    """The connections to `reinject`, or to `inbound.reinject`."""
    timeouts = Timeouts(step=config.deadlines.next_hop, final_dot=config.deadlines.final_dot)
    return SmtpOutlet(place, hostname=hostname(config), timeouts=timeouts, tls=tls.next_hop(config))
