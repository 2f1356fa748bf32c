"""When a provider is asked again about a domain."""

from datetime import timedelta

from models.rules.registration import Registration, ask_again_after


def test_waiting_grows_to_a_longest_time() -> None:
    minutes = [ask_again_after(Registration.REGISTERED, tries) / timedelta(minutes=1) for tries in range(1, 9)]
    assert minutes == [5, 10, 20, 40, 80, 160, 320, 360]
    for state in Registration:
        waits = [ask_again_after(state, tries) for tries in (0, 1, 2, 30, 32_000)]
        assert waits == sorted(waits)
        assert timedelta(minutes=1) <= waits[0] <= waits[-1] <= timedelta(days=1)
