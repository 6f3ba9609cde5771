"""`postfix check-path` on a real Postfix: which probes met the relay, and which passed it by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.ports import free_port
from lab.way import Way, way

pytestmark = pytest.mark.waits

NOBODY = "nobody@pgp-relay.invalid"
MAIN = {
    "mydestination": "front.example",
    "local_recipient_maps": "",
    "virtual_alias_maps": "texthash:{0}/aliases",
    "virtual_mailbox_domains": "boxes.example",
    "virtual_mailbox_maps": "texthash:{0}/boxes",
    "relay_domains": "branch.example",
}
TABLES = {
    "aliases": "news@front.example bob@boxes.example\n",
    "boxes": "# none\nbob@boxes.example bob/\n",
    "filter": "branch.example FILTER smtp:[127.0.0.1]:{sink}\n",
    "header": "/^Subject:/ FILTER smtp:[127.0.0.1]:{sink}\n",
    "transport": "pgp-relay.invalid smtp:[127.0.0.1]:{sink}\n",
}


@contextmanager
def house(tmp_path: Path, main: Mapping[str, str] = {}, *, egress: bool = False, services: str = "") -> Iterator[Way]:
    """A Postfix with one address of each kind, whose local and virtual mail goes to the sink too."""
    tmp_path.chmod(0o755)
    for name in TABLES:
        (tmp_path / name).write_text("")
    settings = {name: value.format(tmp_path) for name, value in {**MAIN, **main}.items()}
    with way(egress=egress, main=settings) as ready:
        for name, text in TABLES.items():
            (tmp_path / name).write_text(text.format(sink=ready.sink.port))
        inside = f"smtp:[127.0.0.1]:{ready.sink.port}"
        ready.mta.command(
            "postconf", "-e", f"local_transport={inside}", f"virtual_transport={inside}", f"relay_transport={inside}"
        )
        with (ready.mta.folder / "master.cf").open("a") as file:
            file.write(services)
        ready.mta.reload()
        yield ready


def check(ready: Way, *words: str, status: int = 0, wait: str = "80s") -> dict[tuple[str, str], dict[str, Any]]:
    done = ready.relay.run(
        "postfix", "check-path", "--config-dir", ready.mta.folder, "--wait", wait, "--json", *words, check=False
    )
    assert done.returncode == status, (done.stdout.decode(), done.stderr.decode(), ready.mta.log[-3000:])
    return {(each["kind"], each["way"]): each for each in json.loads(done.stdout)}


def outcomes(found: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for (kind, _), each in found.items():
        kinds.setdefault(kind, set()).add(each["outcome"])
    return kinds


def test_one_probe_of_each_kind_meets_the_relay_by_every_way_in_and_is_not_delivered(tmp_path: Path) -> None:
    with house(tmp_path) as ready:
        found = check(ready)
        assert {kind for kind, _ in found} == {"local", "alias", "mailbox", "relay", "outside"}
        assert {way for _, way in found} == {f"smtp 127.0.0.1:{ready.mta.port}", "sendmail"}
        assert outcomes(found) == {kind: {"met"} for kind, _ in found}
        assert found["outside", "sendmail"]["address"] == NOBODY
        ready.mta.wait_empty()
        assert ready.sink.taken == []
        assert "probed" in {line["event"] for line in ready.relay.events}
        assert ready.relay.trace() == []


def test_an_action_in_a_table_is_shown_by_the_one_kind_that_it_concerns(tmp_path: Path) -> None:
    main = {"smtpd_recipient_restrictions": "check_recipient_access texthash:{0}/filter, permit_mynetworks, reject"}
    with house(tmp_path, main) as ready:
        found = check(ready, status=1)
        smtp = f"smtp 127.0.0.1:{ready.mta.port}"
        assert found["relay", smtp]["outcome"] == "passed"
        assert {each["outcome"] for at, each in found.items() if at != ("relay", smtp)} == {"met"}
        (probe,) = ready.mails(1)
        assert list(probe.recipients) == ["postmaster@branch.example"]
        assert b"Subject: pgp-relay probe" in probe.content


def test_an_action_in_header_checks_is_shown_by_all(tmp_path: Path) -> None:
    with house(tmp_path, {"header_checks": "regexp:{0}/header"}) as ready:
        assert outcomes(check(ready, status=1)) == {
            kind: {"passed"} for kind in ("local", "alias", "mailbox", "relay", "outside")
        }


def test_a_service_with_a_filter_of_its_own_is_shown_by_that_way_in(tmp_path: Path) -> None:
    port = free_port()
    services = f"127.0.0.1:{port} inet n - n - - smtpd -o content_filter=\n"
    with house(tmp_path, services=services) as ready:
        found = check(ready, NOBODY, "anna@front.example", status=1)
        assert {(at, each["outcome"]) for (_, at), each in found.items()} == {
            (f"smtp 127.0.0.1:{ready.mta.port}", "met"),
            (f"smtp 127.0.0.1:{port}", "passed"),
            ("sendmail", "met"),
        }


def test_where_mail_leaves_what_stays_inside_is_not_expected_and_an_alias_shows_where_it_leads(tmp_path: Path) -> None:
    with house(tmp_path, egress=True) as ready:
        (tmp_path / "aliases").write_text("news@front.example bob@ville.example\n")
        ready.mta.reload()
        found = check(ready)
        assert outcomes(found) == {
            **{kind: {"inside"} for kind in ("local", "mailbox", "relay")},
            **{kind: {"met"} for kind in ("alias", "outside")},
        }
        assert found["alias", "sendmail"]["seen"] == ["bob@ville.example"]


def test_where_mail_leaves_a_transport_map_is_shown(tmp_path: Path) -> None:
    with house(tmp_path, {"transport_maps": "texthash:{0}/transport"}, egress=True) as ready:
        found = check(ready, status=1)
        assert outcomes(found)["outside"] == {"passed"}


def test_a_sender_dependent_transport_is_shown_with_its_sender(tmp_path: Path) -> None:
    maps = "sender_dependent_default_transport_maps"
    with house(tmp_path, {maps: "inline:{{anna@front.example=smtp:[127.0.0.1]:9}}"}, egress=True) as ready:
        assert outcomes(check(ready))["outside"] == {"met"}
        assert outcomes(check(ready, "--from", "anna@front.example", status=1, wait="3s"))["outside"] == {"waits"}


def test_a_relay_that_does_not_run_leaves_them_waiting(tmp_path: Path) -> None:
    with house(tmp_path) as ready:
        ready.relay.stop()
        for seconds in (3, 10, 30):  # as long as Postfix has not tried, nothing is known of why
            found = check(ready, NOBODY, status=1, wait=f"{seconds}s")
            if all(each["detail"] for each in found.values()):
                break
        assert outcomes(found) == {"outside": {"waits"}}
        assert all("refused" in each["detail"] for each in found.values())
        ready.relay.start()
        ready.mta.retry()
        ready.mta.wait_empty()
        assert ready.sink.taken == []


def test_what_postfix_does_not_take_is_told(tmp_path: Path) -> None:
    main = {"smtpd_recipient_restrictions": "check_recipient_access inline:{{pgp-relay.invalid=REJECT}}, permit"}
    with house(tmp_path, main) as ready:
        found = check(ready, NOBODY)
        refused = found["outside", f"smtp 127.0.0.1:{ready.mta.port}"]
        assert (refused["outcome"], refused["detail"][:9]) == ("refused", "554 5.7.1")
        assert found["outside", "sendmail"]["outcome"] == "met"


def test_without_an_installation_it_says_what_to_do(tmp_path: Path) -> None:
    with house(tmp_path) as ready:
        ready.relay.run("postfix", "uninstall", "--config-dir", ready.mta.folder)
        done = ready.relay.run("postfix", "check-path", "--config-dir", ready.mta.folder, check=False)
        assert (done.returncode, b"postfix install" in done.stderr) == (1, True)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """One for several tests."""
    with house(tmp_path_factory.mktemp("usual")) as ready:
        yield ready


@pytest.mark.parametrize("words", [("--from", "anna"), ("anna",), ("anna@front.example\r\nX: y",), ("--wait", "soon")])
def test_what_is_no_address_or_time_is_refused(words: Sequence[str], usual: Way) -> None:
    usual.mta.wait_empty()
    done = usual.relay.run("postfix", "check-path", "--config-dir", usual.mta.folder, *words, check=False)
    assert done.returncode in {1, 2}
    assert usual.mta.queue() == []


def test_for_people_it_is_a_line_a_probe(usual: Way) -> None:
    done = usual.relay.run("postfix", "check-path", "--config-dir", usual.mta.folder)
    lines = done.stdout.decode().splitlines()
    assert len(lines) >= 10
    assert all("met the relay" in line for line in lines if NOBODY in line)


def test_it_ends_once_each_probe_is_known_and_not_when_its_time_is_over(usual: Way) -> None:
    """A command that runs for longer than a test may is an error."""
    done = usual.relay.run("postfix", "check-path", "--config-dir", usual.mta.folder, "--wait", "10m", NOBODY)
    assert done.stdout.count(b"met the relay") == 2


def test_a_mail_that_only_says_that_it_is_a_probe_is_a_mail(tmp_path: Path) -> None:
    with house(tmp_path) as ready:
        content = (
            b"From: a@front.example\r\nX-PGP-Relay-Probe: " + b"0" * 32 + b"\r\nSubject: canary\r\n\r\nthe canary\r\n"
        )
        ready.mta.submit("a@front.example", ["b@front.example"], content)
        (mail,) = ready.mails(1)
        assert mail.body == b"the canary\r\n"
