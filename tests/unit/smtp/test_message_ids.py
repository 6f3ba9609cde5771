"""Ids of mails."""

from __future__ import annotations

import re

from relay.smtp.message_ids import new_id


def test_ids_are_short_unique_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(re.fullmatch(r"[0-9A-Z]{15}", id_) for id_ in ids)
    assert [id_[:9] for id_ in ids] == sorted(id_[:9] for id_ in ids)
