"""The options that choose accounts say what everybody else says."""

from pathlib import Path

from authdeck import wording
from authdeck.cli.account_filters import PROBLEM
from cli.conftest import Shell


def test_a_problem_is_what_it_is_everywhere(newcomer: Shell) -> None:
    assert wording.sentence("problem.definition", {}, "en") == PROBLEM
    assert PROBLEM in (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
    for words in (("accounts", "list"), ("schedules", "add")):
        shown = " ".join(newcomer.ok(*words, "--help").out.replace("│", " ").split())
        assert PROBLEM in shown
