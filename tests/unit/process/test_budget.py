from __future__ import annotations

from relay.process.budget import Budget


def test_a_budget_is_shared_and_given_back() -> None:
    budget = Budget(100)
    one, two = budget.lease(), budget.lease()
    assert one.has_room(100)
    assert not one.has_room(101)
    assert one.cover(60)
    assert not two.cover(50)
    assert two.cover(40)
    assert one.cover(30)  # held already
    assert budget.free == 0
    one.release()
    one.release()
    assert budget.free == 60
    assert two.cover(100)
    two.release()
    assert budget.free == 100


def test_what_is_taken_piece_by_piece_is_given_back_at_the_end() -> None:
    budget = Budget(100)
    with budget.lease() as lease:
        assert lease.take(40)
        assert lease.take(60)
        assert not lease.take(1)
        assert budget.free == 0
    assert budget.free == 100
