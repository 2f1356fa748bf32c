"""Calls in order, on shared threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.sending.strand import Strand


def test_calls_of_a_strand_run_in_order_and_one_at_a_time():
    ran: list[int] = []
    inside = threading.Lock()

    def call(number: int) -> int:
        assert inside.acquire(blocking=False), "Two calls of one strand ran at once."
        ran.append(number)
        inside.release()
        return number

    with ThreadPoolExecutor(4) as threads:
        strand = Strand(threads)
        futures = [strand.submit(call, number) for number in range(500)]
        strand.shutdown()
        assert [future.result() for future in futures] == ran == list(range(500))


def test_strands_share_the_threads_and_none_waits_for_another():
    go_on = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        stuck, free = Strand(threads), Strand(threads)
        waiting = stuck.submit(go_on.wait)
        behind = stuck.submit(lambda: "behind")
        assert free.submit(lambda: "free").result(timeout=20) == "free"
        assert not behind.done()
        go_on.set()
        assert waiting.result(timeout=20)
        assert behind.result(timeout=20) == "behind"


def test_an_error_is_the_callers_and_the_strand_goes_on():
    with ThreadPoolExecutor(1) as threads:
        strand = Strand(threads)
        broken = strand.submit(lambda: 1 // 0)
        assert strand.submit(lambda: "still there").result(timeout=20) == "still there"
        with pytest.raises(ZeroDivisionError):
            broken.result(timeout=20)


def test_what_is_cancelled_before_its_turn_is_not_run():
    go_on = threading.Event()
    ran: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        strand = Strand(threads)
        strand.submit(go_on.wait)
        cancelled = strand.submit(lambda: ran.append("no"))
        assert cancelled.cancel()
        go_on.set()
        strand.shutdown()
    assert ran == []
