"""The compose file and the Kubernetes manifests: right by their schemas, and with names that are there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator, Draft202012Validator

from deployments.commands.serve import Served
from models.settings import Settings

_PROJECT = Path(__file__).parents[2]
_FOLDER = _PROJECT / "deployments" / "containers"
_SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"
_KINDS = {"apps/v1": "io.k8s.api.apps.v1", "policy/v1": "io.k8s.api.policy.v1", "v1": "io.k8s.api.core.v1"}

COMPOSE: dict[str, Any] = yaml.safe_load((_FOLDER / "compose.yaml").read_text())
MANIFESTS = [
    (file.name, manifest)
    for file in sorted((_FOLDER / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]


def _errors_of(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest by the schema of its kind."""
    schema = json.loads((_SCHEMAS / "kubernetes-1.34.json").read_text())
    schema["$ref"] = f"#/$defs/{_KINDS[manifest['apiVersion']]}.{manifest['kind']}"
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(manifest)]


def test_the_compose_file_is_one() -> None:
    schema = json.loads((_SCHEMAS / "compose-spec.json").read_text())
    errors = Draft201909Validator(schema).iter_errors(COMPOSE)
    assert not [f"{error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize(("file", "manifest"), MANIFESTS, ids=[f"{name}-{one['kind']}" for name, one in MANIFESTS])
def test_each_manifest_is_one_of_its_kind(file: str, manifest: dict[str, Any]) -> None:
    assert _errors_of(manifest) == []


def test_the_schema_finds_what_is_wrong() -> None:
    deployment = next(one for _, one in MANIFESTS if one["kind"] == "Deployment")
    wrong = json.loads(json.dumps(deployment).replace('"replicas": 2', '"replicas": "two"').replace('"env"', '"envs"'))
    errors = " ".join(_errors_of(wrong))
    assert "replicas" in errors
    assert "envs" in errors


def test_they_set_nothing_but_settings_and_serve_nothing_but_services() -> None:
    fields = {f"EXOSEND_{name.upper()}" for name in Settings.model_fields}
    texts = [path.read_text() for path in (*_FOLDER.rglob("*.yaml"), _FOLDER / "Dockerfile")]
    assert set(re.findall(r"\bEXOSEND_[A-Z_]+", " ".join(texts))) <= fields
    served = {name for text in texts for name in re.findall(r"\[serve, ([a-z]+)\]", text)}
    assert served == {each.value for each in Served}


def test_whatever_a_service_waits_for_is_a_service_and_tells_when_it_is_ready() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, name
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other], name


def test_the_courier_and_the_setup_know_the_same_limit_and_mails_know_where_links_lead() -> None:
    """The courier applies the work pool again where Prefect has lost it."""
    given = {name: service.get("environment", {}) for name, service in COMPOSE["services"].items()}
    assert given["courier"]["EXOSEND_WORKER_LIMIT"] == given["setup"]["EXOSEND_WORKER_LIMIT"]
    assert all("EXOSEND_PUBLIC_URL" in given[name] for name in ("api", "courier", "worker"))


def test_no_link_leads_out_of_what_the_image_has() -> None:
    copies = re.findall(r"^COPY (.+) \S+$", (_FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    copied = [(_PROJECT / source).resolve() for line in copies for source in line.split()]
    links = [path for source in copied for path in source.rglob("*") if path.is_symlink()]
    assert links
    for link in links:
        assert any(link.resolve().is_relative_to(source) for source in copied), link


def test_the_deployments_secrets_are_in_the_example_and_its_selectors_fit() -> None:
    by_kind = {one["kind"]: one for _, one in MANIFESTS}
    keys = set(by_kind["Secret"]["stringData"])
    pod = by_kind["Deployment"]["spec"]["template"]
    references = [
        each["valueFrom"]["secretKeyRef"] for each in pod["spec"]["containers"][0]["env"] if "valueFrom" in each
    ]
    assert {reference["key"] for reference in references} == keys
    labels = pod["metadata"]["labels"]
    assert by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert by_kind["Deployment"]["spec"]["selector"]["matchLabels"] == labels
