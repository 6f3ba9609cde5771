"""Arguments that hand keys to gpg, and the descriptors of the memory files that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from relay.model import Signer
from relay.model.errors import EngineError
from relay.openpgp import memory_file

_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")

Given = tuple[list[str], list[int]]


@contextmanager
def signing(signer: Signer | None, passphrase: bytes | None) -> Iterator[Given]:
    """The arguments that make gpg sign with that key, once it is told to, and the descriptors they name.

    Without a passphrase none is asked for: a key that needs one is a failure.
    """
    if signer is None:
        with no_keyring() as given:
            yield given
        return
    with unlocking(passphrase) as (words, opened), alone(signer.certificate) as (keyring, certificate):
        yield [*words, *keyring, "--local-user", fingerprint_of(signer)], [*opened, *certificate]


@contextmanager
def alone(certificate: bytes) -> Iterator[Given]:
    """The arguments that make this certificate gpg's only keyring, and the descriptors they name. Empty: the home's."""
    if not certificate:
        yield [], []
        return
    with _in_memory(certificate) as given:
        yield given


@contextmanager
def no_keyring() -> Iterator[Given]:
    """The arguments by which gpg uses no keyring of the home, and the descriptors they name."""
    with _in_memory(b"") as given:
        yield given


@contextmanager
def _in_memory(keyring: bytes) -> Iterator[Given]:
    """The arguments for a keyring in memory. Only with these gpg takes no lock.

    While gpg replaces the home's keyring, there is no such file for a moment. Another gpg that takes no lock then
    creates an empty keyring, which overwrites the new one.
    """
    with memory_file.memory(keyring) as fd:
        yield ["--lock-never", "--no-default-keyring", "--keyring", memory_file.name(fd)], [fd]


@contextmanager
def unlocking(passphrase: bytes | None) -> Iterator[Given]:
    """The arguments that give gpg the passphrase of its secret keys, and the descriptors they name."""
    if passphrase is None:
        yield ["--pinentry-mode", "error"], []
    else:
        with memory_file.memory(passphrase + b"\n") as fd:
            yield ["--pinentry-mode", "loopback", "--passphrase-fd", str(fd)], [fd]


@contextmanager
def recipients_as_files(
    recipients: Mapping[str, bytes], signer: Signer | None, passphrase: bytes | None
) -> Iterator[Given]:
    """The arguments for these certificates, by fingerprint, and that signer."""
    with memory_file.memories(recipients.values()) as files, signing(signer, passphrase) as (words, descriptors):
        yield [*words, *(f"--recipient-file={memory_file.name(fd)}" for fd in files)], [*files, *descriptors]


@contextmanager
def recipients_in_keyring(
    keyring: bytes, recipients: Mapping[str, bytes], signer: Signer | None, passphrase: bytes | None
) -> Iterator[Given]:
    """… where one keyring holds all of them, and the signer's certificate."""
    own = signing(replace(signer, certificate=keyring), passphrase) if signer else alone(keyring)
    with own as (words, descriptors):
        yield [*words, *(f"--recipient={name}" for name in recipients)], descriptors


def fingerprint_of(signer: Signer) -> str:
    """What names that key to gpg. Raises `EngineError` where it is no fingerprint."""
    if not _FINGERPRINT.fullmatch(signer.fingerprint):
        raise EngineError("the signing key is named by its fingerprint")
    return signer.fingerprint
