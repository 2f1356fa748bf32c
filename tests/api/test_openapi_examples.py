"""The description of the API is valid OpenAPI 3.1, and its examples are what their schemas say."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from api.documentation.contract import documented_endpoints, groups
from api.documentation.describe import operations
from models.rules.webhooks import TEST_EVENT, EventType


@pytest.fixture
def description(app) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/openapi.json").get_json()
    return found


def _errors(description: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    resource = Resource(contents=description, specification=DRAFT202012)
    registry: Registry = Registry().with_resource("urn:api", resource)
    found = Draft202012Validator(_absolute(schema), registry=registry, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in found.iter_errors(value)]


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: f"urn:api{value}" if key == "$ref" else _absolute(value) for key, value in node.items()}
    return [_absolute(each) for each in node] if isinstance(node, list) else node


def _bodies(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(where, media type, media type object) of every request and every answer."""
    found = []
    for path, method, operation in operations(description):
        where = f"{method.upper()} {path}"
        found += [(where, *each) for each in operation.get("requestBody", {}).get("content", {}).items()]
        for status, answer in operation["responses"].items():
            shown = answer
            if "$ref" in answer:
                shown = description["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
            found += [(f"{where} {status}", *each) for each in shown.get("content", {}).items()]
    return found


def test_it_is_valid(description) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(description).iter_errors()] == []


def test_every_request_and_every_answer_has_an_example_that_its_schema_takes(description) -> None:
    bodies = _bodies(description)
    assert len(bodies) > 300
    missing = [where for where, _, body in bodies if "example" not in body]
    wrong = {
        where: errors
        for where, media_type, body in bodies
        if media_type != "text/csv" and (errors := _errors(description, body["schema"], body.get("example")))
    }
    assert (missing, wrong) == ([], {})


def test_every_parameter_is_described_and_its_example_fits(description) -> None:
    undescribed, wrong = [], {}
    for path, _, operation in operations(description):
        for parameter in [*description["paths"][path].get("parameters", ()), *operation.get("parameters", ())]:
            if "$ref" in parameter:
                continue
            where = (path, parameter["name"])
            if not parameter.get("description"):
                undescribed.append(where)
            if "example" in parameter and (errors := _errors(description, parameter["schema"], parameter["example"])):
                wrong[where] = errors
    assert (undescribed, wrong) == ([], {})


def test_every_operation_says_in_a_sentence_what_it_does(description) -> None:
    assert [
        operation["operationId"]
        for _, _, operation in operations(description)
        if not operation.get("summary") or not operation.get("description")
    ] == []


def test_groups_stand_as_in_the_documentation(description) -> None:
    documented = list(dict.fromkeys(each.group for each in documented_endpoints()))
    names = [tag["name"] for tag in description["tags"]]
    assert names[: len(documented)] == [group for group in documented if group in names]
    assert names == [group for group in groups() if group in names]
    assert all(tag["description"] for tag in description["tags"])
    assert {operation["tags"][0] for _, _, operation in operations(description)} == set(names)


def test_forms_are_described_where_the_documentation_shows_them(description) -> None:
    contract = {(each.method, each.path): each.multipart for each in documented_endpoints()}
    shown = {
        (method, path)
        for path, method, operation in operations(description)
        if contract.get((method, path))
        and "multipart/form-data" not in operation.get("requestBody", {}).get("content", {})
    }
    assert not shown


def test_the_examples_of_numbers_are_the_documented_ones(description) -> None:
    """So that 42.2% and its like stay as they are documented."""
    campaign = description["paths"]["/api/v1/campaigns/{campaign_id}"]["get"]["responses"]["200"]
    assert campaign["content"]["application/json"]["example"]["data"]["open_rate"] == "42.2%"


def test_every_event_is_described_with_an_example_that_fits(description) -> None:
    assert description["webhooks"].keys() == {*EventType, TEST_EVENT}
    for name, item in description["webhooks"].items():
        content = item["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == name
        assert _errors(description, content["schema"], content["example"]) == []
        assert item["post"]["summary"]
