"""The signs by which a lane knows that the provider may be ending a family of sign-ins."""

import pytest

from authdeck.operations.refresh_lanes import Outcome, Row, Signs


@pytest.mark.parametrize(
    ("reasons", "stops"),
    [
        (["refresh_token_reused"], True),
        (["token_revoked"], True),
        (["invalid_grant"], False),
        (["invalid_grant", "invalid_grant"], True),
        (["invalid_grant", None, "invalid_grant"], False),
        ([None, None], False),
        (["refresh_answer_lost"], True),
    ],
)
def test_signs(reasons: list[str | None], stops: bool) -> None:
    signs = Signs()
    for reason in reasons:
        code = "refresh_answer_lost" if reason == "refresh_answer_lost" else "refresh_refused"
        failed = Row("a", Outcome.FAILED, code, {"reason": reason})
        signs.saw(failed if reason else Row("a", Outcome.REFRESHED))
    assert signs.is_stopped is stops


def test_a_failure_that_passes_is_no_sign() -> None:
    signs = Signs()
    for _ in range(5):
        signs.saw(Row("a", Outcome.FAILED, "refresh_failed", {"reason": "http_503"}))
    assert not signs.is_stopped
