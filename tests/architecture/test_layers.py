"""The layers, and what each package may know: the contracts of [tool.importlinter] in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

_PROJECT = Path(__file__).parents[2]
_LINTER = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_imports_keep_to_every_contract() -> None:
    # A process of its own: the linter puts the working directory on sys.path.
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout
    assert f"{len(_LINTER['contracts'])} kept, 0 broken" in result.stdout


def test_the_contracts_cover_every_package_of_the_product() -> None:
    packages = {path.parent.name for path in _PROJECT.glob("*/__init__.py")} - {"benchmarks"}
    layered = next(contract for contract in _LINTER["contracts"] if contract["id"] == "layers")["layers"]
    assert {name.strip() for layer in layered for name in layer.split("|")} == packages
    assert set(_LINTER["root_packages"]) == packages


def test_the_work_itself_is_imported_without_prefect_and_without_flask() -> None:
    code = (
        "import sys, tasks.sending.sender, tasks.runs.plan; print({'prefect', 'flask'} & sys.modules.keys() or 'none')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=_PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "none"
