"""A million recipients, and three: memory of any one process, time a message, and progress while they are sent."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from benchmarks.end_to_end import phases, prefect_share
from benchmarks.mail_server import mail_server
from benchmarks.measure import Aim, Bench, Figure
from benchmarks.memory import POSTGRES
from benchmarks.steady_load import Asked, steady_load
from benchmarks.whole_stack import Sent, WholeStack, whole_stack

_MESSAGES = 1_000_000
_TIMES = 3
_MEMORY_BYTES = 2 * 2**30
_A_SECOND = 20
_ANSWER_SECONDS = 0.050


def measure_million(bench: Bench) -> list[Figure]:
    """Each amount once: a campaign of three million takes minutes."""
    figures: list[Figure] = []
    seconds = []
    with mail_server(bench.folder) as server, whole_stack(bench, server.url) as stack:
        for times in (1, _TIMES):
            count = bench.amount(times * _MESSAGES)
            sent, asked, peaks = _campaign(stack, count)
            name = f"campaign of {times * _MESSAGES:,}"
            seconds.append(sent.completed)
            figures.append(_memory(name, count, peaks))
            figures.append(_progress(name, sent, asked))
            figures.append(prefect_share(f"{name}, Prefect's share", sent, Aim("at most", now=0.05, goal=0.03)))
    one, three = seconds
    figures.append(
        Figure(
            name=f"a message of {_TIMES * _MESSAGES:,}",
            limit_name=f"a message of {_MESSAGES:,}",
            amount=count,
            unit="messages",
            product_seconds=(three / _TIMES,),
            limit_seconds=(one,),
            aim=Aim("at most", now=1.15, goal=1.0),
            notes=phases(sent),
        )
    )
    return figures


def _campaign(stack: WholeStack, count: int) -> tuple[Sent, list[Asked], dict[str, int]]:
    """What came of it, the answers about its progress meanwhile, and the most memory in bytes by kind of process."""
    audience = stack.audience(count)
    campaign_id = stack.draft(audience)
    url = f"{stack.demo.api_url}/api/v1/campaigns/{campaign_id}"
    memory = stack.memory()
    with memory.watching(), steady_load(url, audience.token, _A_SECOND) as load:
        sent = stack.send(audience, campaign_id)
    return sent, load.asked, memory.peaks


def _memory(name: str, count: int, peaks: dict[str, int]) -> Figure:
    return Figure(
        name=f"{name}, memory",
        limit_name="2 GiB in any one process",
        amount=count,
        unit="messages",
        product_seconds=(max(peaks.values()),),
        limit_seconds=(_MEMORY_BYTES,),
        compare="memory",
        aim=Aim("at most", now=1.0, goal=0.5),
        notes={
            f"{kind} MiB{' (private)' if kind == POSTGRES else ''}": round(peak / 2**20)
            for kind, peak in sorted(peaks.items(), key=lambda kind: -kind[1])
        },
    )


def _progress(name: str, sent: Sent, asked: Sequence[Asked]) -> Figure:
    """The slowest of a hundred answers while the messages go out. AssertionError for an answer that is not right."""
    assert {one.status for one in asked} == {200}
    assert _backwards(asked, sent.recipients) == 0
    sending = [one for one in asked if sent.began + sent.planned <= one.at <= sent.began + sent.last_sent]
    planning = [one for one in asked if sent.began <= one.at < sent.began + sent.planned]
    return Figure(
        name=f"{name}, GET /campaigns/{{id}}, p99",
        limit_name=f"{1000 * _ANSWER_SECONDS:.0f} ms, absolute on purpose",
        amount=len(sending),
        unit="requests",
        product_seconds=(_quantile(sending, 0.99),),
        limit_seconds=(_ANSWER_SECONDS,),
        aim=Aim("at most", now=1.0, goal=0.5),
        notes={
            "p50_ms": round(1000 * _quantile(sending, 0.5), 1),
            "p99_ms": round(1000 * _quantile(sending, 0.99), 1),
            "worst_ms": round(1000 * _quantile(sending, 1.0), 1),
            "p99_ms while it is planned": round(1000 * _quantile(planning, 0.99), 1),
        },
    )


def _quantile(asked: Sequence[Asked], part: float) -> float:
    seconds = sorted(one.seconds for one in asked)
    return seconds[min(len(seconds) - 1, int(len(seconds) * part))] if seconds else 0.0


def _backwards(asked: Sequence[Asked], recipients: int) -> int:
    """Answers that said more than there is, or less than one that had come before they were asked for."""
    by_answer = sorted(asked, key=lambda one: one.at + one.seconds)
    answered = [one.at + one.seconds for one in by_answer]
    most = [0, *accumulate((one.number("total_sent") for one in by_answer), max)]
    return sum(not most[bisect_right(answered, one.at)] <= one.number("total_sent") <= recipients for one in asked)
