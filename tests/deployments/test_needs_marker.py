"""Tests that need a tool: skipped and listed where it is missing, and in CI never skipped where it is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = """
import pytest

@pytest.mark.needs("no-such-tool")
def test_without_its_tool():
    raise AssertionError("it ran")

@pytest.mark.needs("sh")
def test_with_its_tool():
    if {skips}:
        pytest.skip("for another reason")
"""


def _run(folder: Path, *, skips: bool, ci: str) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[1]
    shutil.copy(tests / "conftest.py", folder)
    (folder / "test_tools.py").write_text(_TESTS.format(skips=skips))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "markers=needs", str(folder)]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(tests.parent)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120, check=False
    )


def test_a_missing_tool_is_listed_and_fails_nothing(tmp_path: Path) -> None:
    done = _run(tmp_path, skips=False, ci="true")
    assert done.returncode == 0, done.stdout
    assert "no-such-tool  not installed  test_tools.py::test_without_its_tool" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_test_skipped_although_its_tool_is_there_fails_in_ci_only(tmp_path: Path, ci: str, code: int) -> None:
    done = _run(tmp_path, skips=True, ci=ci)
    assert done.returncode == code, done.stdout
    assert "skipped although it is there  test_tools.py::test_with_its_tool" in done.stdout
