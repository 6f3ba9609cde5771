"""Parts of the configuration that need or exclude each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from relay.config.checks import Checks, Problem
from relay.config.model import Config
from relay.config.paths import InDirectory
from relay.config.sections import DEFAULT_SOURCES
from relay.model.errors import AddressError
from relay.model.return_path import ReturnPath
from relay.policy import WithoutKey

CHECKS = Checks()

LONGEST_DELIVERY = 1200.0
"""Seconds after which Postfix gives a delivery up (lmtp_data_done_timeout as `postfix show` sets it)."""


@CHECKS.of("inbound", "own")
def _nobody_inside(config: Config) -> Iterator[Problem]:
    if config.inbound.listen and not config.own.domains:
        yield ("inbound", "listen"), "there are no own addresses whose mail could be opened: name your domains in own"


@CHECKS.of("inbound", "own")
def _return_path(config: Config) -> Iterator[Problem]:
    try:
        ReturnPath(config.own.domains, config.inbound.return_path)
    except AddressError as error:
        yield ("inbound", "return_path"), f"no token can be added to it: {error}"


@CHECKS.of("inbound", "own", "enrol")
def _keys_by_mail(config: Config) -> Iterator[Problem]:
    if config.enrol.mail is None:
        return
    if not config.inbound.listen:
        yield ("enrol", "mail"), "no mail comes in: give inbound.listen and inbound.reinject, or take mail out"
    elif config.enrol.mail.domain not in config.own.domains:
        yield ("enrol", "mail"), "it is no address of ours: name one of a domain in own.domains"


@CHECKS.of("inbound", "harvest")
def _nothing_to_harvest(config: Config) -> Iterator[Problem]:
    if config.harvest.from_ and not config.inbound.listen:
        yield ("harvest", "from"), "keys are read in incoming mail, and none comes here: give inbound.listen"


@CHECKS.of("lookup", "deadlines")
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


@CHECKS.of("lookup")
def _no_directory(config: Config) -> Iterator[Problem]:
    """A list other than the default that names ldap means that some directory is asked."""
    sources = config.lookup.sources
    if "ldap" in sources and not config.lookup.ldap and sources != DEFAULT_SOURCES:
        yield (
            ("lookup", "sources"),
            "ldap is named, and lookup.ldap has no directory to ask: give one, or take ldap out",
        )


@CHECKS.of("console", "web")
def _no_login(config: Config) -> Iterator[Problem]:
    login = config.console.login
    if config.web.console and not (login.local or login.oidc or login.ldap):
        yield ("console", "login", "local"), "nobody could log in: give oidc or ldap, or set local: true"


@CHECKS.of("own", "lookup")
def _no_such_directory(config: Config) -> Iterator[Problem]:
    existing, count = config.own.addresses, len(config.lookup.ldap)
    if isinstance(existing, InDirectory) and existing.number >= count:
        yield (
            ("own", "addresses"),
            f"lookup.ldap has {count} {'entry' if count == 1 else 'entries'}, counted from 0",
        )


@CHECKS.of("policy", "pickup", "web")
def _pickup_without_page(config: Config) -> Iterator[Problem]:
    for index, rule in enumerate(config.policy):
        if rule.without_key is WithoutKey.PICKUP and not (config.pickup.url and config.web.linked):
            missing = "web.public a place to listen" if config.pickup.url else "pickup.url its address"
            yield ("policy", index, "without_key"), f"a pick-up needs a page: give {missing}"


@CHECKS.of("policy")
def _same_name(config: Config) -> Iterator[Problem]:
    for (first, one), (second, other) in combinations(enumerate(config.policy), 2):
        if one.name == other.name:
            yield (
                ("policy", second, "name"),
                f"“{other.name}” is the name of policy[{first}] too: the trace tells rules apart by their names",
            )


@CHECKS.of("policy")
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
