"""What Google's errors mean, the same for Gemini keys, Vertex and Antigravity."""

from typing import Final

from authdeck.event import FailureKind
from authdeck.providers.failures import Rule

RULES: Final = (
    Rule(
        FailureKind.AUTH,
        "invalid_credentials",
        frozenset({400, 401, 403}),
        ("api_key_invalid", "api key not valid", "api key expired", "api_key_service_blocked"),
        elsewhere=True,
    ),
    Rule(
        FailureKind.AUTH,
        "validation_required",
        frozenset({403}),
        ("validation_required", "verify your account"),
        elsewhere=True,
    ),
    Rule(
        FailureKind.QUOTA,
        "quota_exhausted",
        frozenset({429}),
        ("quota_exhausted", "perday"),
        elsewhere=True,
        of_model=True,
    ),
)
"""Google counts by model: a day's end for one model says nothing of the others."""
