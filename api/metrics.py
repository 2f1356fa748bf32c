"""/metrics for Prometheus: requests of all worker processes, and what the database says at the moment.

With several processes each writes its numbers to files in PROMETHEUS_MULTIPROC_DIR, and whichever is asked adds them
up. prometheus-client itself reads that variable when it is imported, so it is no setting of ours.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from flask import Blueprint, Flask, Response, g
from flask.globals import request_ctx
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from api.scope import Resources, resources
from models.rules.lifecycle import Channel
from models.store.callbacks import callback_gauges
from models.store.circuits import Unavailable, unavailable
from models.store.domain_checks import count_drifting
from models.store.heartbeats import engine_gauges, last_seen, outbox_gauges
from models.store.reconcile import LastReconciliation, last_reconciliation

blueprint = Blueprint("metrics", __name__)

REQUESTS = Counter("exosend_http_requests", "Requests answered.", ["method", "endpoint", "status"])
SECONDS = Histogram("exosend_http_request_seconds", "From the request to its answer.", ["method", "endpoint"])


class _Now(Collector):
    """Gauges that are computed when they are asked for, the same whichever process answers."""

    def __init__(self, found: Resources) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("exosend_database_up", "1 if the database answers.")
        silence = GaugeMetricFamily("exosend_courier_silence_seconds", "Since the last sign of life of a courier.")
        try:
            with self._found.database.transaction(None) as session:
                seen = last_seen(session, "courier")
                numbers = engine_gauges(session)
                waiting = outbox_gauges(session)
                reconciled = last_reconciliation(session)
                left_alone = unavailable(session)
                came_back = callback_gauges(session)
                drifting = count_drifting(session)
        except SQLAlchemyError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        if seen is not None:
            silence.add_metric([], seen.total_seconds())
        return [
            *(up, silence, *_engine(numbers), *_outbox(waiting)),
            *(*_reconciled(reconciled), _providers(left_alone), *_came_back(came_back), _domains(drifting)),
        ]


def _engine(numbers: list[tuple[str, str, int]]) -> list[Metric]:
    runs = GaugeMetricFamily("exosend_open_runs", "Runs that have not ended.", labels=["kind", "state"])
    chunks = GaugeMetricFamily("exosend_open_chunks", "Chunks of runs that have not ended.", labels=["state"])
    deferred = GaugeMetricFamily("exosend_deferred_messages", "Messages that wait for another try.")
    for gauge, label, value in numbers:
        match gauge:
            case "runs":
                runs.add_metric(label.split("/"), value)
            case "chunks":
                chunks.add_metric([label], value)
            case "deferred":
                deferred.add_metric([], value)
    return [runs, chunks, deferred]


def _outbox(waiting: list[tuple[str, int, float]]) -> list[Metric]:
    """Both are 0 for a channel of which nothing waits: an alarm must not end with its series."""
    messages = GaugeMetricFamily("exosend_outbox_messages", "Messages in the outbox.", labels=["channel"])
    oldest = GaugeMetricFamily(
        "exosend_outbox_oldest_seconds", "Since the oldest message in the outbox is due.", labels=["channel"]
    )
    found = {channel: (count, seconds) for channel, count, seconds in waiting}
    for channel in Channel:
        count, seconds = found.get(channel, (0, 0.0))
        messages.add_metric([channel], count)
        oldest.add_metric([channel], seconds)
    return [messages, oldest]


def _came_back(numbers: list[tuple[str, str, str, float]]) -> list[Metric]:
    """What providers reported. Requests are counted by `exosend_callbacks_total` (api/webhooks.py)."""
    due = GaugeMetricFamily("exosend_reports_due", "Reports of providers that are due and not applied.")
    oldest = GaugeMetricFamily("exosend_reports_oldest_seconds", "Since the oldest report that waits is due.")
    parked = GaugeMetricFamily(
        "exosend_reports_parked", "Reports of messages that are not known by that reference yet.", labels=["provider"]
    )
    unreadable = GaugeMetricFamily("exosend_callbacks_unreadable", "Kept callbacks that could not be read.")
    dropped = CounterMetricFamily(
        "exosend_reports_dropped", "Reports that came to nothing.", labels=["provider", "reason"]
    )
    for gauge, provider, label, value in numbers:
        match gauge:
            case "due":
                due.add_metric([], value)
            case "oldest":
                oldest.add_metric([], value)
            case "parked":
                parked.add_metric([provider], value)
            case "unreadable":
                unreadable.add_metric([], value)
            case "dropped":
                dropped.add_metric([provider, label], value)
    return [due, oldest, parked, unreadable, dropped]


def _reconciled(last: LastReconciliation | None) -> list[Metric]:
    """Of all organizations; without a value until it was done once."""
    at = GaugeMetricFamily("exosend_reconcile_timestamp_seconds", "When all was last reconciled, in Unix time.")
    differences = GaugeMetricFamily("exosend_reconcile_differences", "What differed when all was last reconciled.")
    unfinished = GaugeMetricFamily("exosend_reconcile_unfinished", "Laws that took too long to be looked through then.")
    if last is not None:
        at.add_metric([], last.finished_at.timestamp())
        differences.add_metric([], last.differences)
        unfinished.add_metric([], last.unfinished)
    return [at, differences, unfinished]


def _providers(left_alone: Sequence[Unavailable]) -> Metric:
    """Of each channel, whether a provider of it is left alone since it does not work."""
    gauge = GaugeMetricFamily(
        "exosend_provider_unavailable", "1 while nobody sends by a channel's provider.", labels=["channel"]
    )
    broken = {each.name.partition("/")[0] for each in left_alone if each.is_open}
    for channel in Channel:
        gauge.add_metric([channel], int(channel.value in broken))
    return gauge


def _domains(drifting: int) -> Metric:
    gauge = GaugeMetricFamily("exosend_domains_drifting", "Verified email domains whose DNS records are missing.")
    gauge.add_metric([], drifting)
    return gauge


@blueprint.get("/metrics")
def metrics() -> Response:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Now(resources()))
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Own())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Own(Collector):
    """What this one process counted."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()


def count_requests(app: Flask) -> None:
    """Count every request of the application, by route: paths with ids in them would be endless series."""

    @app.before_request
    def _start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def _count(answer: Response) -> Response:
        answered = request_ctx.request  # looked up once: each look through the proxy costs a microsecond
        count, seconds = _series(answered.method, answered.endpoint or "unknown", answer.status_code)
        count.inc()
        seconds.observe(time.perf_counter() - g.started)
        return answer


@cache
def _series(method: str, endpoint: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, endpoint, str(status)), SECONDS.labels(method, endpoint)
