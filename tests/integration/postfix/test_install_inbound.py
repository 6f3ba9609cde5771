"""`postfix install --inbound` on real configuration folders: put in, the same twice, taken out byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.configs import config
from lab.postfixfolder import ODD, append, state, value

from relay.admin import postfix
from relay.config import Config
from relay.model.errors import PostfixError

INBOUND = {"listen": ["lmtp://127.0.0.1:10035"], "reinject": "smtp://127.0.0.1:10036"}
OWN = {"domains": ["hopital.example", "clinique.example"]}
RETURNS = r"/^(postmaster\+[a-z2-7]+@(hopital\.example|clinique\.example))$$/"
TABLE = f"regexp:{{ {{{RETURNS} pgp-relay-inbound:[127.0.0.1]:10035}} }}"


def _rename(folder: Path) -> None:
    file = folder / "master.cf"
    text = file.read_text().replace("smtp      inet", "#smtp     inet")
    file.write_text(text + "192.0.2.1:2525 inet n - n - - smtpd\n  -o smtpd_banner=x")


ODD_ALREADY: dict[str, Callable[[Path], None]] = {
    **ODD,
    "routes of its own": append("main.cf", "transport_maps =\n  inline:{a.example=smtp:[192.0.2.1]},\n  $relay_maps\n"),
    "canonical addresses": append("main.cf", "recipient_canonical_maps = inline:{a@b.example=c@b.example}\n"),
    "a submission service at the end": append(
        "master.cf", "587 inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
    ),
    "an MX of another name at the end, without newline": _rename,
}


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config(tmp_path, inbound=INBOUND, own=OWN)


@pytest.mark.parametrize("odd", ODD_ALREADY.values(), ids=ODD_ALREADY)
def test_uninstall_leaves_every_byte_mode_and_owner_as_it_was(
    folder: Path, settings: Config, odd: Callable[[Path], None]
) -> None:
    odd(folder)
    before = state(folder)
    assert postfix.install_inbound(settings, folder).changed
    once = state(folder)
    assert not postfix.install_inbound(settings, folder).changed
    assert state(folder) == once
    assert postfix.uninstall_inbound(folder).changed
    assert state(folder) == before
    assert not postfix.uninstall_inbound(folder).changed


@pytest.mark.parametrize("egress", [False, True])
@pytest.mark.parametrize("odd", [ODD[name] for name in ("as packaged", "no newline at the end")])
def test_both_directions_come_and_go_in_any_order(
    folder: Path, settings: Config, odd: Callable[[Path], None], *, egress: bool
) -> None:
    odd(folder)
    before = state(folder)
    postfix.install(settings, folder, egress=egress)
    outgoing = state(folder)
    postfix.install_inbound(settings, folder)
    both = state(folder)
    assert not postfix.install(settings, folder, egress=egress).changed
    postfix.uninstall(folder)
    assert postfix.uninstall_inbound(folder).changed
    assert state(folder) == before

    postfix.install_inbound(settings, folder)
    postfix.install(settings, folder, egress=egress)
    postfix.refresh_inbound(settings, folder)
    assert not postfix.install_inbound(settings, folder).changed
    assert {name: len(octets) for name, (octets, *_) in state(folder).items()} == {
        name: len(octets) for name, (octets, *_) in both.items()
    }
    postfix.uninstall_inbound(folder)
    assert state(folder) == outgoing
    postfix.uninstall(folder)
    assert state(folder) == before


def test_a_dry_run_shows_what_would_change_and_changes_nothing(folder: Path, settings: Config) -> None:
    before = state(folder)
    tried = postfix.install_inbound(settings, folder, dry=True)
    assert state(folder) == before
    assert "\n+    -o content_filter=pgp-relay-inbound:[127.0.0.1]:10035" in tried.diff
    postfix.install_inbound(settings, folder)
    assert postfix.install_inbound(settings, folder, dry=True).diff == ""


def test_the_mx_hands_to_the_relay_and_no_other_service_does(folder: Path, settings: Config) -> None:
    append("master.cf", "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n")(folder)
    postfix.install_inbound(settings, folder)
    options = value(folder, "-P").splitlines()
    assert [line for line in options if "content_filter = pgp-relay" in line] == [
        "smtp/inet/content_filter = pgp-relay-inbound:[127.0.0.1]:10035"
    ]
    assert "smtp/inet/receive_override_options = no_address_mappings" in options
    assert value(folder, "-h", "content_filter") == ""
    assert value(folder, "-h", "transport_maps") == TABLE


def test_behind_the_relay_are_the_milters_that_shall_see_what_was_decrypted(folder: Path, settings: Config) -> None:
    append("main.cf", "smtpd_milters = inet:127.0.0.1:8891\n")(folder)
    assert any("pgp_relay_inbound_milters" in note for note in postfix.install_inbound(settings, folder).notes)
    append("main.cf", "pgp_relay_inbound_milters = inet:127.0.0.1:3310\n")(folder)
    assert not any("pgp_relay_inbound_milters" in note for note in postfix.install_inbound(settings, folder).notes)
    assert value(folder, "-xP", "127.0.0.1:10036/inet/smtpd_milters").endswith("= inet:127.0.0.1:3310")
    override = value(folder, "-P", "127.0.0.1:10036/inet/receive_override_options")
    assert override.endswith("= no_unknown_recipient_checks")


def test_routes_of_the_administrator_stay_behind_ours(folder: Path, settings: Config) -> None:
    append("main.cf", "transport_maps = inline:{a.example=smtp:[192.0.2.1]}, $relay_maps\n")(folder)
    notes = postfix.install_inbound(settings, folder).notes
    assert any("transport_maps" in note for note in notes)
    routed = value(folder, "-P", "rewrite/unix/transport_maps").partition(" = ")[2]
    assert routed == f"{TABLE}, inline:{{a.example=smtp:[192.0.2.1]}}, $relay_maps"


def test_overrides_of_main_cf_are_kept(folder: Path, settings: Config) -> None:
    append("main.cf", "receive_override_options = no_header_body_checks\n")(folder)
    postfix.install_inbound(settings, folder)
    override = value(folder, "-P", "smtp/inet/receive_override_options")
    assert override.endswith("= no_header_body_checks,no_address_mappings")


def test_an_override_of_the_service_is_its_administrators(folder: Path, settings: Config) -> None:
    file = folder / "master.cf"
    text = file.read_text()
    line = next(line for line in text.splitlines() if line.startswith("smtp ") and line.endswith("smtpd"))
    file.write_text(text.replace(line, f"{line}\n  -o receive_override_options=no_milters"))
    before = state(folder)
    with pytest.raises(PostfixError, match="no_address_mappings"):
        postfix.install_inbound(settings, folder)
    assert state(folder) == before


def test_where_several_may_be_the_mx_one_has_to_be_named(folder: Path, settings: Config) -> None:
    append("master.cf", "192.0.2.1:25 inet n - n - - smtpd\n192.0.2.2:2525 inet n - n - - smtpd\n")(folder)
    with pytest.raises(PostfixError, match="--mx"):
        postfix.install_inbound(settings, folder)
    postfix.install_inbound(settings, folder, named="192.0.2.2:2525")
    assert "192.0.2.2:2525/inet/content_filter = pgp-relay-inbound:" in value(folder, "-P")
    with pytest.raises(PostfixError, match="no smtpd named"):
        postfix.install_inbound(settings, folder, named="192.0.2.3:25")


def test_behind_postscreen_it_is_the_smtpd_that_gets_connections_passed(folder: Path, settings: Config) -> None:
    file = folder / "master.cf"
    text = file.read_text()
    line = next(line for line in text.splitlines() if line.startswith("smtp ") and line.endswith("smtpd"))
    file.write_text(text.replace(line, line[: -len("smtpd")] + "postscreen") + "smtpd pass - - y - - smtpd\n")
    postfix.install_inbound(settings, folder)
    assert "smtpd/pass/content_filter = pgp-relay-inbound:" in value(folder, "-P")


@pytest.mark.parametrize("first", ["outgoing", "incoming"])
def test_mail_of_our_own_clients_that_comes_in_at_the_mx_still_meets_the_outgoing_side(
    folder: Path, settings: Config, first: str
) -> None:
    """It would have left in cleartext: the MX has another filter now."""
    before = state(folder)
    if first == "outgoing":
        postfix.install(settings, folder)
        postfix.install_inbound(settings, folder)
    else:
        postfix.install_inbound(settings, folder)
        postfix.install(settings, folder)
        postfix.refresh_inbound(settings, folder)
    restrictions = value(folder, "-P", "127.0.0.1:10036/inet/smtpd_recipient_restrictions")
    assert "permit_auth_destination, check_recipient_access static:{FILTER pgp-relay:[127.0.0.1]:10025}" in restrictions
    postfix.install(settings, folder, egress=True)
    postfix.refresh_inbound(settings, folder)
    assert "FILTER" not in value(folder, "-P", "127.0.0.1:10036/inet/smtpd_recipient_restrictions")
    postfix.uninstall_inbound(folder)
    postfix.uninstall(folder)
    assert state(folder) == before


@pytest.mark.parametrize("egress", [False, True])
def test_it_is_told_where_decrypted_mail_would_leave(folder: Path, settings: Config, *, egress: bool) -> None:
    postfix.install(settings, folder, egress=egress)
    told = any("install --egress" in note for note in postfix.install_inbound(settings, folder).notes)
    assert told is not egress


def test_what_is_in_force_is_what_show_prints(folder: Path, settings: Config) -> None:
    postfix.install_inbound(settings, folder)
    shown = postfix.show_inbound(settings)
    options = value(folder, "-P").splitlines()
    assert f"transport_maps = {TABLE}" in shown
    for line in filter(lambda line: line.startswith("smtp/inet/"), options):
        name, _, set_to = line.removeprefix("smtp/inet/").partition(" = ")
        assert f"-o {name}={set_to}" in shown or f"-o {{ {name} = {set_to} }}" in shown


def test_without_incoming_mail_there_is_nothing_to_install(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PostfixError, match=r"inbound\.listen"):
        postfix.install_inbound(config(tmp_path, own=OWN), folder)


def test_a_return_path_of_its_own_is_the_one_that_is_led_to_the_relay(folder: Path, tmp_path: Path) -> None:
    settings = config(tmp_path, inbound={**INBOUND, "return_path": "retour.mail@hopital.example"}, own=OWN)
    postfix.install_inbound(settings, folder)
    assert r"/^(retour\.mail\+[a-z2-7]+@(hopital\.example))$$/" in value(folder, "-h", "transport_maps")
