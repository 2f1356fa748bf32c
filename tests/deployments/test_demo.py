"""What the demo says, and what it clears away. That it works is tests/e2e/test_demo.py."""

from pathlib import Path

import pytest

from deployments.demo_stack import empty_folder
from deployments.demo_summary import print_summary, shown
from deployments.state import FolderLock
from models.errors import SetupError

_NUMBERS = {
    "rows": 12_345,
    "imported": 12_340,
    "skipped": 0,
    "errors_total": 5,
    "recipients": 12_338,
    "dropped": {"unsubscribed": 2},
    "accepted": 12_338,
    "sink_accepted": 12_338,
    "sink_unique": 12_338,
    "charged": 123.38,
    "balance": 876.62,
    "seconds": {"start": 5.0, "import": 2.0, "campaign": 10.0, "total": 20.0},
}


def test_the_summary_counts_down_from_the_rows_to_the_messages(capsys, tmp_path: Path) -> None:
    print_summary(_NUMBERS, opted_out=2, folder=tmp_path / "stack")
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    funnel = ["12,345 rows in the file", "-5 could not be read (the import lists each with its row)"]
    funnel += ["12,340 contacts imported", "-2 unsubscribed", "12,338 recipients"]
    begin = said.index(funnel[0])
    assert said[begin : begin + len(funnel)] == funnel
    assert "Nobody was lost, nobody got it twice, none of the 2 who opted out got it." in said
    assert any("(1,234 messages a second)" in line for line in said)
    assert any(line.startswith(f'make up ARGS="--data-dir {tmp_path}/stack" ') for line in said)


def test_the_summary_of_a_few_contacts_says_nothing_of_nobody(capsys) -> None:
    few = {**_NUMBERS, "errors_total": 0, "dropped": {}, "accepted": 3}
    print_summary(few, opted_out=0, folder=Path("stack"))  # pytest's folders have names like pytest-0
    said = capsys.readouterr().out
    assert "-0" not in said
    assert "opted out" not in said
    assert "messages a second" not in said


def test_a_path_is_shown_as_it_is_typed_here(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "demo") == "demo"
    assert shown(Path("/elsewhere")) == "/elsewhere"


def test_what_an_earlier_demo_left_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "left").touch()
    empty_folder(folder)
    assert not folder.exists()
    empty_folder(folder)


def test_a_folder_on_which_a_stack_runs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    running = FolderLock(tmp_path)
    assert running.acquire()
    try:
        with pytest.raises(SetupError, match="A stack runs on"):
            empty_folder(tmp_path)
    finally:
        running.release()
    assert (tmp_path / "kept").exists()
