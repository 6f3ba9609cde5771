"""Certificates beside mail: a few are judged here, many in another process, with the same verdicts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lab.certificates import make_certificates

from relay import engines
from relay.aside import beside
from relay.engines import ExaminerBeside, Judging
from relay.errors import EngineError, EngineTimeout
from relay.model import Certificate


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each piece of work that another process did."""
    sizes = []

    async def counted(size: int, work: Callable[..., Awaitable[Any]], *given: object) -> object:
        sizes.append(size)
        return await beside(size, work, *given)

    monkeypatch.setattr(engines, "beside", counted)
    return sizes


@pytest.mark.parametrize("kind", ["gnupg", "sequoia"])
async def test_many_are_judged_in_another_process_as_they_would_be_here(
    kind: engines.Kind, elsewhere: list[int]
) -> None:
    blobs = [*make_certificates(40), b"nothing"]
    judging = Judging(kind, 30.0)
    examiner = ExaminerBeside(judging)

    assert await examiner.examine(blobs) == await judging.examiner().examine(blobs)
    assert elsewhere == [sum(map(len, blobs))]
    (one,) = await examiner.examine(blobs[:1])
    assert isinstance(one, Certificate)
    assert len(elsewhere) == 1


async def test_what_fails_there_fails_here(elsewhere: list[int]) -> None:
    with pytest.raises(EngineError) as failure:
        await ExaminerBeside(Judging("gnupg", -100.0)).examine(make_certificates(40))
    assert isinstance(failure.value, EngineTimeout)
    assert len(elsewhere) == 1
