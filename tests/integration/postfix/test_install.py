"""Real postconf on real configuration folders: put in, the same twice, taken out byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.configs import config
from lab.postfixfolder import FILES, ODD, append, state, value

from relay.admin import postfix
from relay.config import Config
from relay.model.errors import PostfixError


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config(tmp_path)


@pytest.mark.parametrize("egress", [False, True])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_uninstall_leaves_every_byte_mode_and_owner_as_it_was(
    folder: Path, settings: Config, odd: Callable[[Path], None], *, egress: bool
) -> None:
    odd(folder)
    before = state(folder)

    assert postfix.install(settings, folder, egress=egress).changed
    once = state(folder)
    assert not postfix.install(settings, folder, egress=egress).changed
    assert state(folder) == once
    assert {name: rest for name, (_, *rest) in once.items()} == {name: rest for name, (_, *rest) in before.items()}

    assert postfix.uninstall(folder).changed
    assert state(folder) == before
    assert not postfix.uninstall(folder).changed


AMAVIS = """content_filter = scan:[127.0.0.1]:10024
"""
RETURNING = """scan unix - - n - 2 smtp
localhost:10099 inet n - n - - smtpd
    -o content_filter=
    # the lab
    -o receive_override_options=no_milters
"""


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_behind_another_filter_its_service_hands_to_the_relay_and_is_as_it_was_afterwards(
    folder: Path, settings: Config, odd: Callable[[Path], None]
) -> None:
    append("master.cf", RETURNING)(folder)
    odd(folder)
    with (folder / "main.cf").open("ab") as file:
        file.write(b"\n" + AMAVIS.encode())
    before = state(folder)

    assert postfix.install(settings, folder, behind="localhost:10099").changed
    once = state(folder)
    assert value(folder, "-h", "content_filter") == "scan:[127.0.0.1]:10024"
    assert "localhost:10099/inet/content_filter = pgp-relay:[127.0.0.1]:10025" in value(folder, "-P")
    assert "localhost:10099/inet/receive_override_options = no_milters,no_address_mappings" in value(folder, "-P")
    assert not postfix.install(settings, folder, behind="localhost:10099").changed
    assert state(folder) == once

    assert postfix.uninstall(folder).changed
    assert state(folder) == before


def test_an_own_filter_is_told_to_come_first_and_which_command_chains_the_two(folder: Path, settings: Config) -> None:
    append("main.cf", AMAVIS)(folder)
    with pytest.raises(PostfixError, match=r"--behind SERVICE \(the smtpd of master.cf that it hands mail back to\)$"):
        postfix.install(settings, folder)
    append("master.cf", RETURNING)(folder)
    with pytest.raises(PostfixError, match=r"hands what it passes to the relay: .* --behind localhost:10099$"):
        postfix.install(settings, folder)
    with pytest.raises(PostfixError, match=r"no smtpd named nowhere; .* from a filter: localhost"):
        postfix.install(settings, folder, behind="nowhere")
    notes = postfix.install(settings, folder, behind="localhost:10099").notes
    assert (
        "content_filter is set: mail that this filter does not hand back to localhost:10099/inet bypasses"
        in " ".join(notes)
    )


def test_a_dry_run_shows_what_would_change_and_changes_nothing(folder: Path, settings: Config) -> None:
    before = state(folder)
    tried = postfix.install(settings, folder, dry=True)
    assert state(folder) == before
    assert "\n+content_filter = pgp-relay:" in tried.diff
    postfix.install(settings, folder)
    assert postfix.install(settings, folder, dry=True).diff == ""


def test_what_is_in_force_is_what_show_prints(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)

    shown = postfix.show(settings)
    assert f"content_filter = {value(folder, '-h', 'content_filter')}" in shown
    assert value(folder, "-h", "receive_override_options") == "no_address_mappings"
    scratch = folder.parent / "by-hand"
    shutil.copytree(folder, scratch)
    postfix.uninstall(scratch)
    main, _, master = shown.partition("# master.cf\n")
    append("main.cf", main)(scratch)
    append("master.cf", master)(scratch)
    for words in ("-n", "-Mf", "-P"):
        assert value(scratch, words).replace(str(scratch), "") == value(folder, words).replace(str(folder), "")


def test_a_changed_configuration_replaces_what_was_put_in(folder: Path, settings: Config) -> None:
    before = state(folder)
    postfix.install(settings, folder)

    moved = config(folder.parent, listen=["smtp://127.0.0.1:2025"], reinject="smtp://127.0.0.1:2026")
    assert postfix.install(moved, folder).changed

    assert value(folder, "-h", "content_filter") == "pgp-relay:[127.0.0.1]:2025"
    assert "10026" not in value(folder, "-M")
    assert postfix.install(moved, folder, egress=True).changed
    assert not value(folder, "-h", "content_filter")
    postfix.uninstall(folder)
    assert state(folder) == before


def test_what_the_administrator_writes_after_the_install_stays(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)
    value(folder, "-e", "message_size_limit=20000000", "mydestination=a.example")
    value(folder, "-M", "late/unix=late unix - - n - - smtp -o smtp_bind_address=127.0.0.1")
    value(folder, "-P", "smtp/inet/smtpd_tls_security_level=may")

    postfix.uninstall(folder)

    assert value(folder, "-h", "message_size_limit", "mydestination") == "20000000\na.example"
    assert value(folder, "-P", "late/unix/smtp_bind_address", "smtp/inet/smtpd_tls_security_level")
    assert b"pgp-relay" not in b"".join((folder / name).read_bytes() for name in FILES)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("main.cf", "content_filter = scan:[127.0.0.1]:10024\n", "scan:"),
        ("main.cf", "content_filter =\n", "content_filter"),
        ("main.cf", "receive_override_options = no_milters\n", "add no_address_mappings"),
        ("master.cf", "127.0.0.1:10026 inet n - n - - smtpd\n", "127.0.0.1:10026"),
        ("master.cf", "localhost:10026 inet n - n - - smtpd\n", "127.0.0.1:10026"),
        ("master.cf", "10025 inet n - n - - smtpd\n", "10025"),
        ("master.cf", "pgp-relay unix - - n - - smtp\n", "pgp-relay"),
    ],
)
def test_what_the_administrator_has_set_is_not_overwritten(
    folder: Path, settings: Config, name: str, text: str, words: str
) -> None:
    append(name, text)(folder)
    before = state(folder)

    with pytest.raises(PostfixError, match=words):
        postfix.install(settings, folder)

    assert state(folder) == before


@pytest.mark.parametrize(("own", "told"), [("1", False), ("20000", True)])
def test_an_own_size_of_bounces_stays_and_it_is_told_what_it_means(
    folder: Path, settings: Config, own: str, told: bool
) -> None:
    append("main.cf", f"bounce_size_limit = {own}\n")(folder)
    before = state(folder)

    done = postfix.install(settings, folder)

    assert value(folder, "-h", "bounce_size_limit") == own
    assert any("bounce_size_limit" in note for note in done.notes) is told
    assert not postfix.install(settings, folder).changed
    postfix.uninstall(folder)
    assert state(folder) == before


def test_a_bounce_returns_no_body_where_the_administrator_said_nothing(folder: Path, settings: Config) -> None:
    postfix.install(settings, folder)
    assert value(folder, "-h", "bounce_size_limit") == "1"


def test_lines_put_in_by_hand_are_left_for_the_hand_that_put_them_there(folder: Path) -> None:
    append("main.cf", "content_filter = pgp-relay:[127.0.0.1]:10025\n")(folder)

    with pytest.raises(PostfixError, match="take it out"):
        postfix.uninstall(folder)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("master.cf", "587 inet n - n - - smtpd -o content_filter=other:\n", "587/inet"),
        ("main.cf", "smtpd_milters = inet:127.0.0.1:8891\n", "DKIM"),
        ("main.cf", "transport_maps = hash:/etc/postfix/transport\n", "transport_maps"),
    ],
)
def test_what_leads_mail_past_the_relay_is_told(
    folder: Path, settings: Config, name: str, text: str, words: str
) -> None:
    append(name, text)(folder)

    assert words in " ".join(postfix.install(settings, folder, egress=words == "transport_maps").notes)


@pytest.mark.parametrize(
    "line",
    [
        "always_bcc = archive@elsewhere.example",
        "sender_bcc_maps = texthash:/etc/postfix/copies",
        "recipient_bcc_maps = inline:{bob@front.example=archive@elsewhere.example}",
        "virtual_alias_maps = hash:/etc/postfix/virtual",
        "canonical_maps = hash:/etc/postfix/canonical",
        "recipient_canonical_maps = hash:/etc/postfix/canonical",
        "luser_relay = catchall@elsewhere.example",
    ],
)
def test_what_makes_another_recipient_behind_the_filter_is_named(folder: Path, settings: Config, line: str) -> None:
    name = line.partition(" ")[0]
    append("main.cf", f"{line}\n")(folder)
    append("main.cf", f"{name}_not = x\n")(folder)

    notes = [note for note in postfix.install(settings, folder).notes if note.startswith(f"{name} is set")]
    assert len(notes) == 1
    assert not [note for note in postfix.install(settings, folder, egress=True).notes if name in note]


@pytest.mark.parametrize(
    "line",
    [
        "transport_maps = hash:/etc/postfix/transport",
        "sender_dependent_default_transport_maps = hash:/etc/postfix/transport",
        "relay_domains = branch.example",
        "relay_transport = smtp:[mx.branch.example]",
        "local_transport = smtp:[mailboxes.front.example]",
        "virtual_transport = lmtp:unix:private/dovecot-lmtp",
        "mailbox_transport = lmtp:unix:private/dovecot-lmtp",
        "mailbox_transport_maps = hash:/etc/postfix/transport",
        "fallback_transport = smtp:[mailboxes.front.example]",
        "fallback_transport_maps = hash:/etc/postfix/transport",
        "content_filter = scan:[127.0.0.1]:10024",
    ],
)
def test_what_routes_past_the_way_out_is_named(folder: Path, settings: Config, line: str) -> None:
    name = line.partition(" ")[0]
    assert not [note for note in postfix.install(settings, folder, egress=True).notes if name in note]
    postfix.uninstall(folder)
    append("main.cf", f"{line}\n")(folder)
    notes = [note for note in postfix.install(settings, folder, egress=True).notes if note.startswith(f"{name} is set")]
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("service", "egress", "name"),
    [
        ("pickup unix n - n 60 1 pickup -o content_filter=", False, "content_filter"),
        ("smtps inet n - n - - smtpd -o { content_filter = scan:here }", False, "content_filter"),
        ("rewrite unix - - n - - trivial-rewrite -o default_transport=smtp:", True, "default_transport"),
        ("rewrite unix - - n - - trivial-rewrite -o transport_maps=hash:/x", True, "transport_maps"),
        ("cleanup unix n - n - 0 cleanup -o always_bcc=archive@elsewhere.example", False, "always_bcc"),
    ],
)
def test_a_service_with_a_setting_of_its_own_is_named(
    folder: Path, settings: Config, service: str, name: str, *, egress: bool
) -> None:
    kept = [line for line in (folder / "master.cf").read_text().splitlines() if line.split()[:1] != service.split()[:1]]
    (folder / "master.cf").write_text("\n".join([*kept, service, ""]))

    words = "/".join(service.split()[:2])
    notes = postfix.install(settings, folder, egress=egress).notes
    assert [note for note in notes if note.startswith(f"{words} sets {name}")]


FILTER = "FILTER smtp:[192.0.2.1]:25"
ACTIONS = {
    "access": f"# FILTER smtp: in a comment\nanna@front.example\n   {FILTER}\n",
    "regexp": f"/^Subject: +x y/i   {FILTER}\n",
    "cidr": "10.0.0.0/8 filter smtp:\n",
    "quiet": "# anna FILTER smtp:x\nanna@front.example REJECT no FILTER smtp:x here\n/x FILTER/ REJECT\n",
}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("smtpd_client_restrictions = check_client_access cidr:{0}/cidr", "FILTER"),
        ("smtpd_recipient_restrictions = permit_mynetworks, check_sender_access hash:{0}/access, reject", "FILTER"),
        ("smtpd_sender_restrictions = check_sender_access proxy:texthash:$config_directory/access", "FILTER"),
        ("smtpd_relay_restrictions = check_recipient_access static:{{FILTER smtp:}}, permit_mynetworks", "FILTER"),
        ("smtpd_data_restrictions = check_client_access inline:{{ {{anna = FILTER smtp:}}, b=OK }}", "FILTER"),
        ("smtpd_restriction_classes = strict\nstrict = check_client_access cidr:{0}/cidr", "FILTER"),
        ("header_checks = regexp:{0}/quiet, pcre:{0}/regexp", "FILTER"),
        ("body_checks = regexp:{0}/regexp", "FILTER"),
        ("nested_header_checks = regexp:{0}/regexp", "FILTER"),
        ("milter_header_checks = regexp:{0}/regexp", "FILTER"),
        ("smtpd_client_restrictions = check_client_access ldap:{0}/access.cf", "cannot be read"),
        ("smtpd_client_restrictions = check_client_access hash:{0}/missing", "cannot be read"),
        ("header_checks = regexp:{0}/quiet", ""),
        ("smtpd_sender_restrictions = check_sender_access hash:{0}/quiet, check_policy_service inet:127.0.0.1:1", ""),
        ("smtp_header_checks = regexp:{0}/regexp", ""),
        ("smtpd_client_restrictions = permit_mynetworks, reject_rbl_client filter.example", ""),
    ],
)
@pytest.mark.parametrize("egress", [False, True])
def test_an_action_that_chooses_another_filter_is_named(
    folder: Path, settings: Config, line: str, told: str, *, egress: bool
) -> None:
    for name, text in ACTIONS.items():
        (folder / name).write_text(text)
    append("main.cf", f"{line.format(folder)}\n")(folder)

    notes = [note for note in postfix.install(settings, folder, egress=egress).notes if "FILTER" in note]
    assert len(notes) == bool(told), notes
    assert all((told in note and str(folder) in note) or "{" in note for note in notes)


@pytest.mark.parametrize("overridden", ["smtpd_sender_restrictions", "header_checks"])
def test_an_action_in_a_service_s_own_setting_is_named(folder: Path, settings: Config, overridden: str) -> None:
    (folder / "regexp").write_text(ACTIONS["regexp"])
    check = "check_sender_access regexp:" if overridden.startswith("smtpd") else "regexp:"
    append("master.cf", f"587 inet n - n - - smtpd -o {{ {overridden} = {check}{folder}/regexp }}\n")(folder)

    assert [note for note in postfix.install(settings, folder).notes if "FILTER" in note and "587/inet" in note]


def test_the_end_of_an_installation_names_what_shows_that_mail_meets_the_relay(folder: Path, settings: Config) -> None:
    assert "postfix check-path" in postfix.install(settings, folder).notes[-1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", False),
        ("compatibility_level = 3.6\n", False),
        ("compatibility_level = 3.6\nrelay_domains = ${{$compatibility_level} <level {2} ? {x.example} : {}}\n", False),
        ("relay_domains = branch.example\n", True),
    ],
)
def test_relay_domains_was_told_as_set_where_it_was_not(
    folder: Path, settings: Config, line: str, *, told: bool
) -> None:
    (folder / "main.cf").write_text(line)

    assert ("relay_domains" in " ".join(postfix.install(settings, folder, egress=True).notes)) is told


def test_a_symbolic_link_stays_one(folder: Path, settings: Config) -> None:
    (folder / "main.cf").rename(folder / "site.cf")
    (folder / "main.cf").symlink_to("site.cf")
    before = state(folder)

    postfix.install(settings, folder)
    assert (folder / "main.cf").is_symlink()
    postfix.uninstall(folder)

    assert state(folder) == before
    assert (folder / "main.cf").is_symlink()


def test_a_folder_that_is_none_of_postfix_is_named(tmp_path: Path, settings: Config) -> None:
    with pytest.raises(PostfixError, match=r"main\.cf"):
        postfix.install(settings, tmp_path / "nowhere")
