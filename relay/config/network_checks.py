"""Checks where the relay listens, what it connects to, and what would cross the network in cleartext. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from relay.config.checks import Checks, Problem
from relay.config.model import Config
from relay.config.yaml_tree import Path
from relay.model.endpoint import Endpoint

CHECKS = Checks()

_CLEAR_BIND = "the password would cross the network in clear: write ldaps://, or set starttls: true"


def _ways_in(config: Config) -> Iterator[tuple[Path, Endpoint]]:
    """Each place where it listens, with its key."""
    for index, endpoint in enumerate(config.listen):
        yield ("listen", index), endpoint
    for index, endpoint in enumerate(config.inbound.listen):
        yield ("inbound", "listen", index), endpoint


def _next_hops(config: Config) -> Iterator[tuple[Path, Endpoint | None]]:
    """Each next hop, with its key."""
    yield ("reinject",), config.reinject
    yield ("inbound", "reinject"), config.inbound.reinject


@CHECKS.of("listen", "inbound", "tls", "plaintext_network")
def _exposed(config: Config) -> Iterator[Problem]:
    for path, endpoint in _ways_in(config):
        if not (endpoint.local or config.tls or config.plaintext_network):
            yield (
                path,
                (
                    f"{endpoint} can be reached from the network in clear: give tls a certificate and a key, "
                    "or set plaintext_network: true"
                ),
            )


@CHECKS.of("listen")
def _starttls_inlet(config: Config) -> Iterator[Problem]:
    for index, endpoint in enumerate(config.listen):
        if endpoint.starttls:
            yield (
                ("listen", index),
                f"the inlet offers STARTTLS wherever tls is given: write smtp://{endpoint.host}:{endpoint.port}",
            )


@CHECKS.of("listen", "inbound")
def _listens_twice(config: Config) -> Iterator[Problem]:
    for (_, first), (path, second) in combinations(_ways_in(config), 2):
        if first.meets(second) or second.meets(first):
            yield path, f"{second} and {first} are one address: take one out"


@CHECKS.of("listen", "inbound", "metrics")
def _metrics_on_the_inlet(config: Config) -> Iterator[Problem]:
    if config.metrics is None:
        return
    place = Endpoint("smtp", config.metrics.host, config.metrics.port)
    if any(endpoint.meets(place) or place.meets(endpoint) for endpoint in config.everywhere):
        yield ("metrics",), f"{config.metrics} is where the relay takes mail: choose another port"


@CHECKS.of("listen", "inbound", "allow")
def _nobody_allowed(config: Config) -> Iterator[Problem]:
    if all(network.is_loopback for network in config.allow):
        for path, endpoint in _ways_in(config):
            if not endpoint.local:
                yield (
                    path,
                    (
                        f"{endpoint} listens to the network, but allow names the loopback alone: "
                        "name there who may connect, or listen on 127.0.0.1"
                    ),
                )


@CHECKS.of("reinject", "inbound", "plaintext_network")
def _clear_delivery(config: Config) -> Iterator[Problem]:
    for path, hop in _next_hops(config):
        if hop and not (hop.local or hop.starttls or config.plaintext_network):
            yield (
                path,
                (
                    f"{hop} would carry mail over the network in clear: write smtp+starttls://, "
                    "or set plaintext_network: true"
                ),
            )


@CHECKS.of("reinject", "reinject_ca_file")
def _authority_without_tls(config: Config) -> Iterator[Problem]:
    if config.reinject_ca_file and not config.reinject.starttls:
        yield (
            ("reinject_ca_file",),
            f"{config.reinject} has no certificate to verify: write smtp+starttls://, or take reinject_ca_file out",
        )


@CHECKS.of("listen", "reinject", "inbound")
def _loop(config: Config) -> Iterator[Problem]:
    for path, hop in _next_hops(config):
        if hop and any(endpoint.meets(hop) for endpoint in config.everywhere):
            yield path, f"{hop} is where the relay itself listens: name the next hop's address"


@CHECKS.of("lookup", "plaintext_network")
def _clear_password(config: Config) -> Iterator[Problem]:
    for index, server in enumerate(config.lookup.ldap):
        if server.bind_dn and server.clear_network and not config.plaintext_network:
            yield ("lookup", "ldap", index, "url"), _CLEAR_BIND


@CHECKS.of("web")
def _open_channel(config: Config) -> Iterator[Problem]:
    place = config.web.channel
    if place and not place.path and config.web.channel_tls is None:
        yield (
            ("web", "channel"),
            f"over {place} anybody could publish: write unix:/path, or give channel_tls, so that both ends are known",
        )
    if place and place == config.web.public:
        yield ("web", "channel"), f"{place} is where visitors come: choose another place"


@CHECKS.of("own", "plaintext_network")
def _clear_password_of_own(config: Config) -> Iterator[Problem]:
    if config.own.ldap and config.own.ldap.clear_network and not config.plaintext_network:
        yield ("own", "ldap", "url"), _CLEAR_BIND


@CHECKS.of("console", "plaintext_network")
def _clear_login(config: Config) -> Iterator[Problem]:
    ldap = config.console.login.ldap
    if ldap and ldap.clear_network and not config.plaintext_network:
        yield (
            ("console", "login", "ldap", "url"),
            "passwords would cross the network in clear: write ldaps://, or set starttls: true",
        )


@CHECKS.of("console", "web", "plaintext_network")
def _clear_console(config: Config) -> Iterator[Problem]:
    place = config.web.console
    if place and not (place.local or config.console.tls or config.plaintext_network):
        yield (
            ("web", "console"),
            (
                f"{place} can be reached from the network in clear: give console.tls a certificate and a key, or "
                "listen on 127.0.0.1 behind a reverse proxy"
            ),
        )
