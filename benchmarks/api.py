"""The API under 32 connections, each endpoint beside a bare route of the same granian (benchmarks/bare_route.py)."""

import contextlib
import itertools
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx2

from benchmarks import bare_route
from benchmarks.batches import add_template, with_template
from benchmarks.http_load import Load, measure_load, request_bytes
from benchmarks.measure import Aim, Bench, Figure, in_turns
from deployments import services
from deployments.environment import metrics_folder
from models.link_keys import link_keys
from models.rules.link_tokens import LinkKeys, MessageLinks
from models.session import Database, Role
from models.settings import Settings
from models.store.organizations import add_verified_domain, create_organization, create_token, top_up
from models.store.sender_ids import add_verified_sender_id

_CONNECTIONS = 32
_REQUESTS = 4000
_WARM_UP = 400
_BATCHES = 64
_EMAILS = 1000  # of a batch
_BULK = 1000
_MARK = bytes(9)  # of a content: it is signed, and means nothing
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_RATE_LIMIT = 2_000_000_000
_CREDITS = Decimal(1_000_000)
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """What is measured: its requests, how many of them, and the status that each must get. `emails`: in one request."""

    name: str
    status: int
    aim: float | None
    requests: Callable[["Server", int], list[str]]
    amount: int = _REQUESTS
    emails: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """A running API and the token of an organization in it."""

    address: tuple[str, int]
    token: str
    template_id: str
    links: LinkKeys

    def load(self, requests: Sequence[str], status: int) -> Load:
        """Measure the requests. AssertionError when one of them is not answered with `status`."""
        measured = measure_load(self.address, _CONNECTIONS, requests)
        assert measured.statuses == {status: len(requests)}, measured.statuses
        return measured


def _balance(server: Server, amount: int) -> list[str]:
    return [request_bytes("GET", "/api/v1/balance", server.token)] * amount


def _sends(server: Server, amount: int) -> list[str]:
    bodies = (
        {"recipient": f"+3706{number % 10_000_000:07d}", "message": f"Your code is {number}."}
        for number in range(amount)
    )
    return [request_bytes("POST", "/api/v1/sms/send", server.token, body) for body in bodies]


def _statuses(server: Server, amount: int) -> list[str]:
    """Of a bulk of 1,000, in turn."""
    ids = _messages(server)
    return [
        request_bytes("GET", f"/api/v1/sms/{ids[number % len(ids)]}/status", server.token) for number in range(amount)
    ]


def _opens(server: Server, amount: int) -> list[str]:
    """Of as many messages, which nobody has opened before."""
    return [request_bytes("GET", f"/t/o/{heads.open}", None) for heads in _heads(server, amount)]


def _clicks(server: Server, amount: int) -> list[str]:
    address = server.links.address("https://shop.example/spring?utm_source=news&utm_campaign=spring", _MARK)
    return [request_bytes("GET", f"/t/c/{heads.click}{address}", None) for heads in _heads(server, amount)]


def _heads(server: Server, amount: int) -> list[MessageLinks]:
    """How the links of so many messages begin; the pixel and the redirect do not look at the channel."""
    ids = itertools.chain.from_iterable(_messages(server) for _ in range(-(-amount // _BULK)))
    return [server.links.message_links(UUID(id_), _MARK) for id_ in itertools.islice(ids, amount)]


def _messages(server: Server) -> list[str]:
    """The ids of a bulk."""
    numbers = [f"+3706{number:07d}" for number in range(1_000_000, 1_000_000 + _BULK)]
    answer = httpx2.post(
        "http://{}:{}/api/v1/sms/send-bulk".format(*server.address),
        json={"recipients": numbers, "message": "News"},
        headers={"Authorization": f"Bearer {server.token}"},
        timeout=_START_SECONDS,
        trust_env=False,
    )
    ids: list[str] = answer.raise_for_status().json()["data"]["message_ids"]
    return ids


def _batches(server: Server, amount: int) -> list[str]:
    email = with_template(server.template_id)
    bodies = ({"emails": [email(number, f"{batch}-{number}") for number in range(_EMAILS)]} for batch in range(amount))
    return [request_bytes("POST", "/api/v1/emails/send-batch", server.token, body) for body in bodies]


ENDPOINTS = (
    _Endpoint("GET balance", 200, 0.6, _balance),
    _Endpoint("GET sms/{id}/status", 200, 0.6, _statuses),
    _Endpoint("POST sms/send", 202, 0.25, _sends),
    _Endpoint("the pixel", 200, 0.7, _opens),
    _Endpoint("the redirect", 302, 0.7, _clicks),
    _Endpoint(f"POST emails/send-batch, {_EMAILS:,}", 202, None, _batches, amount=_BATCHES, emails=_EMAILS),
)


def measure_api(bench: Bench) -> list[Figure]:
    """Each endpoint: authentication, limit of requests (raised), schema and row-level security are on."""
    with serving(bench.settings) as server:
        return [_measure(bench, server, endpoint) for endpoint in ENDPOINTS]


def _measure(bench: Bench, server: Server, endpoint: _Endpoint) -> Figure:
    amount = bench.amount(endpoint.amount)
    bare = [request_bytes("GET", bare_route.PATH, None)] * amount
    requests = endpoint.requests(server, amount)
    server.load(endpoint.requests(server, min(_WARM_UP, amount)), endpoint.status)
    server.load(bare[:_WARM_UP], 200)
    loads: dict[str, list[Load]] = {"product": [], "limit": []}

    def run(kind: str, requests: list[str], status: int) -> float:
        bench.settle()
        loads[kind].append(server.load(requests, status))
        return loads[kind][-1].seconds

    seconds, limits = in_turns(
        bench.rounds, lambda: run("product", requests, endpoint.status), lambda: run("limit", bare, 200)
    )
    best = {kind: min(found, key=lambda load: load.seconds) for kind, found in loads.items()}
    return Figure(
        name=endpoint.name,
        limit_name="bare route",
        amount=amount,
        unit="requests",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        aim=None if endpoint.aim is None else Aim("at least", now=endpoint.aim, goal=endpoint.aim),
        notes={
            **({"emails a second": round(amount * endpoint.emails / min(seconds))} if endpoint.emails else {}),
            "p50_ms": round(best["product"].p50_ms, 1),
            "p99_ms": round(best["product"].p99_ms, 1),
            "bare p50_ms": round(best["limit"].p50_ms, 1),
            "bare p99_ms": round(best["limit"].p99_ms, 1),
        },
    )


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """The API as `exosend up` starts it, with the bare route, and an organization that may send SMS."""
    token, template_id = _organization(settings)
    settings = settings.with_values(port=_free_port(), prefect_api_url="http://127.0.0.1:9/api")
    service = services.api(settings)
    application = f"{bare_route.__name__}:{bare_route.create_bare_app.__name__}"
    command = [application if part == "api.app:create_app" else part for part in service.command]
    metrics_folder(settings).mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(command, env=service.environment, cwd=_ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_for(settings.api_url, process)
        yield Server((settings.host, settings.port), token, template_id, link_keys(settings))
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _organization(settings: Settings) -> tuple[str, str]:
    """A token of its, and a template."""
    database = Database(settings, Role.ENGINE, pool_size=1)
    try:
        with database.transaction(None) as session:
            organization = create_organization(session, name="Benchmark", rate_limit=_RATE_LIMIT)
            top_up(session, organization.id, _CREDITS, reference="benchmark")
            add_verified_sender_id(session, organization.id, "EXOCLASS")
            add_verified_domain(session, organization.id, "mail.example.com")
            token = create_token(session, organization.id, user_id=None, name="benchmark")
            return token.text, add_template(session, organization.id)
    finally:
        database.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, "The API ended while it was starting."
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/health/live", trust_env=False).is_success:
                return
        assert time.monotonic() < deadline, "The API did not start in time."
        time.sleep(0.1)
