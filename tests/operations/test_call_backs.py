"""Call-back addresses as people paste them, and everything else that may be pasted."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authdeck.errors import DeckError
from authdeck.operations import call_backs

PASTED = (
    "http://localhost:1455/auth/callback?code=ac_FAKE&state=st_FAKE",
    "  https://localhost:1455/auth/callback?state=st_FAKE&scope=a+b&code=ac_FAKE\n",
    "localhost:54545/callback?code=ac_FAKE&state=st_FAKE",
    "/auth/callback?code=ac_FAKE&state=st_FAKE",
    "?code=ac_FAKE&state=st_FAKE",
    "code=ac_FAKE&state=st_FAKE",
    "http://localhost/cb#code=ac_FAKE&state=st_FAKE",
    "http://localhost:54545/callback?code=ac_FAKE%23st_FAKE",
    "ac_FAKE#st_FAKE",
)


@pytest.mark.parametrize("pasted", PASTED)
def test_it_works(pasted):
    back = call_backs.read(pasted)

    assert (back.code, back.state, back.error) == ("ac_FAKE", "st_FAKE", "")


def test_the_provider_refused():
    assert call_backs.read("http://localhost/cb?error=access_denied&state=st_FAKE").error == "access_denied"


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("", "call_back_unreadable"),
        ("hello", "call_back_unreadable"),
        ("http://localhost:1455/auth/callback", "call_back_unreadable"),
        ("http://[localhost?code=a&state=b", "call_back_unreadable"),
        ("http://localhost/cb?code=a&code=b&state=c", "call_back_unreadable"),
        ("two words?code=a&state=b", "call_back_unreadable"),
        ("http://localhost:1455/auth/callback?code=ac_FAKE", "call_back_without_state"),
        ("ac_FAKE#", "call_back_without_state"),
        ("http://localhost:1455/auth/callback?state=st_FAKE", "call_back_without_code"),
        ("#st_FAKE", "call_back_without_code"),
        ("code=" + "a" * call_backs.LONGEST, "call_back_too_long"),
    ],
)
def test_what_is_wrong_is_said(pasted, code):
    with pytest.raises(DeckError, match=code) as refused:
        call_backs.read(pasted)

    assert "FAKE" not in str(refused.value)


@given(st.text() | st.text(alphabet="code=state&#?:/[]%ab ", max_size=60))
@example("http://[::1")
@example("a=b#c#d")
def test_anything_else_is_refused_or_read_whole(pasted):
    try:
        back = call_backs.read(pasted)
    except DeckError as error:
        assert error.code.startswith("call_back_")  # noqa: PT017 - either outcome is right
    else:
        assert back.state
        assert back.code or back.error
