"""Faults in combinations of values that are each valid: what is wrong, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from relay.config.model import Config
from relay.config.paths import InDirectory
from relay.config.sections import DEFAULT_SOURCES
from relay.config.yaml_tree import Path
from relay.model.endpoint import Endpoint
from relay.model.errors import AddressError
from relay.model.return_path import ReturnPath
from relay.policy import WithoutKey

Problem = tuple[Path, str]

LONGEST_DELIVERY = 1200.0
"""Seconds after which Postfix gives a delivery up (lmtp_data_done_timeout as `postfix show` sets it)."""


def contradictions(config: Config, unsure: frozenset[str]) -> Iterator[Problem]:
    """All such faults, except those that depend on a key in `unsure`, whose value is not known."""
    for keys, check in _CHECKS:
        if not keys & unsure:
            yield from check(config)


def _places(config: Config) -> Iterator[tuple[Path, Endpoint]]:
    """Wherever it listens, and where that stands."""
    for index, endpoint in enumerate(config.listen):
        yield ("listen", index), endpoint
    for index, endpoint in enumerate(config.inbound.listen):
        yield ("inbound", "listen", index), endpoint


def _exposed(config: Config) -> Iterator[Problem]:
    for path, endpoint in _places(config):
        if not (endpoint.local or config.tls or config.plaintext_network):
            yield (
                path,
                (
                    f"{endpoint} can be reached from the network in clear: give tls a certificate and a key, "
                    "or set plaintext_network: true"
                ),
            )


def _starttls_inlet(config: Config) -> Iterator[Problem]:
    for index, endpoint in enumerate(config.listen):
        if endpoint.starttls:
            yield (
                ("listen", index),
                f"the inlet offers STARTTLS wherever tls is given: write smtp://{endpoint.host}:{endpoint.port}",
            )


def _nobody_allowed(config: Config) -> Iterator[Problem]:
    if all(network.is_loopback for network in config.allow):
        for path, endpoint in _places(config):
            if not endpoint.local:
                yield (
                    path,
                    (
                        f"{endpoint} listens to the network, but allow names the loopback alone: "
                        "name there who may connect, or listen on 127.0.0.1"
                    ),
                )


def _clear_delivery(config: Config) -> Iterator[Problem]:
    for path, hop in ((("reinject",), config.reinject), (("inbound", "reinject"), config.inbound.reinject)):
        if hop and not (hop.local or hop.starttls or config.plaintext_network):
            yield (
                path,
                (
                    f"{hop} would carry mail over the network in clear: write smtp+starttls://, "
                    "or set plaintext_network: true"
                ),
            )


def _nobody_inside(config: Config) -> Iterator[Problem]:
    if config.inbound.listen and not config.own.domains:
        yield ("inbound", "listen"), "there are no own addresses whose mail could be opened: name your domains in own"


def _keys_by_mail(config: Config) -> Iterator[Problem]:
    if config.enrol.mail is None:
        return
    if not config.inbound.listen:
        yield ("enrol", "mail"), "no mail comes in: give inbound.listen and inbound.reinject, or take mail out"
    elif config.enrol.mail.domain not in config.own.domains:
        yield ("enrol", "mail"), "it is no address of ours: name one of a domain in own.domains"


def _nothing_to_harvest(config: Config) -> Iterator[Problem]:
    if config.harvest.from_ and not config.inbound.listen:
        yield ("harvest", "from"), "keys are read in incoming mail, and none comes here: give inbound.listen"


def _return_path(config: Config) -> Iterator[Problem]:
    try:
        ReturnPath(config.own.domains, config.inbound.return_path)
    except AddressError as error:
        yield ("inbound", "return_path"), f"no token can be added to it: {error}"


def _authority_without_tls(config: Config) -> Iterator[Problem]:
    if config.reinject_ca_file and not config.reinject.starttls:
        yield (
            ("reinject_ca_file",),
            f"nothing is checked over {config.reinject}: write smtp+starttls://, or take reinject_ca_file out",
        )


def _loop(config: Config) -> Iterator[Problem]:
    for path, hop in ((("reinject",), config.reinject), (("inbound", "reinject"), config.inbound.reinject)):
        if hop and any(endpoint.meets(hop) for endpoint in config.everywhere):
            yield path, f"{hop} is where the relay itself listens: name the next hop's address"


def _metrics_on_the_inlet(config: Config) -> Iterator[Problem]:
    if config.metrics is None:
        return
    place = Endpoint("smtp", config.metrics.host, config.metrics.port)
    if any(endpoint.meets(place) or place.meets(endpoint) for endpoint in config.everywhere):
        yield ("metrics",), f"{config.metrics} is where the relay takes mail: choose another port"


def _listens_twice(config: Config) -> Iterator[Problem]:
    for (_, first), (path, second) in combinations(_places(config), 2):
        if first.meets(second) or second.meets(first):
            yield path, f"{second} and {first} are one address: take one out"


def _deadlines(config: Config) -> Iterator[Problem]:
    steps = config.lookup.timeout + config.deadlines.gpg + config.deadlines.next_hop + config.deadlines.final_dot
    if steps >= LONGEST_DELIVERY:
        yield (
            ("deadlines",),
            (
                f"lookup.timeout and the deadlines add up to {steps:g} s, and Postfix gives up after "
                f"{LONGEST_DELIVERY:g} s: shorten one"
            ),
        )


def _no_directory(config: Config) -> Iterator[Problem]:
    """A list other than the default that names ldap means that some directory is asked."""
    sources = config.lookup.sources
    if "ldap" in sources and not config.lookup.ldap and sources != DEFAULT_SOURCES:
        yield (
            ("lookup", "sources"),
            "ldap is named, and lookup.ldap has no directory to ask: give one, or take ldap out",
        )


def _clear_password(config: Config) -> Iterator[Problem]:
    for index, server in enumerate(config.lookup.ldap):
        if server.bind_dn and server.clear_network and not config.plaintext_network:
            yield (
                ("lookup", "ldap", index, "url"),
                "the password would cross the network in clear: write ldaps://, or set starttls: true",
            )


def _open_channel(config: Config) -> Iterator[Problem]:
    place = config.web.channel
    if place and not place.path and config.web.channel_tls is None:
        yield (
            ("web", "channel"),
            f"over {place} anybody could publish: write unix:/path, or give channel_tls, so that both ends are known",
        )
    if place and place == config.web.public:
        yield ("web", "channel"), f"{place} is where visitors come: choose another place"


def _clear_password_of_own(config: Config) -> Iterator[Problem]:
    if config.own.ldap and config.own.ldap.clear_network and not config.plaintext_network:
        yield (
            ("own", "ldap", "url"),
            "the password would cross the network in clear: write ldaps://, or set starttls: true",
        )


def _clear_login(config: Config) -> Iterator[Problem]:
    ldap = config.console.login.ldap
    if ldap and ldap.clear_network and not config.plaintext_network:
        yield (
            ("console", "login", "ldap", "url"),
            "passwords would cross the network in clear: write ldaps://, or set starttls: true",
        )


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


def _no_login(config: Config) -> Iterator[Problem]:
    login = config.console.login
    if config.web.console and not (login.local or login.oidc or login.ldap):
        yield ("console", "login", "local"), "nobody could log in: give oidc or ldap, or set local: true"


def _no_such_directory(config: Config) -> Iterator[Problem]:
    existing, count = config.own.addresses, len(config.lookup.ldap)
    if isinstance(existing, InDirectory) and existing.number >= count:
        yield (
            ("own", "addresses"),
            f"lookup.ldap has {count} {'entry' if count == 1 else 'entries'}, counted from 0",
        )


def _pickup_without_page(config: Config) -> Iterator[Problem]:
    for index, rule in enumerate(config.policy):
        if rule.without_key is WithoutKey.PICKUP and not (config.pickup.url and config.web.linked):
            missing = "web.public a place to listen" if config.pickup.url else "pickup.url its address"
            yield ("policy", index, "without_key"), f"a pick-up needs a page: give {missing}"


def _same_name(config: Config) -> Iterator[Problem]:
    for (first, one), (second, other) in combinations(enumerate(config.policy), 2):
        if one.name == other.name:
            yield (
                ("policy", second, "name"),
                f"“{other.name}” is the name of policy[{first}] too: the trace tells rules apart by their names",
            )


def _never_reached(config: Config) -> Iterator[Problem]:
    rules = config.rules()[:-1]
    first = next((index for index, rule in enumerate(rules) if rule.takes_everything), len(rules))
    for index in range(first + 1, len(rules)):
        yield (
            ("policy", index),
            (
                f"“{rules[index].name}” can never match, since “{rules[first].name}” before it takes every mail: "
                "move it up, or take it out"
            ),
        )


_CHECKS: tuple[tuple[frozenset[str], Callable[[Config], Iterator[Problem]]], ...] = (
    (frozenset({"listen", "inbound", "tls", "plaintext_network"}), _exposed),
    (frozenset({"listen"}), _starttls_inlet),
    (frozenset({"listen", "inbound"}), _listens_twice),
    (frozenset({"listen", "inbound", "metrics"}), _metrics_on_the_inlet),
    (frozenset({"listen", "inbound", "allow"}), _nobody_allowed),
    (frozenset({"reinject", "inbound", "plaintext_network"}), _clear_delivery),
    (frozenset({"reinject", "reinject_ca_file"}), _authority_without_tls),
    (frozenset({"listen", "reinject", "inbound"}), _loop),
    (frozenset({"inbound", "own"}), _nobody_inside),
    (frozenset({"inbound", "own"}), _return_path),
    (frozenset({"inbound", "own", "enrol"}), _keys_by_mail),
    (frozenset({"inbound", "harvest"}), _nothing_to_harvest),
    (frozenset({"lookup", "deadlines"}), _deadlines),
    (frozenset({"lookup"}), _no_directory),
    (frozenset({"lookup", "plaintext_network"}), _clear_password),
    (frozenset({"web"}), _open_channel),
    (frozenset({"own", "plaintext_network"}), _clear_password_of_own),
    (frozenset({"console", "plaintext_network"}), _clear_login),
    (frozenset({"console", "web", "plaintext_network"}), _clear_console),
    (frozenset({"console", "web"}), _no_login),
    (frozenset({"own", "lookup"}), _no_such_directory),
    (frozenset({"policy", "pickup", "web"}), _pickup_without_page),
    (frozenset({"policy"}), _same_name),
    (frozenset({"policy"}), _never_reached),
)
