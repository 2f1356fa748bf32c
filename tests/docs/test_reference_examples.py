"""Every example of the reference page, run as it stands there but for ids of things that are there: each gets a 2xx."""

import contextlib
import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api.documentation.describe import operations
from api.documentation.snippets import Request, curl_example, python_example
from api.openapi_file import read_description
from tests.support.examples import all_example_requests
from tests.support.world import World

DESCRIPTION = read_description()
PLACES = {operation["operationId"]: (method, path) for path, method, operation in operations(DESCRIPTION)}
EXAMPLES = list(all_example_requests(DESCRIPTION))


def _name(value: object) -> str:
    return value if isinstance(value, str) else "form" if isinstance(value, Request) and value.form else ""


@pytest.fixture
def run_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> Callable[[], dict[str, str]]:
    """A folder with the files that examples name, as the current one; gives the environment they need."""
    (tmp_path / "contacts.csv").write_text("email,first_name,last_name\nada@example.net,Ada,Lovelace\n")
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF-1.7\n")
    # curl writes the status after the answer.
    (tmp_path / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n%{http_code}"\nmax-time = 30\n')
    monkeypatch.chdir(tmp_path)
    environment = {"API": f"{world.url}/api/v1", "TOKEN": world.token, "NO_PROXY": "127.0.0.1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return lambda: {**os.environ, "HOME": str(tmp_path)}


def _real(world: World, operation_id: str, example: str) -> str:
    method, path = PLACES[operation_id]
    return world.real(method, path, example)


def test_every_operation_has_an_example() -> None:
    assert {operation_id for operation_id, _ in EXAMPLES} == PLACES.keys()
    assert len(PLACES) > 40


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("operation_id", "request_"), EXAMPLES, ids=_name)
def test_curl(operation_id: str, request_: Request, world: World, run_in: Callable[[], dict[str, str]]) -> None:
    command = _real(world, operation_id, curl_example(request_))
    shell = ["/bin/sh", "-c", command]
    ran = subprocess.run(shell, check=False, env=run_in(), capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout[-3:-2] == "2", f"{command}\n{ran.stdout}"


@pytest.mark.parametrize(("operation_id", "request_"), EXAMPLES, ids=_name)
def test_python(operation_id: str, request_: Request, world: World, run_in: Callable[[], dict[str, str]]) -> None:
    program = _real(world, operation_id, python_example(request_))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, operation_id, "exec"), {})  # raises for a status that is not 2xx
    assert printed.getvalue()
