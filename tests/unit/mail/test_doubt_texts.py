"""Each doubt about a mail that looks encrypted has its sentence in each language."""

from __future__ import annotations

import pytest

from relay.mail.doubt_texts import looked_encrypted
from relay.mail.notice_texts import Language
from relay.model import Doubt, Why


@pytest.mark.parametrize("language", Language)
def test_each_doubt_is_told_in_a_sentence_of_its_own(language: Language) -> None:
    told = {looked_encrypted(language, [Why.NO_KEY, doubt.beside(Why.EXPIRED)]) for doubt in Doubt}
    assert len(told) == len(Doubt)
    assert all(sentence.startswith(" I") and sentence.endswith(".") for sentence in told)
    assert looked_encrypted(language, [*Why, "the next hop said no"]) == ""
