"""Killed in the middle of an act, by a page or by a command: it is done or not done, and the hash chain says the same.

When a process dies is spread over the time that it takes; whatever the moment, state and record have to agree. Each
death costs the start of a program, which is why these take seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.console import Console, Visitor, proposed
from lab.relay import PROGRAM, Relay

ROUNDS = [2, pytest.param(24, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    with Relay() as relay, Console(relay) as console:
        yield console


@pytest.fixture(scope="module")
def keys(site: Console) -> Visitor:
    return site.logged_in("keys", "keys")


def told(site: Console, *words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(site.relay.run(*words, "--json").stdout)
    return found


def recorded(site: Console, address: str, reason: str) -> list[str]:
    """Who did that, by the hash chain, which is whole."""
    assert b"holds" in site.relay.run("trace", "--verify").stdout
    lines = site.relay.run("trace", "--keys", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["actor"] for row in rows if (row["address"], row["reason"]) == (address, reason)]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_control_killed_while_a_page_approves(site: Console, keys: Visitor, rounds: int) -> None:
    whole, outcomes = 0.0, list[bool]()
    for number in range(rounds + 1):
        address = f"a{rounds}-{number}@ville.example"
        fingerprint = asyncio.run(proposed(site.relay, make_keypair(f"A <{address}>")))
        keys.get("/proposals")
        asking = threading.Thread(target=keys.post, args=("/proposals", {"act": "approve", "fingerprint": fingerprint}))
        begun = time.monotonic()
        asking.start()
        if number:
            time.sleep(1.5 * whole * number / rounds)
            site.kill("control")
        asking.join()
        whole = whole or time.monotonic() - begun
        waits = any(each["fingerprint"] == fingerprint for each in told(site, "keys", "proposals"))
        assert recorded(site, address, "approved") == ([] if waits else ["console:keys"])
        outcomes.append(not waits)
        if number:
            site.start("control")
    assert outcomes[0], "the one that nobody killed"
    print(f"done: {sum(outcomes)} of {len(outcomes)}")


def bound(site: Console, number: int) -> tuple[list[str], bytes, Callable[[], bool], tuple[str, str]]:
    pattern = f"*@p{number}.example"
    pair = make_keypair(f"P <p@p{number}.example>")
    site.relay.run("keys", "import", "-", content=pair.public)
    words = ["keys", "bind", pattern, pair.fingerprint]
    return words, b"", lambda: any(e["pattern"] == pattern for e in told(site, "keys", "bindings")), (pattern, "bound")


def imported(site: Console, number: int) -> tuple[list[str], bytes, Callable[[], bool], tuple[str, str]]:
    address = f"i{number}@ville.example"
    public = make_keypair(f"I <{address}>").public
    there = lambda: any(address in e["addresses"] for e in told(site, "keys", "list"))  # type: ignore[operator]  # noqa: E731  JSON
    return ["keys", "import", "-"], public, there, (address, "imported")


def suggested(site: Console, number: int) -> tuple[list[str], bytes, Callable[[], bool], tuple[str, str]]:
    address = f"s{number}@ville.example"
    public = make_keypair(f"S <{address}>").public
    there = lambda: any(e["address"] == address for e in told(site, "keys", "proposals"))  # noqa: E731  as above
    return ["keys", "import", "-", "--propose"], public, there, (address, "proposed: by a person")


def added(site: Console, number: int) -> tuple[list[str], bytes, Callable[[], bool], tuple[str, str]]:
    name = f"u{number}"
    there = lambda: any(e["name"] == name for e in told(site, "console", "user", "list"))  # noqa: E731  as above
    return ["console", "user", "add", name, "--role", "desk"], b"", there, (f"console:{name}", "user added: desk")


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("act", [bound, imported, suggested, added])
def test_a_command_killed_while_it_works(
    site: Console,
    act: Callable[[Console, int], tuple[list[str], bytes, Callable[[], bool], tuple[str, str]]],
    rounds: int,
) -> None:
    whole = 0.0
    for number in range(rounds + 1):
        words, content, done, row = act(site, rounds * 100 + number)
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(PROGRAM), "-c", str(site.relay.file), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path("/"),
            env={**os.environ, "SUDO_USER": "anne"},
        )
        assert process.stdin
        process.stdin.write(content)
        process.stdin.close()
        if number == 0:
            assert process.wait(60) == 0
            whole = time.monotonic() - begun
        else:
            time.sleep(whole * (0.5 + 0.5 * number / rounds))  # the first half is Python that loads
            process.kill()
            process.wait(60)
        actor = "cli:anne" if os.geteuid() == 0 else None
        rows = recorded(site, *row)
        assert len(rows) == done()
        assert actor is None or set(rows) <= {actor}
