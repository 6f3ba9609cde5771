"""What every `ports.Opener` promises: mail as other programs write it opens, what was tampered with stays closed.

Each case is asked of both engines, and they give the same answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lab import crafted
from lab.crafted import GCM, HIDDEN, OCB, compressed, encrypted, literal, one_pass
from lab.forge import CERTIFICATION, CERTIFIES_AND_SIGNS, REVOCATION, SHA1, Key, Signed, ordinary, packet
from lab.gnupghome import generate, gnupg_home, gnupg_keypair, gpg, mute_agent, stop_agent
from lab.openpgpjs import LIBRARY
from lab.writers import WRITERS, write_gnupg

from relay.mail import packets
from relay.model import Address, Certificate
from relay.model.errors import EngineError, EngineTimeout
from relay.model.opened import Closed, Entitled, Opened, Reason, Validity
from relay.model.own import OwnKey
from relay.openpgp import signing
from relay.openpgp.agent import Agent
from relay.openpgp.gnupg_verifier import GnuPGVerifier
from relay.openpgp.opener import OwnOpener
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.secret_parts import path
from relay.openpgp.sequoia import SequoiaOpener
from relay.openpgp.sequoia.examiner import SequoiaExaminer
from relay.pipeline.ports import Opener

MOST = 30 << 20
CONTENT = b"Content-Type: text/plain\r\n\r\nr\xe9sultats \x00 \r\n.\r\n" * 40
DAY = 86400

OPENERS: dict[str, Callable[[Path, float], Opener]] = {
    "gnupg": lambda home, timeout: OwnOpener(Agent(home, timeout), GnuPGVerifier(home, timeout), MOST),
    "sequoia": lambda home, timeout: SequoiaOpener(home, timeout, MOST),
}


@dataclass(frozen=True)
class Bed:
    """Two own addresses, and one who writes."""

    home: Path
    martin: OwnKey
    other: OwnKey
    bob: Key
    signer: Certificate

    @property
    def body(self) -> bytes:
        return self.martin.subkeys[-1].public

    def to_martin(self, clear: bytes) -> bytes:
        return crafted.session_key(self.body) + encrypted(clear)

    def signature(self, content: bytes = CONTENT, key: Key | None = None, **said: object) -> bytes:
        return (key or self.bob).sign(Signed(**({"kind": 0, "created": int(time.time())} | said)), content)  # type: ignore[arg-type]  # its fields

    def signed(self, *signatures: bytes, content: bytes = CONTENT, by: Key | None = None) -> bytes:
        """To Martin, each by a one-pass signature."""
        name = (by or self.bob).fingerprint
        passes = (one_pass(name, last=at == len(signatures) - 1) for at in range(len(signatures)))
        return self.to_martin(b"".join([*passes, literal(content), *signatures]))


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with gnupg_home() as home:
        yield asyncio.run(_bed(home))


async def _bed(home: Path) -> Bed:
    made = await signing.generate_organisation(home, "Hôpital Exemple")
    maker = GnuPGKeyMaker(home, made.fingerprint, await signing.export_binary(home, made.fingerprint), None)
    martin, other = await maker.make([Address("martin@hopital.example"), Address("accueil@hopital.example")], 400 * DAY)
    bob = Key()
    return Bed(home, martin, other, bob, await judged(ordinary("Bob <bob@example.org>", key=bob)))


async def judged(blob: bytes) -> Certificate:
    (verdict,) = await SequoiaExaminer().examine([blob])
    assert isinstance(verdict, Certificate)
    return verdict


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, bed: Bed) -> Opener:
    return OPENERS[request.param](bed.home, 30.0)


def for_(*own: OwnKey, **more: object) -> Entitled:
    return Entitled(own, **more)  # type: ignore[arg-type]  # its fields


# Mail as it comes


@pytest.mark.parametrize("program", WRITERS)
async def test_what_other_programs_write_opens_with_its_signature(bed: Bed, opener: Opener, program: str) -> None:
    if program == "openpgp.js" and not LIBRARY.exists():
        pytest.skip(f"{LIBRARY} is not there: make test installs it")
    bob = gnupg_keypair("bob@example.org")
    signer = await judged(bob.public)
    began = int(time.time())
    found = await opener.open(WRITERS[program](CONTENT, bed.martin.data, bob.secret), for_(bed.martin), [signer])

    assert isinstance(found, Opened)
    assert found.content == CONTENT
    (signature,) = found.signatures
    assert (signature.fingerprint, signature.validity) == (signer.fingerprint, Validity.GOOD)
    assert began <= signature.made <= time.time()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-z0",), id="not compressed"),
        pytest.param(("--compress-algo", "zip"), id="ZIP"),
        pytest.param(("--compress-algo", "bzip2"), id="BZip2"),
        pytest.param(("--cipher-algo", "AES128"), id="AES-128"),
        pytest.param(("--cipher-algo", "AES192"), id="AES-192"),
        pytest.param(("--cipher-algo", "CAST5"), id="CAST5"),
        pytest.param(("--cipher-algo", "CAMELLIA256"), id="Camellia"),
        pytest.param(("--cipher-algo", "3DES"), id="3DES, where another recipient takes nothing newer"),
        pytest.param(("--throw-keyids",), id="hidden"),
        pytest.param(("--set-filename", "_CONSOLE"), id="for the eyes alone"),
    ],
)
async def test_gnupgs_forms(bed: Bed, opener: Opener, options: tuple[str, ...]) -> None:
    bob = gnupg_keypair("bob@example.org")
    signer = await judged(bob.public)
    found = await opener.open(write_gnupg(CONTENT, bed.martin.data, bob.secret, *options), for_(bed.martin), [signer])

    assert isinstance(found, Opened)
    assert found.content == CONTENT
    assert [one.validity for one in found.signatures] == [Validity.GOOD]


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(lambda: literal(CONTENT), id="a literal packet"),
        pytest.param(lambda: literal(CONTENT, b"t", b"name.txt"), id="text with a file name"),
        pytest.param(lambda: packet(10, b"PGP") + literal(CONTENT) + packet(21, bytes(40)), id="marker and padding"),
        pytest.param(lambda: compressed(compressed(literal(CONTENT), 1), 3), id="compressed twice"),
        pytest.param(lambda: packet(8, compressed(literal(CONTENT))[6:] + bytes(99)), id="Sequoia's padding"),
    ],
)
async def test_the_standards_forms(bed: Bed, opener: Opener, inside: Callable[[], bytes]) -> None:
    assert await opener.open(bed.to_martin(inside()), for_(bed.martin), []) == Opened(CONTENT)


@pytest.mark.parametrize("aead", [OCB, GCM])
async def test_version_2_of_the_encrypted_packet(bed: Bed, opener: Opener, aead: int) -> None:
    message = crafted.session_key(bed.body, version=6) + crafted.encrypted_2(literal(CONTENT), aead)
    assert await opener.open(message, for_(bed.martin), []) == Opened(CONTENT)
    assert await opener.open(message[:-1] + bytes([message[-1] ^ 1]), for_(bed.martin), []) == Closed(Reason.DAMAGED)
    short = crafted.session_key(bed.body, version=6) + crafted.encrypted_2(literal(CONTENT), aead, cut=2)
    assert await opener.open(short, for_(bed.martin), []) == Closed(Reason.DAMAGED)


async def test_mail_to_a_revoked_certificate_and_to_an_earlier_one_still_opens(bed: Bed, opener: Opener) -> None:
    message = bed.to_martin(literal(CONTENT))
    new = replace(bed.other, address=bed.martin.address).after(bed.martin)
    assert await opener.open(message, for_(new), []) == Opened(CONTENT)


# Who may open it


async def test_a_message_opens_for_who_it_is_for(bed: Bed, opener: Opener) -> None:
    message = bed.to_martin(literal(CONTENT))
    ids = frozenset(one.key_id for one in bed.martin.subkeys)
    assert await opener.open(message, for_(bed.other), []) == Closed(Reason.NO_KEY)
    assert await opener.open(message, for_(bed.other, others=ids), []) == Closed(Reason.NOT_ENTITLED)
    assert await opener.open(message, for_(bed.other, allowed=(bed.martin,)), []) == Opened(CONTENT)
    assert await opener.open(message, for_(), []) == Closed(Reason.NO_KEY)


async def test_whom_it_hides_is_tried_with_the_recipients_own_keys_alone(bed: Bed, opener: Opener) -> None:
    message = crafted.session_key(bed.body, key_id=HIDDEN) + encrypted(literal(CONTENT))
    assert await opener.open(message, for_(bed.martin), []) == Opened(CONTENT)
    assert await opener.open(message, for_(bed.other, allowed=(bed.martin,)), []) == Closed(Reason.NO_KEY)


async def test_a_session_key_under_another_name_opens_for_nobody_else(bed: Bed, opener: Opener) -> None:
    reframed = crafted.session_key(bed.body, key_id=bed.other.subkeys[-1].key_id) + encrypted(literal(CONTENT))
    assert await opener.open(reframed, for_(bed.other), []) == Closed(Reason.DAMAGED)
    assert await opener.open(reframed, for_(bed.martin), []) == Closed(Reason.NO_KEY)


async def test_a_deleted_subkey_is_nobodys(bed: Bed, opener: Opener) -> None:
    gone = frozenset(one.fingerprint for one in bed.martin.subkeys)
    message = bed.to_martin(literal(CONTENT))
    assert await opener.open(message, for_(bed.martin, deleted=gone), []) == Closed(Reason.NO_KEY)
    hidden = crafted.session_key(bed.body, key_id=HIDDEN) + encrypted(literal(CONTENT))
    assert await opener.open(hidden, for_(bed.martin, deleted=gone), []) == Closed(Reason.NO_KEY)


# Tampered with

CLEAR = literal(CONTENT)


def _padded(padded: bytes) -> Callable[[Bed], bytes]:
    return lambda b: crafted.session_key(b.body, padded=padded) + encrypted(CLEAR)


def _ending(end: int) -> Callable[[Bed], bytes]:
    return lambda b: packet(1, crafted.session_key(b.body)[6:][:end]) + encrypted(CLEAR)


CLOSED: dict[str, tuple[Reason, Callable[[Bed], bytes]]] = {
    "no integrity packet": (Reason.NO_INTEGRITY, lambda b: crafted.session_key(b.body) + crafted.unprotected(CLEAR)),
    "integrity stripped": (
        Reason.NO_INTEGRITY,
        lambda b: crafted.session_key(b.body) + packet(9, encrypted(CLEAR)[7:]),
    ),
    "wrong MDC": (
        Reason.DAMAGED,
        lambda b: crafted.session_key(b.body) + encrypted(CLEAR, mdc=b"\xd3\x14" + bytes(20)),
    ),
    "no MDC": (Reason.DAMAGED, lambda b: crafted.session_key(b.body) + encrypted(CLEAR, mdc=b"")),
    "one octet changed": (Reason.DAMAGED, lambda b: _changed(b.to_martin(CLEAR), -400)),
    "truncated": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR)[:-1]),
    "truncated, framed anew": (
        Reason.DAMAGED,
        lambda b: crafted.session_key(b.body) + packet(18, encrypted(CLEAR)[6:-100]),
    ),
    "two messages": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR) * 2),
    "clear text behind": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR) + CLEAR),
    "clear text in front": (Reason.DAMAGED, lambda b: CLEAR + b.to_martin(CLEAR)),
    "garbage behind": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR) + b"\0"),
    "two literals": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR + literal(b"<img src='//x/"))),
    "no literal": (Reason.DAMAGED, lambda b: b.to_martin(packet(10, b"PGP"))),
    "two literals, one compressed": (Reason.DAMAGED, lambda b: b.to_martin(compressed(CLEAR) + CLEAR)),
    "a one-pass signature alone": (Reason.DAMAGED, lambda b: b.to_martin(one_pass(b.bob.fingerprint) + CLEAR)),
    "a user id inside": (Reason.DAMAGED, lambda b: b.to_martin(CLEAR + packet(13, b"x"))),
    "encrypted within": (Reason.MIXED, lambda b: b.to_martin(b.to_martin(CLEAR)[-len(encrypted(CLEAR)) :])),
    "a literal packet cut off": (Reason.DAMAGED, lambda b: b.to_martin(packet(11, b"b\x40name"))),
    "compressed and cut off": (Reason.DAMAGED, lambda b: b.to_martin(packet(8, compressed(CLEAR)[6:-9]))),
    "compressed three times": (
        Reason.TOO_LARGE,
        lambda b: b.to_martin(compressed(compressed(compressed(CLEAR)))),
    ),
    "changed MPI bit count": (Reason.DAMAGED, lambda b: _changed(crafted.session_key(b.body), 17) + encrypted(CLEAR)),
    "changed point": (Reason.DAMAGED, lambda b: _changed(crafted.session_key(b.body), 40) + encrypted(CLEAR)),
    "a point of small order": (
        Reason.DAMAGED,
        lambda b: crafted.session_key(b.body)[:19] + bytes(32) + crafted.session_key(b.body)[51:] + encrypted(CLEAR),
    ),
    "session key cut off": (Reason.DAMAGED, lambda b: packet(1, crafted.session_key(b.body)[6:-8]) + encrypted(CLEAR)),
    "session key of another cipher": (
        Reason.DAMAGED,
        lambda b: crafted.session_key(b.body, cipher=7) + encrypted(CLEAR),
    ),
    **{
        f"session key of {name}": (
            Reason.DAMAGED,
            _padded(padded),
        )
        for name, padded in {
            "padding alone": b"\x10" * 16,
            "a cipher and padding": b"\x09" + b"\x0f" * 15,
            "no padding": bytes(24),
            "padding that is longer than all": b"\x11" * 16,
            "two octets": b"\x09\0\0" + b"\x0d" * 13,
            "another checksum": b"\x09" + crafted.KEY + b"\0\0" + b"\5" * 5,
        }.items()
    },
    **{
        f"session key that ends at octet {end}": (
            Reason.DAMAGED,
            _ending(end),
        )
        for end in (10, 13, 45, 46)
    },
    "session key with more behind": (
        Reason.DAMAGED,
        lambda b: packet(1, crafted.session_key(b.body)[6:] + bytes(300)) + encrypted(CLEAR),
    ),
    "versions mixed": (Reason.DAMAGED, lambda b: crafted.session_key(b.body, version=6) + encrypted(CLEAR)),
    "nothing": (Reason.DAMAGED, lambda _: b""),
    "no OpenPGP": (Reason.DAMAGED, lambda _: b"hello"),
    "for a password": (Reason.NO_KEY, lambda _: packet(3, b"\4\x09\0\x08") + encrypted(CLEAR)),
}


def _changed(octets: bytes, at: int) -> bytes:
    at %= len(octets)
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


@pytest.mark.parametrize("case", CLOSED)
async def test_what_was_tampered_with_stays_closed(bed: Bed, opener: Opener, case: str) -> None:
    reason, made = CLOSED[case]
    assert await opener.open(made(bed), for_(bed.martin), [bed.signer]) == Closed(reason)


def bomb(octets: int, algorithm: int) -> bytes:
    return compressed(literal(bytes(octets)), algorithm)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: bomb(50 << 20, 2), id="ZLIB"),
        pytest.param(lambda: bomb(50 << 20, 3), id="BZip2"),
        pytest.param(lambda: compressed(bomb(50 << 20, 2)), id="twice"),
        pytest.param(lambda: compressed(packet(60, bytes(50 << 20)) + CLEAR), id="in a packet of no meaning"),
        pytest.param(lambda: compressed(packet(10, b"PGP") * 200_000 + CLEAR), id="of markers"),
    ],
)
async def test_a_bomb_is_cheap(bed: Bed, opener: Opener, made: Callable[[], bytes]) -> None:
    message = bed.to_martin(made())
    began = time.process_time()
    found = await opener.open(message, for_(bed.martin), [])

    assert found in {Closed(Reason.TOO_LARGE), Closed(Reason.DAMAGED)}
    assert time.process_time() - began < 1


async def test_no_more_than_a_mail_may_have(bed: Bed) -> None:
    tight = OwnOpener(Agent(bed.home), GnuPGVerifier(bed.home), len(CONTENT) - 1)
    assert await tight.open(bed.to_martin(CLEAR), for_(bed.martin), []) == Closed(Reason.TOO_LARGE)


# Signatures


async def test_each_signature_is_judged(bed: Bed, opener: Opener) -> None:
    stranger = Key()
    message = bed.signed(bed.signature(), bed.signature(content=b"another"), bed.signature(key=stranger))
    found = await opener.open(message, for_(bed.martin), [bed.signer])

    assert isinstance(found, Opened)
    assert [(one.validity, one.fingerprint, one.key_id) for one in found.signatures] == [
        (Validity.GOOD, bed.bob.fingerprint, bed.bob.fingerprint[-16:]),
        (Validity.BAD, bed.bob.fingerprint, bed.bob.fingerprint[-16:]),
        (Validity.UNKNOWN, None, stranger.fingerprint[-16:]),
    ]


NOW = int(time.time())
REVOKED, OLD = Key(), Key(NOW - 400 * DAY)
SIGNATURES: dict[str, tuple[Validity, Key | None, dict[str, object]]] = {
    "good": (Validity.GOOD, None, {}),
    "made a year before": (Validity.GOOD, OLD, {"created": NOW - 300 * DAY}),
    "text": (Validity.GOOD, None, {"kind": 1}),
    "broken": (Validity.BAD, None, {"broken": True}),
    "SHA-1": (Validity.BAD, None, {"digest": SHA1}),
    "expired": (Validity.EXPIRED, OLD, {"created": NOW - 900, "lasts": 100}),
    "made before its key": (Validity.BAD, None, {"created": NOW - 400 * DAY}),
    "of a certificate": (Validity.BAD, None, {"kind": CERTIFICATION}),
    "without a time": (Validity.BAD, None, {"created": 0}),
    "by a revoked key": (Validity.REVOKED, REVOKED, {}),
}


@pytest.mark.parametrize("case", SIGNATURES)
async def test_what_a_signature_is_worth(bed: Bed, opener: Opener, case: str) -> None:
    validity, key, said = SIGNATURES[case]
    signature = bed.signature(key=key, **said)  # type: ignore[arg-type]  # its fields
    revoked = key.alone(Signed(REVOCATION, NOW)) if key is REVOKED else b""
    signer = (
        bed.signer if key is None else await judged(_with_revocation(ordinary("Bob <b@x.example>", key=key), revoked))
    )
    found = await opener.open(bed.signed(signature, by=key), for_(bed.martin), [signer])

    assert isinstance(found, Opened)
    assert [one.validity for one in found.signatures] == [validity]


def _with_revocation(certificate: bytes, revocation: bytes) -> bytes:
    first = next(packets.walk(certificate))
    return certificate[: first.end] + revocation + certificate[first.end :]


@pytest.mark.parametrize(
    ("content", "over", "validity"),
    [
        pytest.param(b"a\r\nb \r\n", b"a\r\nb \r\n", Validity.GOOD, id="as it stands there"),
        pytest.param(b"a\nb\n", b"a\r\nb\r\n", Validity.GOOD, id="with other line ends"),
        pytest.param(b"a\nb\n", b"a\nb\n", Validity.BAD, id="over line ends that are not its own"),
        pytest.param(b"a \r\nb\r\n", b"a\r\nb\r\n", Validity.BAD, id="a space more"),
    ],
)
async def test_a_signature_over_text(bed: Bed, opener: Opener, content: bytes, over: bytes, validity: Validity) -> None:
    signature = bed.signature(content=over, kind=1)
    found = await opener.open(bed.signed(signature, content=content), for_(bed.martin), [bed.signer])
    assert isinstance(found, Opened)
    detached = await opener.verify(content, signature, [bed.signer])
    assert [one.validity for one in (*found.signatures, *detached)] == [validity] * 2


async def test_by_a_key_that_has_expired(bed: Bed, opener: Opener) -> None:
    said = [Signed(CERTIFICATION, OLD.created, CERTIFIES_AND_SIGNS, key_lasts=350 * DAY)]
    signer = await judged(ordinary("Bob <b@x.example>", key=OLD, said=said))
    message = bed.signed(bed.signature(key=OLD, created=NOW - 300 * DAY), by=OLD)
    found = await opener.open(message, for_(bed.martin), [signer])

    assert isinstance(found, Opened)
    assert [one.validity for one in found.signatures] == [Validity.EXPIRED]


async def test_one_that_names_another_key_too_is_its_makers(bed: Bed, opener: Opener) -> None:
    eve = Key()
    signature = bed.signature()
    own_id, others = bytes.fromhex(bed.bob.fingerprint[-16:]), bytes.fromhex(eve.fingerprint[-16:])
    renamed = signature.replace(b"\x09\x10" + own_id, b"\x09\x10" + others)
    assert renamed != signature
    stranger = await judged(ordinary("Eve <eve@example.org>", key=eve))
    (found,) = await opener.verify(CONTENT, renamed, [stranger, bed.signer])
    assert (found.validity, found.fingerprint) == (Validity.GOOD, bed.bob.fingerprint)
    (alone,) = await opener.verify(CONTENT, renamed, [stranger])
    assert (alone.validity, alone.fingerprint) == (Validity.BAD, eve.fingerprint)


async def test_intended_recipients_are_told(bed: Bed, opener: Opener) -> None:
    signature = bed.signature(intended=(bed.martin.fingerprint, bed.other.fingerprint))
    found = await opener.open(bed.signed(signature), for_(bed.martin), [bed.signer])

    assert isinstance(found, Opened)
    assert found.signatures[0].intended == (bed.martin.fingerprint, bed.other.fingerprint)


async def test_a_signature_apart_from_its_content(bed: Bed, opener: Opener) -> None:
    detached = bed.signature() + bed.signature(content=b"another")
    found = await opener.verify(CONTENT, detached, [bed.signer])
    assert [one.validity for one in found] == [Validity.GOOD, Validity.BAD]
    assert [one.validity for one in await opener.verify(CONTENT, detached, [])] == [Validity.UNKNOWN] * 2
    for nothing in (b"", b"hello", CLEAR, detached + CLEAR, detached[:-1]):
        assert await opener.verify(CONTENT, nothing, [bed.signer]) == ()


@pytest.mark.parametrize("options", [(), ("--textmode",)])
async def test_gnupgs_detached_signatures(opener: Opener, options: tuple[str, ...]) -> None:
    bob = gnupg_keypair("bob@example.org")
    content = b"Content-Type: text/plain\r\n\r\n-- \r\nBob\r\n"
    with gnupg_home() as home:
        gpg(home, "--import", content=bob.secret)
        signature = gpg(home, *options, "--detach-sign", content=content).stdout
    found = await opener.verify(content, signature, [await judged(bob.public)])
    assert [one.validity for one in found] == [Validity.GOOD]


async def test_cleartext_and_messages_that_are_signed_only(opener: Opener) -> None:
    bob = gnupg_keypair("bob@example.org")
    signer = await judged(bob.public)
    with gnupg_home() as home:
        gpg(home, "--import", content=bob.secret)
        clear = gpg(home, "--clearsign", content=b"R\xc3\xa9sultats \n- deux\n-- \nFrom Bob\n\n").stdout
        binary = gpg(home, "--sign", content=CONTENT).stdout

    found = await opener.read_signed(clear.replace(b"\n", b"\r\n"), [signer])
    assert isinstance(found, Opened)
    assert found.content == b"R\xc3\xa9sultats\r\n- deux\r\n--\r\nFrom Bob\r\n"
    assert [one.validity for one in found.signatures] == [Validity.GOOD]
    opened = await opener.read_signed(binary, [signer])
    assert isinstance(opened, Opened)
    assert opened.content == CONTENT

    changed = await opener.read_signed(clear.replace(b"deux", b"trois"), [signer])
    assert isinstance(changed, Opened)
    assert [one.validity for one in changed.signatures] == [Validity.BAD]
    assert await opener.read_signed(b"Hello\n" + clear, [signer]) == Closed(Reason.MIXED)
    assert await opener.read_signed(clear + b"Bye\n", [signer]) == Closed(Reason.MIXED)
    assert await opener.read_signed(clear.replace(b"- - deux", b"- deux\n-x"), [signer]) == Closed(Reason.DAMAGED)
    assert await opener.read_signed(clear.replace(b"Hash:", b"NotHash: x\nHash:"), [signer]) == Closed(Reason.DAMAGED)


@pytest.mark.parametrize("algorithm", ["rsa2048", "nistp256", "brainpoolP384r1", "dsa2048"])
async def test_signatures_of_every_usual_algorithm(bed: Bed, opener: Opener, algorithm: str) -> None:
    with gnupg_home() as home:
        key = generate(home, "bob@example.org", algorithm, "sign")
        (home / "to").write_bytes(bed.martin.data)
        to = ("--trust-model", "always", "--recipient-file", str(home / "to"))
        message = gpg(home, *to, "--sign", "--encrypt", content=CONTENT).stdout
        signer = await judged(gpg(home, "--export", key).stdout)
    found = await opener.open(message, for_(bed.martin), [signer])

    assert isinstance(found, Opened)
    assert [one.validity for one in found.signatures] == [Validity.GOOD]


# Both engines say the same


def spoilt(octets: bytes, chance: random.Random) -> bytes:
    """With one bit changed, or cut off, or with a piece twice; half of the times near its beginning."""
    at = chance.randrange(1, min(chance.choice((100, len(octets))), len(octets)))
    match chance.randrange(4):
        case 0:
            return octets[:at]
        case 1:
            return octets[:at] + octets[chance.randrange(at) : at] + octets[at:]
        case _:
            return octets[:at] + bytes([octets[at] ^ 1 << chance.randrange(8)]) + octets[at + 1 :]


async def test_of_spoilt_messages_both_say_the_same_and_none_opens_to_something_else(bed: Bed) -> None:
    openers = [make(bed.home, 30.0) for make in OPENERS.values()]
    chance, said = random.Random(20261201), Counter[str]()  # noqa: S311  repeatable
    whole = bed.signed(bed.signature())
    for octets in [spoilt(whole, chance) for _ in range(150)]:
        first, second = [await one.open(octets, for_(bed.martin), [bed.signer]) for one in openers]
        assert first == second
        assert isinstance(first, Closed) or first.content == CONTENT
        said[first.reason.value if isinstance(first, Closed) else "opened"] += 1
    assert said["damaged"] > 50
    assert said["no-key"] > 0, "the key id is changed"


async def test_nothing_that_a_sender_writes_is_an_outage(bed: Bed, opener: Opener) -> None:
    """Spoilt before it was encrypted, so that it is whole, and in its session key."""
    chance, said = random.Random(20261201), Counter[str]()  # noqa: S311  repeatable
    inside = one_pass(bed.bob.fingerprint) + literal(CONTENT, b"b", b"name") + bed.signature()
    made = [compressed(inside, algorithm) for algorithm in (1, 2, 3)] + [inside]
    messages = [bed.to_martin(spoilt(chance.choice(made), chance)) for _ in range(200)]
    keys = [packet(1, spoilt(crafted.session_key(bed.body)[6:], chance)) for _ in range(100)]
    for message in [*messages, *(key + encrypted(CLEAR) for key in keys)]:
        found = await opener.open(message, for_(bed.martin), [])
        said[found.reason.value if isinstance(found, Closed) else "opened"] += 1
    assert said["damaged"] > 150


async def test_of_spoilt_signatures_both_say_the_same(bed: Bed) -> None:
    openers = [make(bed.home, 30.0) for make in OPENERS.values()]
    chance, said = random.Random(20261201), Counter[Validity]()  # noqa: S311  repeatable
    good = bed.signature()
    body = packets.body(good, next(packets.walk(good)))
    for signature in [packet(2, spoilt(body, chance)) for _ in range(40)]:
        first, second = [await one.verify(CONTENT, signature, [bed.signer]) for one in openers]
        assert first == second
        said.update(one.validity for one in first)
    assert said[Validity.BAD] > 10


# Outages


async def test_a_secret_part_that_is_missing_is_an_outage(bed: Bed, opener: Opener) -> None:
    secret = path(bed.home, bed.martin.subkeys[-1].keygrip)
    apart = secret.rename(secret.with_suffix(".apart"))
    try:
        with pytest.raises(EngineError):
            await opener.open(bed.to_martin(CLEAR), for_(bed.martin), [])
    finally:
        apart.rename(secret)


async def test_an_agent_that_has_ended_is_started(bed: Bed) -> None:
    opener = OPENERS["gnupg"](bed.home, 30.0)
    for _ in range(2):
        assert await opener.open(bed.to_martin(CLEAR), for_(bed.martin), []) == Opened(CONTENT)
        stop_agent(bed.home)


async def test_an_agent_that_does_not_answer_is_an_outage(bed: Bed) -> None:
    opener = OPENERS["gnupg"](bed.home, 0.5)
    with mute_agent(bed.home), pytest.raises(EngineTimeout):
        await opener.open(bed.to_martin(CLEAR), for_(bed.martin), [])


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(b"OK\nOK\nERR 67141713 Cannot allocate memory <gcrypt>\n", id="out of memory"),
        pytest.param(b"OK\nOK\nERR 67108881 No secret key <GPG Agent>\n", id="no secret key, it says"),
        pytest.param(b"OK\nOK\nD (5:value2:xx)\nOK\n", id="another value"),
        pytest.param(b"OK\nOK\n", id="it breaks off"),
        pytest.param(b"OK\n" + b"x" * 5000, id="a line without end"),
        pytest.param(b"S x\n" * 500, id="an answer without end"),
    ],
)
async def test_an_agent_out_of_order_is_an_outage(bed: Bed, answers: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    stop_agent(bed.home)
    socket = bed.home / "S.gpg-agent"
    server = await asyncio.start_unix_server(serve, socket)
    try:
        with pytest.raises(EngineError):
            await OPENERS["gnupg"](bed.home, 5.0).open(bed.to_martin(CLEAR), for_(bed.martin), [])
    finally:
        server.close()
        await server.wait_closed()
        socket.unlink(missing_ok=True)
