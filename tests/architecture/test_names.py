"""What the files of the project are called, how long they are, and what must not stand in them."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]
# Names that say nothing: whatever is in such a module has a better one.
_EMPTY_NAMES = {"utils", "helpers", "common", "core", "service", "services", "manager", "managers", "dao", "misc"}
_LINES = 300
_TEST_LINES = 200
# Longer on purpose: file → why.
_LONG = {
    "models/migrations/versions/0001_tables.py": "written by Alembic, and never changed once it was released",
    "tests/conftest.py": "the one server of all tests, from its start to clean tables",
    "tests/support/engine.py": "the steps of a run, and the promises to check after it",
    "tests/tasks/audience/test_segmenting.py": "one table of operators and values",
}
_VENDORED = "api/static/swagger-ui/"  # Swagger UI, as it is published
_NAMED_SERVICES = {"deployments/services.py"}  # the services of a stack: that is what they are


@cache
def _files() -> list[str]:
    """Every file of the project: what git tracks, and what it would; without git, whatever is there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, timeout=30, check=True).stdout
        return sorted(name for name in found.splitlines() if (_PROJECT / name).is_file())
    except (OSError, subprocess.CalledProcessError):
        skipped = re.compile(r"(^|/)(\.venv|\.git|__pycache__|\.exosend.*|build|dist|.*\.egg-info|\.\w+_cache)(/|$)")
        names = (str(path.relative_to(_PROJECT)) for path in _PROJECT.rglob("*") if path.is_file())
        return sorted(name for name in names if not skipped.search(name))


def _modules() -> list[str]:
    return [name for name in _files() if name.endswith(".py")]


def test_no_module_has_a_name_that_says_nothing() -> None:
    wrong = [name for name in _modules() if Path(name).stem in _EMPTY_NAMES and name not in _NAMED_SERVICES]
    wrong += [name for name in _modules() if _EMPTY_NAMES & set(Path(name).parent.parts)]
    assert not wrong


def test_no_module_is_called_like_one_of_the_standard_library() -> None:
    own = {"__init__", "__main__"}
    wrong = [name for name in _modules() if Path(name).stem in sys.stdlib_module_names - own]
    assert not wrong


def test_files_are_short() -> None:
    too_long = {}
    for name in _modules():
        lines = len((_PROJECT / name).read_text().splitlines())
        if lines > (_TEST_LINES if name.startswith("tests/") else _LINES) and name not in _LONG:
            too_long[name] = lines
    assert not too_long


def test_no_exception_is_made_for_a_file_that_is_gone() -> None:
    assert all((_PROJECT / name).exists() for name in _LONG)


def _texts() -> dict[str, str]:
    texts = {}
    for name in _files():
        if name.startswith(_VENDORED):
            continue
        try:
            texts[name] = (_PROJECT / name).read_text()
        except UnicodeDecodeError:  # data in another encoding
            continue
    return texts


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        (
            "a path of somebody's machine",
            re.compile(r"(?<![\w.-])(" + re.escape(str(_PROJECT)) + r"/|/home/\w+/|/Users/\w+/|/root/\w)"),
        ),
        ("something to do later", re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")),
        ("a conflict that was not resolved", re.compile(r"^(<{7} |>{7} )", re.MULTILINE)),
    ],
)
def test_no_file_holds(what: str, pattern: re.Pattern[str]) -> None:
    own = str(Path(__file__).relative_to(_PROJECT))
    found = {name: match[0] for name, text in _texts().items() if name != own and (match := pattern.search(text))}
    assert not found, what
