"""Each benchmark still runs, on amounts that say nothing about speed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import mail_server
from benchmarks.__main__ import STEPS
from benchmarks.measure import Aim, Bench, Figure
from benchmarks.report import show, write
from models.settings import Settings


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, id=f"{kind}-{number}") for kind, steps in STEPS.items() for number, step in enumerate(steps)],
)
def test_each_benchmark_measures_product_and_limit(
    step: Callable[[Bench], Sequence[Figure]], settings: Settings, tmp_path: Path
) -> None:
    bench = Bench(settings, tmp_path, scale=0.0001, rounds=1, settle=lambda: None)
    figures = step(bench)
    assert figures
    for figure in figures:
        assert figure.amount > 0
        assert figure.product > 0 < figure.limit


def figure(product: float, limit: float, **values: object) -> Figure:
    return Figure("a", "b", 100, "messages", (product, product * 2), (limit * 3, limit), **values)


def test_the_fastest_runs_are_compared_as_times_or_as_speeds() -> None:
    assert figure(6, 2).ratio == 3
    assert figure(4, 2, compare="speed").ratio == 0.5


def test_an_aim_is_a_most_of_times_or_a_least_of_speed() -> None:
    assert figure(6, 2).met is None
    assert figure(6, 2, aim=Aim("at most", 3, 1.3)).met
    assert not figure(6.1, 2, aim=Aim("at most", 3, 1.3)).met
    assert figure(4, 2, compare="speed", aim=Aim("at least", 0.5, 0.95)).met
    assert not figure(4.1, 2, compare="speed", aim=Aim("at least", 0.5, 0.95)).met


def test_aims_are_judged_at_full_scale_only_and_everything_is_kept_as_json(tmp_path: Path) -> None:
    figures = [figure(6, 2, aim=Aim("at most", 2.5, 1.3), notes={"recipients": 80})]
    for scale, verdict in ((1.0, "missed"), (0.1, "not at full scale")):
        console = Console(record=True, width=150, file=(tmp_path / "screen").open("w"))
        show(figures, console, scale=scale)
        console.file.close()
        assert verdict in console.export_text()
    path = write(figures, tmp_path / "results", scale=1.0, rounds=2, extra={"flow_start_seconds": 4.5})
    kept = json.loads(path.read_text())
    assert kept["flow_start_seconds"] == 4.5
    assert kept["figures"][0]["ratio"] == 3
    assert kept["figures"][0]["aim"]["met"] is False


def test_without_postfix_a_bare_loop_is_the_limit_and_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "_PATH", str(tmp_path))
    with mail_server.mail_server(tmp_path) as server:
        assert server.limit(20, 5120) > 0
        assert not server.proves
    assert len((tmp_path / "accepted.jsonl").read_text().splitlines()) == 20
