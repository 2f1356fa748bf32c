"""How many messages go out between two looks."""

import pytest

from tasks.sending.rate import window_size


@pytest.mark.parametrize(
    ("batch_size", "messages_per_call", "per_minute", "size"),
    [
        (100, 500, None, 100),
        (1000, 500, None, 500),
        (1000, 1000, None, 1000),
        (1000, 1000, 6000, 100),
        (1000, 1000, 30, 1),
    ],
)
def test_a_window_is_what_batch_call_and_a_second_of_the_rate_allow(batch_size, messages_per_call, per_minute, size):
    assert window_size(batch_size=batch_size, messages_per_call=messages_per_call, per_minute=per_minute) == size
