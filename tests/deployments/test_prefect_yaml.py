"""prefect.yaml, the flows and models/pipelines.py say the same."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from models.pipelines import PARAMETERS

_FILE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())
_DEPLOYMENTS = {f"{entry['name']}/{entry['name']}": entry for entry in _FILE["deployments"]}


def _flow(entrypoint: str) -> Flow[..., Any]:
    module, _, name = entrypoint.rpartition(".")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    return flow


def test_every_pipeline_has_a_deployment_and_every_deployment_a_pipeline() -> None:
    assert _DEPLOYMENTS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", _DEPLOYMENTS)
def test_a_deployment_names_a_flow_that_takes_what_its_pipeline_says(name: str) -> None:
    flow = _flow(_DEPLOYMENTS[name]["entrypoint"])
    assert f"{flow.name}/{_DEPLOYMENTS[name]['name']}" == name
    parameters = inspect.signature(flow.fn).parameters
    fields = PARAMETERS[name].model_fields
    assert parameters.keys() == fields.keys()
    required = {key for key, value in parameters.items() if value.default is inspect.Parameter.empty}
    assert required == {key for key, value in fields.items() if value.is_required()}


@pytest.mark.parametrize("name", _DEPLOYMENTS)
def test_the_form_in_the_ui_describes_every_parameter(name: str) -> None:
    flow = _flow(_DEPLOYMENTS[name]["entrypoint"])
    assert flow.description
    for key, shown in flow.parameters.properties.items():
        assert shown.get("description"), key


@pytest.mark.parametrize("name", _DEPLOYMENTS)
def test_deployments_run_in_the_pool_by_one_process_each(name: str) -> None:
    assert _DEPLOYMENTS[name]["work_pool"]["name"] == "exosend"
    assert _DEPLOYMENTS[name]["work_pool"]["job_variables"]["command"] == "python -m deployments.flow_process"
    assert _FILE["pull"] == []


def test_what_must_be_the_same_is_compared_every_night() -> None:
    schedules = {entry["name"]: entry["schedules"] for entry in _FILE["deployments"] if "schedules" in entry}
    assert schedules == {"reconcile": [{"cron": "15 2 * * *", "timezone": "UTC"}]}
