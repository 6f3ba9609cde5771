from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.openpgp.colon_listing import listings

PRIMARY = "A" * 40
SUBKEY = "B" * 40


def listing(*, pub: str = "-", sub: str = "-", uid: str = "-", name: str = "Bob <bob@example.org>") -> bytes:
    return (
        f"tru::1:1:0:3:1:5\n"
        f"pub:{pub}:255:22:AAAAAAAAAAAAAAAA:100:900::-:::scESC:::::ed25519:::0:\n"
        f"fpr:::::::::{PRIMARY}:\n"
        f"grp:::::::::CCCC:\n"
        f"uid:{uid}::::100::FFFF::{name}::::::::::0:\n"
        f"uat:-::::100::FFFF::1 2:::::::::0:\n"
        f"sub:{sub}:3072:1:BBBBBBBBBBBBBBBB:200:800:::::e::::::23:\n"
        f"fpr:::::::::{SUBKEY}:\n"
    ).encode()


def test_a_key_its_subkey_and_its_user_id_are_read() -> None:
    [key] = listings(listing())
    primary, subkey = key.components
    assert (primary.fingerprint, primary.algorithm, primary.created, primary.expires) == (PRIMARY, "ed25519", 100, 900)
    assert (subkey.fingerprint, subkey.algorithm, subkey.created, subkey.expires) == (SUBKEY, "rsa3072", 200, 800)
    assert (primary.encrypts, subkey.encrypts) == (False, True)
    assert [u.address.key for u in key.user_ids if u.address] == ["bob@example.org"]


def test_a_subkey_s_own_revocation_is_its_own() -> None:
    [key] = listings(listing(sub="r"))
    assert [component.revoked for component in key.components] == [False, True]


def test_a_revoked_key_keeps_its_addresses() -> None:
    [key] = listings(listing(pub="r", sub="r", uid="r"))
    assert [component.revoked for component in key.components] == [True, False]
    assert [user_id.revoked for user_id in key.user_ids] == [False]


def test_an_expired_key_keeps_its_addresses() -> None:
    [key] = listings(listing(pub="e", sub="e", uid="e"))
    assert [user_id.revoked for user_id in key.user_ids] == [False]


def test_a_user_id_revoked_under_an_expired_key_is_revoked() -> None:
    [key] = listings(listing(pub="e", sub="e", uid="r"))
    assert [user_id.revoked for user_id in key.user_ids] == [True]


def test_an_invalid_primary_is_not_valid() -> None:
    [key] = listings(listing(pub="i"))
    assert not key.components[0].valid


def test_a_person_s_d_disables_it() -> None:
    assert listings(listing().replace(b"scESC", b"scESCD"))[0].disabled
    assert not listings(listing())[0].disabled


def test_escapes_and_latin_1_in_a_user_id() -> None:
    [key] = listings(listing(name="B\\x3ab\\x5c\\n <b@x.example>").replace(b"B\\x3a", b"B\xe9\\x3a"))
    assert key.user_ids[0].text == "Bé:b\\\n <b@x.example>"


def test_a_user_id_cannot_forge_a_record() -> None:
    [key] = listings(listing(name="x\\nuid\\x3a-\\x3a <evil@x.example>"))
    assert len(key.user_ids) == 1


def test_a_curve_names_the_algorithm() -> None:
    [key] = listings(listing().replace(b":3072:1:", b":256:18:").replace(b"::::::23:", b":::::brainpoolP256r1:"))
    assert key.components[1].algorithm == "brainpoolp256r1"


def test_several_keys_keep_their_order() -> None:
    other = listing().replace(PRIMARY.encode(), b"D" * 40)
    assert [key.fingerprint for key in listings(listing() + other)] == [PRIMARY, "D" * 40]


def test_a_key_without_fingerprint_is_left_out() -> None:
    assert listings(listing().replace(b"fpr", b"xxx")) == []


@given(st.lists(st.sampled_from([*listing().splitlines(), b"pub", b"uid:r", b"sub:::x:y:z", b"fpr", b"\xff:\xfe"])))
def test_no_listing_makes_it_fail(lines: list[bytes]) -> None:
    listings(b"\n".join(lines))
