"""How to call an operation: with curl, and with Python's requests. Both read `API` and `TOKEN` from the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from api.documentation.multipart import FILE
from api.documentation.samples import SAMPLE_ADDRESS

PREFIX = "/api/v1"
_WIDTH = 88  # of a line of Python


@dataclass(frozen=True, slots=True)
class Request:
    """An example request. `path` and `query` are written out; `body` is JSON, `form` fields with files as `@name`."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Any = None
    form: tuple[tuple[str, str], ...] = ()
    is_text: bool = False

    @property
    def place(self) -> str:
        """Path and query below /api/v1."""
        asked = f"?{urlencode(self.query)}" if self.query else ""
        return f"{self.path.removeprefix(PREFIX)}{asked}"


def fill_path(path: str, parameters: Mapping[str, Any]) -> str:
    """A path with values in place of its parameters."""
    for name, value in parameters.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="@"))
    return path


def curl_example(request: Request) -> str:
    """The request as a command."""
    method = "" if request.method == "get" else f"-X {request.method.upper()} "
    parts = [f'curl {method}"$API{request.place}"', '-H "Authorization: Bearer $TOKEN"']
    if request.body is not None:
        text = json.dumps(request.body, indent=2, ensure_ascii=False)
        parts += ['-H "Content-Type: application/json"', f"-d {_quoted(text)}"]
    for name, value in request.form:
        # -F would take a value that begins with < for the name of a file.
        option = "-F" if value.startswith(FILE) else "--form-string"
        parts.append(f"{option} {_quoted(f'{name}={value}')}")
    return " \\\n  ".join(parts)


def python_example(request: Request) -> str:
    """The request as a program."""
    imports = ["import os", *(["from pathlib import Path"] if request.form else []), "", "import requests", ""]
    lines = [
        f"answer = requests.{request.method}(",
        f'    os.environ["API"] + {_literal(request.path.removeprefix(PREFIX), 4)},',
        '    headers={"Authorization": "Bearer " + os.environ["TOKEN"]},',
    ]
    if request.query:
        lines.append(f"    params={_literal(dict(request.query), 4)},")
    if request.body is not None:
        lines.append(f"    json={_literal(request.body, 4)},")
    if request.form:
        lines.append(f"    data={_literal([each for each in request.form if not each[1].startswith(FILE)], 4)},")
        lines += ["    files=[", *(_file(*each) for each in request.form if each[1].startswith(FILE)), "    ],"]
    shown = "answer.text" if request.is_text else "answer.json()"
    return "\n".join([*imports, *lines, "    timeout=30,", ")", "answer.raise_for_status()", f"print({shown})"])


def _file(name: str, value: str) -> str:
    file = _text(value.removeprefix(FILE))
    return f"        ({_text(name)}, ({file}, Path({file}).read_bytes())),"


def _quoted(text: str) -> str:
    inner = text.replace("'", "'\\''")
    return f"'{inner}'"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(value: Any, indent: int) -> str:
    """A Python literal, over several lines where one would be too long."""
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict | list | tuple):
        return repr(value)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]") if isinstance(value, list) else ("(", ")")
    if isinstance(value, dict):
        items = [f"{_text(key)}: {_literal(item, indent + 4)}" for key, item in value.items()]
    else:
        items = [_literal(item, indent + 4) for item in value]
    line = f"{opening}{', '.join(items)}{closing}"
    if "\n" not in line and indent + len(line) <= _WIDTH:
        return line
    space = " " * (indent + 4)
    return "\n".join([opening, *(f"{space}{item}," for item in items), f"{' ' * indent}{closing}"])


def example_parameters(parameters: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of the path's parameters in examples."""
    return {each["name"]: each.get("example", SAMPLE_ADDRESS) for each in parameters if each.get("in") == "path"}
