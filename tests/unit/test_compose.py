"""examples/compose: what it says to Postfix is what the program says, and its pieces name each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from relay.admin.postfix.settings import settings
from relay.config import parse

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "compose"
CONFIG = (EXAMPLE / "relay" / "config.yaml").read_bytes()
COMPOSE: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yaml").read_bytes())
POSTFIX, RELAY, MAILBOX = (
    next(iter(service["networks"][network].values()))
    for service, network in zip(COMPOSE["services"].values(), ("filter", "filter", "mail"), strict=True)
)


def test_postfix_has_the_lines_that_the_program_writes_with_the_containers_addresses() -> None:
    here = CONFIG.replace(f"//{RELAY}".encode(), b"//127.0.0.1").replace(f"//{POSTFIX}".encode(), b"//127.0.0.1")
    lines = settings(parse(here, Path("/etc/pgp-relay/config.yaml")))
    master = (EXAMPLE / "postfix" / "master.cf").read_text()
    main = (EXAMPLE / "postfix" / "main.cf").read_text().splitlines()

    services = "\n".join(map(str, lines.services))
    assert master.endswith(
        services.replace("127.0.0.0/8,[::1]/128", f"{RELAY}/32").replace("127.0.0.1", POSTFIX) + "\n"
    )
    for name, value in lines.main:
        assert f"{name} = {value.replace('127.0.0.1', RELAY)}" in main


def test_each_container_is_where_the_others_look_for_it() -> None:
    config = parse(CONFIG, Path("/etc/pgp-relay/config.yaml"))

    assert ([place.host for place in config.listen], config.reinject.host) == ([RELAY], POSTFIX)
    assert [str(network) for network in config.allow] == [f"{POSTFIX}/32"]
    assert f"[{MAILBOX}]:24" in (EXAMPLE / "postfix" / "main.cf").read_text()


def test_the_relay_may_write_into_its_volume_and_into_memory_alone() -> None:
    relay = COMPOSE["services"]["relay"]

    assert (relay["read_only"], relay["cap_drop"], relay["tmpfs"]) == (True, ["ALL"], ["/tmp"])  # noqa: S108  the container's
    assert [volume for volume in relay["volumes"] if not volume.endswith(":ro")] == ["keyring:/var/lib/pgp-relay"]
