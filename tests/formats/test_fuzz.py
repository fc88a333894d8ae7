"""Whatever bytes come, a parser answers with drafts or with a code that has a sentence. It never breaks.

``AUTHDECK_PROOF_INPUTS=100000`` says how many inputs each of them gets; without it a sample.
"""

import json
import os

import pytest

from authdeck import formats
from authdeck.account import Provider
from authdeck.errors import DeckError
from fakes import parsers
from fakes.damage import Damaged, assert_survives, noise, zip_of
from fakes.documents import DOCUMENTS, TOKEN_ANSWERS, seeds

INPUTS = int(os.environ.get("AUTHDECK_PROOF_INPUTS", "300"))


@pytest.mark.parametrize("source", formats.SOURCES)
def test_a_named_format_takes_or_refuses_whatever_it_is_given(source: str) -> None:
    assert_survives(parsers.OF_SOURCE[source], [*seeds(source), *seeds()], INPUTS)


def test_whatever_format_it_is_it_is_found_out() -> None:
    assert_survives(parsers.detected, seeds(), INPUTS)


def test_arrays_and_bundles_of_anything() -> None:
    assert_survives(parsers.detected, [_array(*seeds("cliproxyapi")), *seeds("sub2api", "chatgpt_session")], INPUTS)


def test_any_bytes_under_any_name() -> None:
    assert_survives(parsers.under_any_name, [], INPUTS, noise)


def test_damaged_zips() -> None:
    assert_survives(parsers.detected, seeds(), INPUTS, zip_of)


def test_editing_a_stored_file() -> None:
    assert_survives(parsers.edited, seeds(), INPUTS)


def test_writing_what_was_read() -> None:
    assert_survives(parsers.written, seeds(), INPUTS)


@pytest.mark.parametrize("provider", list(Provider))
def test_answers_of_token_endpoints(provider: Provider) -> None:
    answers = [json.dumps(answer).encode() for answer in TOKEN_ANSWERS]
    assert_survives(parsers.ANSWERS_TO[provider], answers, INPUTS)


@pytest.mark.parametrize("provider", list(Provider))
def test_failed_answers(provider: Provider) -> None:
    answers = [json.dumps(answer).encode() for answer in TOKEN_ANSWERS]
    assert_survives(parsers.FAILURES_OF[provider], answers, INPUTS)


def test_the_inputs_reach_every_parser() -> None:
    """A fuzzer whose inputs are all refused at the door proves nothing: most of them are still accounts."""
    for source in DOCUMENTS:
        taken = parsers.share_taken(source, [*seeds(source)], 300)
        assert taken > 0.2, (source, taken)


def test_a_parser_that_breaks_is_told_with_its_input() -> None:
    with pytest.raises(Damaged, match="ZeroDivisionError"):
        assert_survives(parsers.breaking, seeds(), 50)


def test_every_source_has_a_name_of_its_own() -> None:
    assert len(set(formats.SOURCES)) == len(formats.SOURCES)
    with pytest.raises(DeckError):
        formats.offered("a.json", b"{}", "nonsense")


def _array(*documents: bytes) -> bytes:
    return b"[" + b",".join(documents) + b"]"
