"""Answers in a terminal: what others wrote in them is shown, and does nothing."""

import pytest

from authdeck.cli import show

HOSTILE = "a\x1b[31mb\x9b31mc\u202ed"


def test_no_text_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.fields([("note", HOSTILE + "\nsecond line")])
    show.table([("Note", "note")], [{"note": HOSTILE}], empty="none")
    fields, table = capsys.readouterr().out.split("second line")
    assert "a?[31mb?31mc?d" in fields
    assert "a?[31mb?31mc?d" in table
    assert (fields + table).replace("\n", "").isprintable()
