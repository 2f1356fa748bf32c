"""Every `exosend …` in the documentation is one that the command line takes."""

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from deployments.cli import app

_PROJECT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s(\"])exosend (?=[a-z-])([^|)\n]*)", re.MULTILINE)
_SERVICES = ("docker", "kubectl", "git")  # of which exosend is a name
_ID = "01900000-0000-7000-8000-000000000000"  # in the place of a reader's own, as <id>


def _tokens(written: str) -> list[str]:
    """The arguments of a command, without what the shell takes from it."""
    tokens = shlex.split(re.sub(r"<[a-z][\w. ]*>", _ID, written), comments=True)
    return tokens[: next((no for no, token in enumerate(tokens) if token.startswith(("<", ">", "&", ";"))), None)]


def _commands() -> list[tuple[str, str]]:
    """(page, what follows `exosend`) of every one in a block of shell."""
    found = []
    for page in (_PROJECT / "README.md", *sorted((_PROJECT / "docs").rglob("*.md"))):
        for block in _BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                code = line.rpartition(" exec api ")[2]
                if not code.startswith(_SERVICES):
                    found += [(str(page.relative_to(_PROJECT)), each) for each in _COMMAND.findall(code)]
    return found


def test_there_are_some() -> None:
    assert len(_commands()) > 20
    assert {"README.md", "docs/operations.md", "docs/analysts.md", "docs/scaling.md"} <= {
        page for page, _ in _commands()
    }


@pytest.mark.parametrize(("page", "written"), _commands())
def test_the_command_line_takes_it(page: str, written: str) -> None:
    app.parse_args(_tokens(written), exit_on_error=False, print_error=False)


@pytest.mark.parametrize("written", ["nothing", "sender nothing", "sender approve", "up --nothing 1"])
def test_it_does_not_take_what_is_not_there(written: str) -> None:
    with pytest.raises(CycloptsError):
        app.parse_args(_tokens(written), exit_on_error=False, print_error=False)
