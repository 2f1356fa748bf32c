"""schemathesis against a running API, with ids of things that are there."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.hooks import unregister

from api.documentation.samples import kind_of_field, kind_of_parameter
from tests.support.examples import sample_ids
from tests.support.world import World

_SAMPLES = sample_ids()
_STRANGERS = 8  # one in so many of the ids that are made up stays as it is: 404, 422


@dataclass(slots=True)
class Findings:
    """What came of a run: the statuses that each operation answered with, and what is wrong."""

    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    failures: dict[str, str] = field(default_factory=dict)
    requests: int = 0

    @property
    def successful(self) -> set[str]:
        """The operations that answered with 2xx at least once."""
        return {label for label, statuses in self.statuses.items() if any(200 <= each < 300 for each in statuses)}


def fuzz(world: World, settings: Mapping[str, Any]) -> Findings:
    """Run schemathesis, set up as in its configuration files, on all operations of the API that `world` talks to."""
    config = SchemathesisConfig.from_dict({**settings, "headers": {"Authorization": f"Bearer {world.token}"}})
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json", config=config)
    findings, things = Findings(), _Things(world)

    @schemathesis.hook
    def before_call(_context: object, case: Any, _kwargs: dict[str, Any]) -> None:
        things.put_into(case)

    @schemathesis.hook
    def after_call(_context: object, case: Any, response: Any) -> None:
        findings.requests += 1
        if case.method == case.operation.method.upper():
            findings.statuses[case.operation.label].add(response.status_code)

    try:
        for event in from_schema(schema).execute():
            _note(findings, event)
    finally:  # hooks around a call can only be everybody's
        for hook in (before_call, after_call):
            unregister(hook)
    return findings


def _note(findings: Findings, event: object) -> None:
    if isinstance(event, events.NonFatalError):
        findings.failures[f"{event.label}: {event.value!r}"] = str(event.value)
    elif isinstance(event, events.FatalError):
        raise event.exception
    elif isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    key = f"{event.recorder.label}: {check.name}: {failure.title}"
                    interaction = event.recorder.interactions.get(case_id)
                    answer = interaction.response if interaction else None
                    shown = f"{answer.status_code} {answer.text[:500]}" if answer else ""
                    findings.failures.setdefault(key, f"{failure.message}\n{check.failure_info.code_sample}\n{shown}")


class _Things:
    """Puts ids of things that are there into requests, in place of sample ids and of most made-up ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, str] = {}

    def put_into(self, case: Any) -> None:
        path, method = case.operation.path, case.method.lower()
        self._world.prepare(method, path)
        for name, value in (case.path_parameters or {}).items():
            if self._is_to_replace(value):
                case.path_parameters[name] = self._thing(kind_of_parameter(path, name), method, path)
        if isinstance(case.body, dict | list):
            case.body = self._replaced(case.body, "", path)

    def _thing(self, kind: str, method: str, path: str) -> str:
        """One of its own for what may change it; what only reads shares."""
        if method != "get":
            return self._world.make(kind, method, path)
        key = f"{kind} {path}"
        if key not in self._kept:
            self._kept[key] = self._world.make(kind, method, path)
        return self._kept[key]

    def _replaced(self, value: Any, name: str, path: str) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(item, key, path) for key, item in value.items()}
        if isinstance(value, list):
            return [self._replaced(item, name, path) for item in value]
        if not self._is_to_replace(value):
            return value
        return self._thing(_SAMPLES.get(value) or kind_of_field(name, path), "get", "/api/v1/")

    @staticmethod
    def _is_to_replace(value: object) -> bool:
        if not isinstance(value, str) or len(value) != 36:
            return False
        try:
            return value in _SAMPLES or UUID(value).int % _STRANGERS != 0
        except ValueError:
            return False
