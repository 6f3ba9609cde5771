"""`web console` where nobody set up more than where it listens: one process, and no folder made before."""

from __future__ import annotations

import json

from lab.console import Console
from lab.relay import Relay


def test_the_console_needed_a_folder_and_a_second_process_that_nobody_had_named() -> None:
    with Relay() as relay, Console(relay, alone=True) as console:
        anne = console.logged_in("anne", "admin")
        for path in ("/", "/messages", "/held", "/keys", "/proposals", "/explain", "/sources", "/audit", "/users"):
            assert anne.get(path).status == 200, path
        assert (relay.keyring.parent / "console").stat().st_mode & 0o777 == 0o700
        console.stop("console")
        assert not (relay.keyring.parent / "control.sock").exists()


def test_a_relays_side_that_runs_already_is_the_one_that_is_asked() -> None:
    with Relay() as relay, Console(relay) as console:
        anne = console.logged_in("anne", "admin")
        console.stop("control")
        assert anne.get("/").status == 503


def test_what_user_add_printed_was_a_path_and_no_link() -> None:
    with Relay() as relay, Console(relay, alone=True) as console:
        added = relay.run("console", "user", "add", "anne", "--role", "keys").stdout.decode()
        assert added.startswith(f"http://localhost:{console.port}/enrol/")
    with Relay() as relay, Console(relay, alone=True, url=None) as console:
        told = json.loads(relay.run("console", "user", "add", "anne", "--role", "keys", "--json").stdout)
        assert told["link"] == f"http://127.0.0.1:{console.port}{told['enrol']}"
        assert console.visitor().get(told["enrol"]).status == 200
