"""Commands in the documentation that call the API work as they stand there, each with an answer of 2xx."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.world import World

_PROJECT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?:sh|bash)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_WRITTEN_URL = "http://127.0.0.1:8000"


def _blocks() -> list[tuple[str, str]]:
    """(page, block) of every block that calls the API with curl."""
    pages = [_PROJECT / "README.md", *sorted((_PROJECT / "docs").rglob("*.md"))]
    return [
        (f"{page.relative_to(_PROJECT)}", block)
        for page in pages
        for block in _BLOCK.findall(page.read_text())
        if re.search(r"^curl ", block, re.MULTILINE)
    ]


def test_there_are_some() -> None:
    assert {page for page, _ in _blocks()} >= {"README.md", "docs/api/README.md"}


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("page", "block"), _blocks(), ids=lambda value: value if value.endswith(".md") else "")
def test_a_block_does_what_it_says(page: str, block: str, world: World, tmp_path: Path) -> None:
    """The reader's own values stand between < and >."""
    values = {"<the token>": world.token}
    if "<data.id of the answer>" in block:
        values["<data.id of the answer>"] = world.make("campaigns", "post", "/api/v1/campaigns/{id}/send")
    for name, value in values.items():
        block = block.replace(name, value)
    assert not re.search(r"<[a-z][\w. ]*>(?!.*</)", block), "a value that the test does not know"
    # --fail, so that an error of the API is one of the command.
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail-with-body\nmax-time = 30\n")
    environment = {**os.environ, "HOME": str(tmp_path), "TOKEN": world.token, "NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(
        ["/bin/sh", "-e", "-c", block.replace(_WRITTEN_URL, world.url)],
        check=False,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, f"{page}: {ran.stdout}\n{ran.stderr}"
    assert '"success":true' in ran.stdout
