"""A key made with RNP's library by the calls that Thunderbird makes (`genKey`, `getAutocryptKeyB64` of RNP.sys.mjs)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

YEARS = 3 * 365 * 86400
"""Seconds after which Thunderbird has its keys expire, unless told otherwise."""
_ARMORED, _PUBLIC, _SUBKEYS = 1, 2, 8
"""`RNP_KEY_EXPORT_…` of rnp/rnp.h."""


class Exported(NamedTuple):
    """What Thunderbird writes into the Autocrypt field, and what it attaches."""

    for_field: bytes
    armored: bytes


def make(user_id: str, bits: int = 0) -> Exported:
    """A key of this user id: Curve25519, or RSA of so many bits."""
    keys = _made(lambda ref: _library().rnp_ffi_create(ref, b"GPG", b"GPG"))
    primary = _made(lambda ref: _library().rnp_op_generate_create(ref, keys, b"rsa" if bits else b"eddsa"))
    _done(_library().rnp_op_generate_set_userid(primary, user_id.encode()))
    _execute(primary, bits)
    key = _made(lambda ref: _library().rnp_op_generate_get_key(primary, ref))
    kind = b"rsa" if bits else b"ecdh"
    subkey = _made(lambda ref: _library().rnp_op_generate_subkey_create(ref, keys, key, kind))
    if not bits:
        _done(_library().rnp_op_generate_set_curve(subkey, b"Curve25519"))
    _execute(subkey, bits)
    for_field = _made(lambda ref: _library().rnp_output_to_memory(ref, 0))
    _done(_library().rnp_key_export_autocrypt(key, None, user_id.encode(), for_field, 0))
    attached = _made(lambda ref: _library().rnp_output_to_memory(ref, 0))
    _done(_library().rnp_key_export(key, attached, _ARMORED | _PUBLIC | _SUBKEYS))
    return Exported(_octets(for_field), _octets(attached))


@cache
def _library() -> ctypes.CDLL:
    """Debian's librnp0, which the package rnp needs."""
    return ctypes.CDLL("librnp.so.0")


def _execute(operation: ctypes.c_void_p, bits: int) -> None:
    if bits:
        _done(_library().rnp_op_generate_set_bits(operation, bits))
    _done(_library().rnp_op_generate_set_expiration(operation, YEARS))
    _done(_library().rnp_op_generate_execute(operation))


def _made(call: Callable[[ctypes._CArgObject], int]) -> ctypes.c_void_p:
    """The handle that the call gives."""
    handle = ctypes.c_void_p()
    _done(call(ctypes.byref(handle)))
    return handle


def _octets(output: ctypes.c_void_p) -> bytes:
    start, length = ctypes.c_void_p(), ctypes.c_size_t()
    _done(_library().rnp_output_memory_get_buf(output, ctypes.byref(start), ctypes.byref(length), 0))
    return ctypes.string_at(start, length.value)


def _done(result: int) -> None:
    assert result == 0, f"RNP said {result:#x}"
