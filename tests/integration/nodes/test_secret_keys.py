"""Secret keys that one node makes are the others' too, before anybody is shown the public ones; and nobody else's."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from signal import SIGHUP
from typing import Any

import asyncpg
import pytest
from lab.cluster import Node, cluster
from lab.gnupghome import gnupg_home, gpg, secret_key
from lab.nexthop import ScriptedHop
from lab.waiting import wait_for

from relay.config import load
from relay.daemon.pickups import build_presets
from relay.model import Address
from relay.model.errors import EngineError
from relay.openpgp.vault import FOLDER
from relay.store import Store

pytestmark = pytest.mark.waits

MARTIN = "dr.martin@hopital.example"
DESK = "accueil@hopital.example"
SETTINGS = {"own": {"domains": ["hopital.example"]}}
UNFINISHED = "not all keys that node beta had are replaced: pgp-relay node remove beta"
IMPATIENT = """
from relay.daemon.secret_sharing import SecretSharing
SecretSharing.__init__.__defaults__ = (3.0,)
"""
"""For a command that waits in vain for a frozen node. One that is silent for 30 s is waited for no longer."""


@pytest.fixture
def pair(database: str, hop: ScriptedHop) -> Iterator[list[Node]]:
    with cluster(database, hop.port, settings=SETTINGS) as nodes:
        yield nodes


def shown(node: Node) -> dict[str, str]:
    found: dict[str, str] = json.loads(node.run("node", "add", "--json").stdout)
    return found


def acquaint(one: Node, other: Node) -> None:
    """As two administrators do by telephone."""
    first, second = shown(one), shown(other)
    one.run("node", "add", second["node"], second["fingerprint"])
    other.run("node", "add", first["node"], first["fingerprint"])


def listed(node: Node) -> dict[str, dict[str, Any]]:
    return {each["node"]: each for each in json.loads(node.run("node", "list", "--json").stdout)}


def own(node: Node) -> dict[str, dict[str, Any]]:
    return {each["address"]: each for each in json.loads(node.run("own", "list", "--json").stdout)}


def secrets(node: Node) -> set[str]:
    return {file.name for file in (node.keyring / "private-keys-v1.d").glob("*.key")}


def presets(node: Node) -> list[Path]:
    return list((node.keyring / FOLDER).glob("*.secret"))


def preset(node: Node, address: str) -> str:
    """A code that this address is given beforehand."""
    return str(json.loads(node.run("pickup", "preset", address, "--json").stdout)["code"])


def everything_shared(*nodes: Node) -> None:
    wait_for(lambda: len({frozenset(secrets(node)) for node in nodes}) == 1, "all have the same secret keys")


async def freeze_between_transactions(node: Node, database: str) -> None:
    """Stop it where it holds up nobody: in the middle of a transaction, the other's command is told of the store."""
    asking = await asyncpg.connect(database)
    try:
        for _ in range(50):
            node.freeze()
            if await is_at_rest(asking):
                return
            node.thaw()
            await asyncio.sleep(0.05)
    finally:
        await asking.close()
    pytest.fail("it is never between two transactions")


async def is_at_rest(asking: asyncpg.Connection) -> bool:
    """Whether no session goes on with a transaction; those of a node that runs end soon."""
    for _ in range(20):
        if not await asking.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        ):
            return True
        await asyncio.sleep(0.02)
    return False


def impatient(node: Node, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command that gives up soon."""
    node.altered = IMPATIENT
    try:
        return node.run(*words, check=False)
    finally:
        node.altered = ""


def encrypted(certificate: bytes, folder: Path) -> bytes:
    with gnupg_home() as home:
        file = folder / "certificate"
        file.write_bytes(certificate)
        return gpg(
            home, "--trust-model", "always", "--recipient-file", str(file), "--encrypt", content=b"for him"
        ).stdout


def opened(node: Node, message: bytes, certificates: bytes) -> bytes:
    gpg(node.keyring, "--import", content=certificates)
    return gpg(node.keyring, "--decrypt", content=message, check=False).stdout


async def checked(node: Node) -> str:
    """In a thread, because it asks the next hop, which answers on the test's own loop."""
    found = json.loads((await asyncio.to_thread(node.run, "check", "--json", check=False)).stdout)
    return next(str(each["message"]) for each in found if each["name"] == "nodes")


async def test_a_code_given_beforehand_on_one_node_made_the_mail_wait_on_the_other(
    database: str, hop: ScriptedHop
) -> None:
    """Each had made a secret of its own, and none is ever overwritten."""
    page = {"pickup": {"url": "https://courrier.hopital.example", "code": "preset"}, "web": {"public": "127.0.0.1:1"}}
    with cluster(database, hop.port, settings={**SETTINGS, **page}) as pair:
        made = {node.name: preset(node, f"{node.name}@ville.example") for node in pair}
        acquaint(*pair)
        wait_for(lambda: [len(presets(node)) for node in pair] == [2, 2], "both have both secrets")
        for node in pair:
            async with await Store.open(database) as store:
                codes = build_presets(load(node.file), store)
                assert {name: await codes.code(Address(f"{name}@ville.example")) for name in made} == made


async def test_a_lost_node_never_opens_a_preset_code_made_after_its_removal(database: str, hop: ScriptedHop) -> None:
    """Preset codes were still encrypted with a secret that it had."""
    page = {"pickup": {"url": "https://courrier.hopital.example", "code": "preset"}, "web": {"public": "127.0.0.1:1"}}
    with cluster(database, hop.port, settings={**SETTINGS, **page}) as (alpha, beta):
        acquaint(alpha, beta)
        before, after = Address("avant@ville.example"), Address("apres@ville.example")
        made = preset(alpha, before.text)
        wait_for(lambda: presets(beta), "it has the secret")
        beta.stop()
        alpha.run("node", "remove", "beta")
        also_made = preset(alpha, after.text)
        async with await Store.open(database) as store:
            codes = build_presets(load(alpha.file), store)
            assert [await codes.code(before), await codes.code(after)] == [made, also_made]
            stolen = build_presets(load(beta.file), store)
            assert await stolen.code(before) == made
            with pytest.raises(EngineError, match="its secret is not in the keyring folder"):
                await stolen.code(after)


async def test_what_one_node_makes_is_the_others_before_it_is_published(pair: list[Node], tmp_path: Path) -> None:
    alpha, beta = pair
    generated = json.loads(alpha.run("keys", "generate", "Relay", "relais@hopital.example", "--json").stdout)
    assert await checked(alpha) == "alpha, beta; not given the secret keys of own addresses: beta (node add)"
    acquaint(alpha, beta)
    everything_shared(alpha, beta)
    assert await checked(alpha) == "alpha, beta"
    assert generated["fingerprint"] in gpg(beta.keyring, "--list-secret-keys", "--with-colons").stdout.decode()

    alpha.run("own", "create", "Hôpital Exemple")
    beta.run("own", "add", MARTIN)
    assert secrets(alpha) >= secrets(beta)
    certificate = alpha.run("own", "show", MARTIN).stdout
    assert opened(alpha, encrypted(certificate, tmp_path), certificate) == b"for him"
    before = secrets(beta)
    alpha.run("own", "rotate", MARTIN)
    assert secrets(beta) > before
    certificate = beta.run("own", "show", MARTIN).stdout
    assert opened(beta, encrypted(certificate, tmp_path), certificate) == b"for him"
    assert {name: each["state"] for name, each in listed(alpha).items()} == {"alpha": "this", "beta": "added"}
    wait_for(lambda: listed(alpha)["alpha"]["secrets"] == listed(alpha)["beta"]["secrets"], "both say so")


@pytest.mark.parametrize("by", ["fingerprint", "address"])
def test_a_node_never_started_whose_signing_key_had_come_while_it_was_down(pair: list[Node], by: str) -> None:
    alpha, beta = pair
    beta.kill()
    named = generated(alpha, "relais@hopital.example")
    acquaint(alpha, beta)
    beta.configure({**beta.settings, "sign": {"default": named if by == "fingerprint" else "relais@hopital.example"}})
    beta.start()
    wait_for(lambda: signing(beta, "beta") == {named}, "it signs with the key")


async def test_a_certificate_waits_for_a_node_that_runs_and_not_for_one_that_does_not(
    pair: list[Node], database: str
) -> None:
    alpha, beta = pair
    alpha.run("own", "create", "Hôpital Exemple")
    acquaint(alpha, beta)
    everything_shared(alpha, beta)
    before = secrets(alpha)
    await freeze_between_transactions(beta, database)
    refused = impatient(alpha, "own", "add", MARTIN)
    beta.thaw()
    assert (refused.returncode, b"node beta has not taken the new secret keys" in refused.stderr) == (1, True)
    assert own(alpha) == {}
    assert len(secrets(alpha) - before) == 2, "its subkey for encryption is deleted again"
    alpha.run("own", "add", MARTIN)
    beta.stop()
    alpha.run("own", "add", DESK)
    assert not secrets(beta) >= secrets(alpha)
    beta.start()
    assert secrets(beta) >= secrets(alpha), "before it serves"


async def test_a_key_that_somebody_wrote_into_the_database_is_given_nothing(pair: list[Node], database: str) -> None:
    alpha, beta = pair
    alpha.run("own", "create", "Hôpital Exemple")
    acquaint(alpha, beta)
    everything_shared(alpha, beta)
    with gnupg_home() as home:
        gpg(home, "--passphrase", "", "--quick-generate-key", "mallory", "future-default", "default", "never")
        certificate = gpg(home, "--export").stdout
        listing = gpg(home, "--list-keys", "--with-colons").stdout.decode()
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
    asking = await asyncpg.connect(database)
    await asking.execute("INSERT INTO node_key VALUES ('mallory', $1, $2)", fingerprint, certificate)
    await asking.execute("INSERT INTO node_statement VALUES ('a', $1)", certificate)
    wrong = alpha.run("node", "add", "mallory", "0" * 40, check=False)
    assert (wrong.returncode, b"shows another key" in wrong.stderr) == (1, True)
    beta.run("own", "add", MARTIN)
    everything_shared(alpha, beta)
    assert await asking.fetchval("SELECT count(*) FROM node_parcel WHERE fingerprint = $1", fingerprint) == 0
    assert await asking.fetchval("SELECT count(*) FROM node_secret WHERE fingerprint = $1", fingerprint) == 0
    stored = b"".join(bytes(row["data"]) for row in await asking.fetch("SELECT data FROM node_parcel"))
    await asking.close()
    assert b"private-key" not in stored
    assert listed(alpha)["mallory"]["state"] == "shown"


def test_a_node_that_is_lost_is_removed_and_what_it_had_is_made_anew(pair: list[Node], tmp_path: Path) -> None:
    alpha, beta = pair
    alpha.run("own", "create", "Hôpital Exemple")
    acquaint(alpha, beta)
    alpha.run("own", "add", MARTIN)
    old, certificate = own(alpha)[MARTIN], alpha.run("own", "show", MARTIN).stdout
    message = encrypted(certificate, tmp_path)
    beta.kill()
    lost = secrets(beta)

    made = json.loads(alpha.run("node", "remove", "beta", "--json").stdout)
    assert (made["node"], made["addresses"]) == ("beta", 1)
    rows = [json.loads(line) for line in alpha.run("trace", "--keys", "--json").stdout.splitlines()]
    assert [row["reason"] for row in rows if row["address"] == "node beta"] == ["its key is trusted", "removed"]
    new = own(alpha)[MARTIN]
    assert new["fingerprint"] != old["fingerprint"]
    assert len(secrets(alpha) - lost) == 4, "the organisation's, and three of the address"
    assert opened(alpha, message, certificate) == b"for him", "old mail still opens"
    alpha.run("wkd", "export", tmp_path / "wkd")
    (file,) = (tmp_path / "wkd" / "hopital.example" / "hu").iterdir()
    with gnupg_home() as home:
        gpg(home, "--import", content=file.read_bytes())
        keys = [line.split(":") for line in gpg(home, "--list-keys", "--with-colons").stdout.decode().splitlines()]
    states = {line[9]: line[1] for line in keys if line[0] == "uid"}
    validity = [line[1] for line in keys if line[0] == "pub"]
    assert (max(validity), len(validity), len(states)) == ("r", 2, 1), "the old one is published revoked"

    beta.start()
    alpha.run("own", "add", DESK)
    assert own(alpha).keys() == {MARTIN, DESK}
    assert secrets(beta) == lost
    refused = alpha.run("node", "add", "beta", shown(beta)["fingerprint"], check=False)
    assert (refused.returncode, b"was removed" in refused.stderr) == (1, True)


def test_the_signing_keys_of_a_lost_node_get_successors_and_are_revoked_once_no_node_signs_with_them(
    database: str, hop: ScriptedHop
) -> None:
    with cluster(database, hop.port, count=3) as (alpha, beta, gamma):
        acquaint(alpha, beta)
        acquaint(alpha, gamma)
        named, addressed = (generated(alpha, name) for name in ("relais@hopital.example", DESK))
        everything_shared(alpha, beta, gamma)
        sign: dict[str, object] = {"default": named, "senders": {"*@hopital.example": DESK}}
        for node in (alpha, gamma):
            reloaded(node, {**node.settings, "sign": sign})
        beta.kill()
        lost = secrets(beta)

        made = json.loads(alpha.run("node", "remove", "beta", "--json").stdout)["signing"]
        new = {each["old"]: each["new"] for each in made}
        assert new.keys() == {named, addressed}
        assert len(secrets(alpha) - lost) == 2
        assert secrets(gamma) == secrets(alpha), "before the command ends"
        beta.start()

        sign = {**sign, "default": new[named]}
        assert b"sign names" in refused_revocation(alpha, named)
        reloaded(alpha, {**alpha.settings, "sign": sign})
        assert b"gamma signs with" in refused_revocation(alpha, named)
        reloaded(gamma, {**gamma.settings, "sign": sign})
        wait_for(lambda: signing(alpha, "alpha", "gamma") == set(new.values()), "by the address too")
        for old in new:
            assert revoked(alpha.run("keys", "revoke", old, "--yes").stdout)
            wait_for(partial(known_revoked, gamma, old), "gamma knows it too")
        rows = [json.loads(line) for line in alpha.run("trace", "--keys", "--json").stdout.splitlines()]
        assert {row["old"] for row in rows if row["reason"] == "revoked"} == new.keys()
        assert secrets(beta) == lost


async def test_a_node_has_told_what_it_signs_with_when_it_begins_to_after_a_reload(
    pair: list[Node], database: str
) -> None:
    alpha, beta = pair
    acquaint(alpha, beta)
    first, second, third, refused = (generated(alpha, f"relais{n}@hopital.example") for n in range(4))
    everything_shared(alpha, beta)
    for key in (first, second, third):
        reloaded(beta, {**beta.settings, "sign": {"default": key}})
        assert key in signing(alpha, "beta")

    asking = await asyncpg.connect(database)
    await asking.execute("ALTER TABLE node RENAME TO unwritable")
    beta.configure({**beta.settings, "sign": {"default": refused}})
    beta.signal(SIGHUP)
    assert beta.wait_event("not_reloaded")["error"] == "StoreError", "what cannot be told does not sign"
    await asking.execute("ALTER TABLE unwritable RENAME TO node")
    await asking.close()
    wait_for(lambda: signing(alpha, "beta") == {third}, "what signed before signs on, alone")
    beta.signal(SIGHUP)
    wait_for(lambda: signing(alpha, "beta") == {refused}, "told now, and what signed before does not any more")


async def test_what_a_lost_node_had_is_replaced_by_a_second_run_where_a_node_was_slow_in_the_first(
    database: str, hop: ScriptedHop
) -> None:
    with cluster(database, hop.port, count=3, settings=SETTINGS) as (alpha, beta, gamma):
        acquaint(alpha, beta)
        acquaint(alpha, gamma)
        alpha.run("own", "create", "Hôpital Exemple")
        alpha.run("own", "add", MARTIN)
        named, old = generated(alpha, "relais@hopital.example"), own(alpha)[MARTIN]["fingerprint"]
        everything_shared(alpha, beta, gamma)
        alpha.configure({**alpha.settings, "sign": {"default": named}})
        beta.kill()
        lost = secrets(beta)

        await freeze_between_transactions(gamma, database)
        first = impatient(alpha, "node", "remove", "beta", "--json")
        gamma.thaw()
        assert (first.returncode, b"pgp-relay node remove beta" in first.stderr) == (1, True)
        (told,) = json.loads(first.stdout)["signing"]
        with gnupg_home() as home:
            alike = secret_key(home, "Relay <relais@hopital.example>")
            gpg(alpha.keyring, "--import", content=gpg(home, "--export-secret-keys", alike).stdout)
        await unfinished_is_told(alpha, database)
        made = json.loads(alpha.run("node", "remove", "beta", "--json").stdout)
        assert (made["addresses"], made["signing"]) == (1, [told]), "an imported key is no successor"
        assert UNFINISHED not in await checked(alpha)
        assert alpha.run("nodes").stderr == b""
        assert own(alpha)[MARTIN]["fingerprint"] != old
        assert len(secrets(alpha) - lost) == 6, "the organisation's, three of the address, one that signs, one imported"
        assert secrets(gamma) == secrets(alpha)
        assert b"not known" in alpha.run("node", "remove", "beta", check=False).stderr


async def unfinished_is_told(node: Node, database: str) -> None:
    assert UNFINISHED in await checked(node)
    assert UNFINISHED.encode() in node.run("nodes").stderr
    asking = await asyncpg.connect(database)
    await asking.execute("UPDATE node_removal SET begun = begun - 3600")
    await asking.close()
    wait_for(lambda: b"pgp-relay node remove beta" in node.run("status", check=False).stdout, "an hour later", 60)


def generated(node: Node, address: str) -> str:
    return str(json.loads(node.run("keys", "generate", "Relay", address, "--json").stdout)["fingerprint"])


def reloaded(node: Node, settings: dict[str, Any]) -> None:
    before = node.log.count('"reloaded"')
    node.configure(settings)
    node.signal(SIGHUP)
    wait_for(lambda: node.log.count('"reloaded"') > before, "reloaded")


def refused_revocation(node: Node, fingerprint: str) -> bytes:
    done = node.run("keys", "revoke", fingerprint, "--yes", check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    return done.stderr


def signing(node: Node, *names: str) -> set[str]:
    """What these nodes sign with; empty where they differ."""
    found = {each["node"]: set(each["signing"]) for each in json.loads(node.run("nodes", "--json").stdout)}
    return found[names[0]] if len({frozenset(found[name]) for name in names}) == 1 else set()


def known_revoked(node: Node, fingerprint: str) -> bool:
    done = gpg(node.keyring, "--export", fingerprint, check=False)  # fails while the relay's gpg replaces the keyring
    return done.returncode == 0 and revoked(done.stdout)


def revoked(certificate: bytes) -> bool:
    with gnupg_home() as home:
        gpg(home, "--import", content=certificate)
        return "\npub:r:" in gpg(home, "--list-keys", "--with-colons").stdout.decode()


def test_a_third_node_is_added_on_one_of_the_others_and_all_know_it(
    pair: list[Node], database: str, hop: ScriptedHop
) -> None:
    alpha, beta = pair
    alpha.run("own", "create", "Hôpital Exemple")
    acquaint(alpha, beta)
    with Node("gamma", database, hop.port, SETTINGS) as gamma:
        gamma.start()
        acquaint(beta, gamma)
        everything_shared(alpha, beta, gamma)
        gamma.run("own", "add", MARTIN)
        assert secrets(alpha) == secrets(beta) == secrets(gamma)
        assert listed(alpha)["gamma"]["by"] == "beta"
        beta.kill()
        alpha.run("node", "remove", "beta")
        gamma.run("own", "add", DESK)
        assert secrets(alpha) == secrets(gamma)
