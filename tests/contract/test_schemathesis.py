"""What the description says is what the API does, whatever is asked of it.

`make fuzz` runs this for longer: FUZZ_EXAMPLES made-up requests of each operation, from FUZZ_SEED on.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from tests.support.fuzzing import fuzz
from tests.support.world import World

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SUCCESSFUL = 0.8


def _settings() -> dict[str, Any]:
    settings = tomllib.loads(CONFIG.read_text())
    settings["generation"]["max-examples"] = EXAMPLES
    if "FUZZ_SEED" in os.environ:
        settings["seed"] = int(os.environ["FUZZ_SEED"])
        settings["generation"]["deterministic"] = False
    return settings


def test_nothing_is_answered_that_is_not_documented(world: World) -> None:
    findings = fuzz(world, _settings())
    shown = "\n\n".join(f"{what}\n{how}" for what, how in sorted(findings.failures.items()))
    assert not findings.failures, shown
    refused = findings.statuses.keys() - findings.successful
    assert len(findings.statuses) > 40
    assert len(findings.successful) >= SUCCESSFUL * len(findings.statuses), f"never 2xx: {sorted(refused)}"
