"""What real programs encrypt passes as encrypted: GnuPG, Sequoia, RNP and OpenSSL, from one octet up."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pysequoia
import pytest
from lab.disguises import HEAD, pgp_mime, s_mime
from lab.gnupghome import gnupg_home, gpg

from relay.mail.shape import Protection, shape_of

SIZES = (1, 2, 3, 5, 8, 13, 16, 31, 33, 64, 100, 255, 500, 1_023, 1_500, 4_000, 10_000, 50_000)
KEYS = {
    "rsa": ("rsa2048", "rsa2048"),
    "cv25519": ("ed25519", "cv25519"),
    "nistp256": ("nistp256", "nistp256"),
    "nistp521": ("nistp521", "nistp521"),
    "brainpool": ("brainpoolP384r1", "brainpoolP384r1"),
}
OF_RNP = ("rsa", "cv25519", "nistp256")
OF_SEQUOIA = ("rsa", "cv25519", "nistp256", "nistp521")


def text(size: int) -> bytes:
    return (b"The patient has been told of the result. " * (size // 40 + 1))[:size]


def run(*command: object, content: bytes = b"") -> bytes:
    return subprocess.run([str(word) for word in command], input=content, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with gnupg_home() as folder:
        for name, (primary, subkey) in KEYS.items():
            options = ("--batch", "--passphrase", "", "--pinentry-mode", "loopback")
            gpg(folder, *options, "--quick-gen-key", f"{name}@x.example", primary, "sign", "0")
            listed = gpg(folder, "--with-colons", "--list-keys", f"{name}@x.example").stdout.decode()
            fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
            gpg(folder, *options, "--quick-add-key", fingerprint, subkey, "encr", "0")
        yield folder


@pytest.fixture(scope="module")
def certificates(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in KEYS:
        (folder / f"{name}.pgp").write_bytes(gpg(home, "--export", f"{name}@x.example").stdout)
    return folder


def of_gnupg(home: Path, size: int) -> Iterator[bytes]:
    always = ("--batch", "--trust-model", "always", "--pinentry-mode", "loopback")
    everybody = [word for name in KEYS for word in ("-r", f"{name}@x.example")]
    password = ("--passphrase", "secret", "-c")
    for options in (
        *(("-e", "-r", f"{name}@x.example") for name in KEYS),
        ("-e", *everybody),
        ("-e", "-R", "rsa@x.example", "-R", "cv25519@x.example"),
        password,
        (*password, "-e", "-r", "cv25519@x.example"),
        ("-e", "-z0", "--cipher-algo", "AES128", "-r", "cv25519@x.example"),
    ):
        yield gpg(home, *always, "-a", *options, content=text(size)).stdout


def of_sequoia(certificates: Path, size: int) -> Iterator[bytes]:
    for name in OF_SEQUOIA:
        key = certificates / f"{name}.pgp"
        yield run("sqop", "encrypt", key, content=text(size))
        yield run("sq", "encrypt", "--recipient-cert", key, content=text(size))


def of_rnp(certificates: Path, size: int, folder: Path) -> Iterator[bytes]:
    for name in OF_RNP:
        run("rnpkeys", "--homedir", folder, "--import-key", certificates / f"{name}.pgp")
    (folder / "clear").write_bytes(text(size))
    for options in (*(("-e", "-r", f"{name}@x.example") for name in OF_RNP), ("-c", "--password", "secret")):
        run("rnp", "--homedir", folder, *options, "--armor", "--overwrite", "--output", folder / "o", folder / "clear")
        yield (folder / "o").read_bytes()


def as_mails(armored: bytes) -> Iterator[bytes]:
    """PGP/MIME, in a text, and as a binary file."""
    lines = armored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield pgp_mime(b"", armor=lines)
    yield HEAD + b"\r\n" + lines
    block = armored.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(b"\n-----END")[0]
    binary = base64.b64decode(block.rpartition(b"\n=")[0] or block)
    kind = b"Content-Type: application/octet-stream; name=message.pgp\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    yield HEAD + kind + base64.encodebytes(binary).replace(b"\n", b"\r\n")


def not_encrypted(mails: Iterator[bytes]) -> tuple[int, list[object]]:
    """How many mails, and the doubt about each that is not taken to be encrypted."""
    shapes = [shape_of(mail) for mail in mails]
    return len(shapes), [shape.doubt for shape in shapes if shape.protection is not Protection.ENCRYPTED]


def test_openpgp(home: Path, certificates: Path, tmp_path: Path) -> None:
    mails = [
        mail
        for size in SIZES
        for made in (of_gnupg(home, size), of_sequoia(certificates, size), of_rnp(certificates, size, tmp_path))
        for message in made
        for mail in as_mails(message)
    ]
    count, doubts = not_encrypted(iter(mails))
    print(count, "mails that GnuPG, Sequoia and RNP encrypted")
    assert count >= 500
    assert doubts == []


V6_ALONE = {"MLDSA65_Ed25519", "MLDSA87_Ed448"}


@pytest.mark.parametrize("profile", [pysequoia.Profile.RFC4880, pysequoia.Profile.RFC9580])
@pytest.mark.parametrize("suite", [name for name in dir(pysequoia.CipherSuite) if name[0] not in "_R"])
def test_every_suite_of_sequoia(suite: str, profile: pysequoia.Profile) -> None:
    """Version 6, X448 and post-quantum keys too."""
    if suite in V6_ALONE:
        profile = pysequoia.Profile.RFC9580
    key = pysequoia.Tsk.generate("a", cipher_suite=getattr(pysequoia.CipherSuite, suite), profile=profile)
    made = (bytes(pysequoia.encrypt(text(size), recipients=[key.extract_certificate()])) for size in SIZES)
    assert not_encrypted(mail for armored in made for mail in as_mails(armored)) == (3 * len(SIZES), [])


@pytest.fixture(scope="module")
def recipients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("smime")
    made: dict[str, list[Path]] = {}
    for name, kind in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        for number in range(2):
            path = folder / f"{name}{number}.pem"
            subject = f"/C=FR/O=Assistance Publique/OU=0002 12345678{number}/CN=Dr Martin {name} {number}"
            common = ("-nodes", "-keyout", folder / "key.pem", "-out", path, "-subj", subject)
            run("openssl", "req", "-x509", "-newkey", *kind, *common)
            made.setdefault(name, []).append(path)
    return made


CIPHERS = ("-aes128", "-aes256", "-des3", "-aes-256-gcm", "-camellia256")
OTHER_WAYS = (
    ("-aes128", "-pwri_password", "secret"),
    ("-aes256", "-secretkey", "000102030405060708090A0B0C0D0E0F", "-secretkeyid", "C0FFEE0011223344AA5577"),
)


def of_openssl(recipients: dict[str, list[Path]], clear: Path) -> Iterator[bytes]:
    encrypt = ("openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-in", clear)
    rsa, ec = recipients["rsa"], recipients["ec"]
    for whom in ([rsa[0]], [ec[0]], [*rsa, *ec]):
        for cipher in CIPHERS:
            for stream in ((), ("-stream",)):
                yield run(*encrypt, cipher, *stream, *whom)
    for way in OTHER_WAYS:
        yield run(*encrypt, *way)
    yield run(*encrypt, "-aes128", "-recip", rsa[0], "-keyopt", "rsa_padding_mode:oaep")
    yield run(*encrypt, "-aes128", "-keyid", rsa[0])


def test_s_mime(recipients: dict[str, list[Path]], tmp_path: Path) -> None:
    mails = []
    for size in SIZES:
        (tmp_path / "clear").write_bytes(text(size))
        mails += [s_mime(data) for data in of_openssl(recipients, tmp_path / "clear")]
    count, doubts = not_encrypted(iter(mails))
    print(count, "mails that OpenSSL encrypted")
    assert count >= 500
    assert doubts == []
