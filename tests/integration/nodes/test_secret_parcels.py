"""A parcel is taken whenever it comes, and what is in it is bounded to secret keys that are missing here."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.badgpg import BadGpg
from lab.certificates import make_keypair
from lab.gnupghome import stop_agent

from relay.daemon import secret_sharing
from relay.daemon.secret_sharing import AT_ONCE, SecretSharing
from relay.model.errors import EngineError
from relay.model.own import OwnSubkey
from relay.openpgp import home
from relay.store import About, Network, Store

GRIPS = ("A" * 40, "B" * 40, "C" * 40)


@dataclass
class Side:
    """One of two nodes."""

    folder: Path
    store: Store
    sharing: SecretSharing

    @property
    def there(self) -> set[str]:
        return {file.stem for file in (self.folder / "private-keys-v1.d").glob("*")}


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[list[Side]]:
    """They trust each other, and share a store."""
    made = []
    for name in ("alpha", "beta"):
        folder = tmp_path / name
        home.prepare(folder)
        store = await Store.open(tmp_path / "s.db", network=Network(name))
        made.append(Side(folder, store, SecretSharing(folder, store)))
    keys = [await side.sharing.own() for side in made]
    for side, other in zip(made, reversed(keys), strict=True):
        await side.sharing.trust.add(other)
    for side, key in zip(made, keys, strict=True):
        await side.store.node_keys.show(key)
    yield made
    for side in made:
        stop_agent(side.folder / "node")
        stop_agent(side.folder)
        await side.store.close()


@asynccontextmanager
async def third(tmp_path: Path) -> AsyncIterator[Side]:
    """One that has just come, and that nobody trusts."""
    folder = tmp_path / "gamma"
    home.prepare(folder)
    async with await Store.open(tmp_path / "s.db", network=Network("gamma")) as store:
        try:
            yield Side(folder, store, SecretSharing(folder, store))
        finally:
            stop_agent(folder / "node")


async def send(sender: Side, receiver: Side, files: dict[str, bytes]) -> None:
    """A parcel with whatever is in it."""
    key = await receiver.sharing.own()
    words = {name: base64.b64encode(octets).decode() for name, octets in files.items()}
    message = await sender.sharing.identity.encrypt(
        json.dumps({"files": words, "public": ""}).encode(), key.certificate
    )
    own = await sender.sharing.own()
    await sender.store.node_keys.send(own.fingerprint, key.fingerprint, files, message)


async def test_a_parcel_that_comes_as_soon_as_another_was_taken_is_not_passed_over(sides: list[Side]) -> None:
    alpha, beta = sides
    (beta.folder / "private-keys-v1.d").mkdir(mode=0o700)
    await beta.sharing.round()
    await send(alpha, beta, {})
    await beta.sharing.round()
    await send(alpha, beta, {f"private-keys-v1.d/{GRIPS[0]}.key": b"one"})
    await beta.sharing.round()
    assert beta.there == {GRIPS[0]}


async def test_what_is_there_stays_and_what_was_deleted_does_not_come_back(sides: list[Side]) -> None:
    alpha, beta = sides
    await send(alpha, beta, {f"private-keys-v1.d/{GRIPS[0]}.key": b"one"})
    await beta.sharing.round()
    await beta.store.own_keys.bury([OwnSubkey("F" * 40, 0, 0, GRIPS[1])])
    await send(
        alpha,
        beta,
        {
            f"private-keys-v1.d/{GRIPS[0]}.key": b"another",
            f"private-keys-v1.d/{GRIPS[1]}.key": b"buried",
            f"private-keys-v1.d/{GRIPS[2]}.key": b"three",
            "private-keys-v1.d/../../escaped.key": b"x",
            "gpg-agent.conf": b"log-file /tmp/x\n",
            "node/trust.json": b"{}",
        },
    )
    before = (beta.folder / "gpg-agent.conf").read_bytes(), (beta.folder / "node" / "trust.json").read_bytes()
    await beta.sharing.round()
    assert beta.there == {GRIPS[0], GRIPS[2]}
    assert (beta.folder / "private-keys-v1.d" / f"{GRIPS[0]}.key").read_bytes() == b"one"
    after = (beta.folder / "gpg-agent.conf").read_bytes(), (beta.folder / "node" / "trust.json").read_bytes()
    assert after == before
    assert {file.name for file in beta.folder.parent.iterdir() if file.is_dir()} == {"alpha", "beta"}


async def test_a_key_on_a_card_is_not_sent(sides: list[Side]) -> None:
    alpha, beta = sides
    (alpha.folder / "private-keys-v1.d").mkdir(mode=0o700)
    stub = alpha.folder / "private-keys-v1.d" / f"{GRIPS[0]}.key"
    stub.write_bytes(b"(20:shadowed-private-key(3:rsa))")
    await alpha.sharing.round()
    await beta.sharing.round()
    assert beta.there == set()


async def test_a_parcel_of_a_node_that_is_not_trusted_yet_waits_until_it_is(sides: list[Side], tmp_path: Path) -> None:
    _, beta = sides
    async with third(tmp_path) as gamma:
        key = await gamma.sharing.own()
        await send(gamma, beta, {f"private-keys-v1.d/{GRIPS[0]}.key": b"one"})
        await beta.sharing.round()
        assert beta.there == set()
        await beta.sharing.trust.add(key)
        await beta.sharing.round()
        assert beta.there == {GRIPS[0]}


@pytest.fixture
def bad_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BadGpg:
    bad = BadGpg(tmp_path / "bin", make_keypair("<mallory@evil.example>").public)
    monkeypatch.setenv("PATH", f"{bad.folder}:/usr/bin:/bin")
    return bad


@pytest.mark.parametrize("way", ["killed", "exit2", "status missing"])
async def test_a_parcel_that_a_failing_gpg_did_not_read_was_refused_until_the_next_start(
    sides: list[Side], bad_gpg: BadGpg, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read at the next look at everything, and the log says once that it was refused."""
    monkeypatch.setattr(secret_sharing, "LOOK_AGAIN", 0.0)
    alpha, beta = sides
    await beta.sharing.round()
    await send(alpha, beta, {f"private-keys-v1.d/{GRIPS[0]}.key": b"one"})
    bad_gpg.do(way)
    for _ in range(2):
        with suppress(EngineError):
            await beta.sharing.round()
    assert beta.there == set()
    assert capsys.readouterr().out.count("secrets_refused") == 1
    bad_gpg.do("")
    await beta.sharing.round()
    assert beta.there == {GRIPS[0]}


async def test_a_node_that_was_added_while_gpg_failed_was_not_trusted_until_the_next_start(
    sides: list[Side], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alpha vouches for gamma, and beta's gpg verifies that and does not take gamma's key."""
    alpha, beta = sides
    async with third(tmp_path) as gamma:
        key = await gamma.sharing.own()
        await alpha.sharing.trust.add(key)
        with monkeypatch.context() as failing:
            failing.setattr(beta.sharing.identity, "learn", no_engine)
            await beta.sharing.trust.learn()
        assert key.fingerprint not in beta.sharing.trust.now.keys
        await beta.sharing.trust.learn()
        assert key.fingerprint in beta.sharing.trust.now.keys


async def no_engine(_: bytes) -> None:
    """As gpg that cannot write its keyring."""
    raise EngineError("gpg did not take the key of another node")


async def test_a_key_was_not_waited_for_by_a_node_that_another_one_had_just_added(
    sides: list[Side], tmp_path: Path
) -> None:
    """Its certificate was published before every node had its secret."""
    alpha, beta = sides
    async with third(tmp_path) as gamma:
        await gamma.store.nodes.announce(About("1", "", (), connections=1))
        await gamma.store.node_keys.show(await gamma.sharing.own())
        await beta.sharing.trust.add(await gamma.sharing.own())
        await gamma.sharing.trust.add(await beta.sharing.own())
        (alpha.folder / "private-keys-v1.d").mkdir(mode=0o700)
        (alpha.folder / "private-keys-v1.d" / f"{GRIPS[0]}.key").write_bytes(b"one")
        hasty = SecretSharing(alpha.folder, alpha.store, patience=0.0)
        with pytest.raises(EngineError, match="node gamma has not taken the new secret keys"):
            await hasty.share(await hasty.names())
        await gamma.sharing.round()
        assert gamma.there == {GRIPS[0]}
        await hasty.share(await hasty.names())


async def test_a_key_that_was_deleted_while_its_parcel_was_looked_for_came_back(
    sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = sides
    await send(alpha, beta, {f"private-keys-v1.d/{grip}.key": b"one" for grip in GRIPS[:2]})
    parcels = beta.store.node_keys.parcels

    async def deleted_meanwhile(fingerprint: str, without: Collection[str] = ()) -> Mapping[str, bytes]:
        await alpha.store.own_keys.bury([OwnSubkey("F" * 40, 0, 0, GRIPS[1])])
        return await parcels(fingerprint, without)

    monkeypatch.setattr(beta.store.node_keys, "parcels", deleted_meanwhile)
    await beta.sharing.round()
    assert beta.there == {GRIPS[0]}


async def test_no_secret_key_is_sent_back_to_the_node_that_it_came_from(sides: list[Side]) -> None:
    alpha, beta = sides
    await alpha.sharing.round()
    (alpha.folder / "private-keys-v1.d").mkdir(mode=0o700, exist_ok=True)
    (alpha.folder / "private-keys-v1.d" / f"{GRIPS[0]}.key").write_bytes(b"one")
    await alpha.sharing.give()  # as a command does, between two rounds of the relay
    await beta.sharing.round()
    assert beta.there == {GRIPS[0]}
    assert await beta.store.node_keys.parcels((await alpha.sharing.own()).fingerprint) == {}


async def test_many_secret_keys_go_in_several_parcels(sides: list[Side]) -> None:
    alpha, beta = sides
    folder = alpha.folder / "private-keys-v1.d"
    folder.mkdir(mode=0o700)
    names = {f"{number:040X}" for number in range(2 * AT_ONCE + 1)}
    for name in names:
        (folder / f"{name}.key").write_bytes(name.encode())
    assert await alpha.sharing.give() == {"beta": len(names)}
    await beta.sharing.round()
    assert beta.there == names
    assert await alpha.sharing.give() == {}
