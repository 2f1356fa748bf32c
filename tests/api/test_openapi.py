"""The description of the API."""

import json
from pathlib import Path
from typing import Any

import pytest

WRITTEN = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture
def description(app) -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def _operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]


def test_the_written_description_is_the_served_one(description) -> None:
    assert json.loads(WRITTEN.read_text()) == description, "run `python -m api.openapi_file`"


def test_every_operation_has_an_id_of_its_own_and_a_summary(description) -> None:
    operations = _operations(description)
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] and operation["security"] == [{"token": []}] for _, _, operation in operations)


def test_every_operation_names_its_errors(description) -> None:
    for path, method, operation in _operations(description):
        assert {"401", "429", "503"} <= set(operation["responses"]), (path, method)
        assert ("{" in path) <= ("404" in operation["responses"]), (path, method)
        assert ("requestBody" in operation) <= ("422" in operation["responses"]), (path, method)


def test_every_reference_leads_somewhere(description) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    found = set(references(description))
    assert len(found) > 50
    for reference in found:
        place: Any = description
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_it_is_openapi_3_1_with_bearer_tokens(description) -> None:
    assert description["openapi"] == "3.1.0"
    assert description["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_operation_says_what_is_left_of_the_limit(description) -> None:
    for path, method, operation in _operations(description):
        for status, answer in operation["responses"].items():
            shown = answer if status.startswith("2") else description["components"]["responses"][_name(answer)]
            limited = status.startswith("2") or status in ("402", "403", "404", "409", "422", "429")
            assert ("X-RateLimit-Remaining" in shown.get("headers", {})) == limited, (path, method, status)
    assert "Retry-After" in description["components"]["responses"]["TOO_MANY_REQUESTS"]["headers"]


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rsplit("/", 1)[1]


def test_every_post_takes_a_key_and_nothing_else_does(description) -> None:
    reference = {"$ref": "#/components/parameters/Idempotency-Key"}
    for path, method, operation in _operations(description):
        is_post = method == "post"
        assert (reference in operation.get("parameters", [])) == is_post, (path, method)
        assert is_post <= ({"409", "422"} <= set(operation["responses"])), (path, method)
        for status in [status for status in operation["responses"] if status.startswith("2")]:
            assert ("Idempotent-Replayed" in operation["responses"][status]["headers"]) == is_post, (path, status)
    assert description["components"]["parameters"]["Idempotency-Key"]["in"] == "header"
