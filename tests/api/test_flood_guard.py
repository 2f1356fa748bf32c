"""Token buckets by key."""

from api.flood_guard import FloodGuard


def test_a_burst_and_then_a_rate_for_each_key_and_no_more_keys_than_there_is_room_for() -> None:
    now = 0.0
    guard = FloodGuard(2.0, 3.0, most=2, clock=lambda: now)
    assert [guard.take("a") for _ in range(4)] == [True, True, True, False]
    assert guard.take("b")
    assert not guard.is_open("a")
    now = 0.5
    assert guard.is_open("a")
    assert [guard.take("a") for _ in range(2)] == [True, False]
    now = 100.0
    assert [guard.take("a") for _ in range(4)] == [True, True, True, False]
    for key in "cd":  # the ones that knocked last are remembered
        guard.take(key)
    assert guard.take("a")
