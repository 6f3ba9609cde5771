"""A certificate that was encrypted for a moment ago is not read again; one with other octets is another."""

from __future__ import annotations

import pysequoia

from relay.openpgp.sequoia.engine import _remembered


def test_a_certificate_is_read_once_and_another_is_another() -> None:
    key = pysequoia.Tsk.generate("Bob <bob@example.org>").extract_certificate()
    other = bytes(pysequoia.Tsk.generate("Bob <bob@example.org>").extract_certificate())

    first = _remembered(bytes(key))

    assert _remembered(bytes(key)) is first
    assert _remembered(other) is not first
    assert _remembered(other).fingerprint != first.fingerprint
