"""The options that choose accounts say what everybody else says."""

from authdeck import wording
from authdeck.cli.account_filters import PROBLEM
from cli.conftest import Shell


def test_a_problem_is_what_it_is_everywhere(newcomer: Shell) -> None:
    assert wording.sentence("problem.definition", {}, "en") == PROBLEM
    for words in (("accounts", "list"), ("schedules", "add")):
        shown = " ".join(newcomer.ok(*words, "--help").out.replace("│", " ").split())
        assert PROBLEM in shown
