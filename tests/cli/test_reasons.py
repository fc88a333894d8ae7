"""Reasons on a terminal: what they come to stands above them."""

from typing import Any

import pytest

from authdeck.cli.reasons import tell_reasons

FULL = {
    "owner": "quota",
    "sentence": "It is shown as full.",
    "clear_sentence": "It resets",
    "until": None,
    "stops": False,
}
OFF = {
    "owner": "operator",
    "sentence": "Disabled by ann.",
    "clear_sentence": "An operator",
    "until": None,
    "stops": True,
}


@pytest.mark.parametrize(
    ("reasons", "said"),
    [([FULL, OFF], "Not used because:"), ([FULL], "It serves, though something speaks against it:")],
)
def test_it_works(reasons: list[dict[str, Any]], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell_reasons(reasons)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == said
    assert [line.split(":")[0].strip() for line in lines] == [reason["owner"] for reason in reasons]
