"""Every input that the fuzzer kept, and what it once broke, goes through the promises again."""

from pathlib import Path

import pytest
from fuzz.fuzz_mail import check

INPUTS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_the_corpus_is_there_and_small() -> None:
    assert 0 < len(INPUTS) < 200
    assert sum(path.stat().st_size for path in INPUTS) < 500_000


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name[:12])
def test_the_promises_hold(path: Path) -> None:
    check(path.read_bytes())
