"""What the description says is what the API does, whatever is asked of it.

`make fuzz` runs this for longer: FUZZ_EXAMPLES made-up requests of each operation, from FUZZ_SEED on.
"""

import os
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.fuzzing import fuzz
from tests.support.world import World

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
SUCCESSFUL = 0.8


def _settings() -> dict[str, Any]:
    settings = tomllib.loads(CONFIG.read_text())
    settings["generation"]["max-examples"] = EXAMPLES
    if "FUZZ_SEED" in os.environ:
        settings["seed"] = int(os.environ["FUZZ_SEED"])
        settings["generation"]["deterministic"] = False
    return settings


@pytest.mark.timeout(900 if EXAMPLES < 100 else 7200)  # under a minute where nothing else runs
def test_nothing_is_answered_that_is_not_documented(world: World) -> None:
    findings = fuzz(world, _settings())
    print(f"{findings.requests} requests, {time.process_time():.0f} s of this process")  # `make fuzz` shows it
    shown = "\n\n".join(f"{what}\n{how}" for what, how in sorted(findings.failures.items()))
    assert not findings.failures, shown
    refused = findings.statuses.keys() - findings.successful
    assert len(findings.statuses) > 40
    assert len(findings.successful) >= SUCCESSFUL * len(findings.statuses), f"never 2xx: {sorted(refused)}"
