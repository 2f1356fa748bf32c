"""How many messages go out between two looks."""

import pytest

from tasks.sending.windows import window_size


@pytest.mark.parametrize(
    ("batch_size", "messages_per_call", "size"), [(100, 500, 100), (1000, 500, 500), (1000, 1000, 1000)]
)
def test_a_window_is_what_batch_and_call_allow(batch_size, messages_per_call, size):
    assert window_size(batch_size=batch_size, messages_per_call=messages_per_call) == size
