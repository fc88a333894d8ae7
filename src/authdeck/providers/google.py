"""What Google's errors mean, the same for Gemini keys, Vertex and Antigravity."""

from typing import Final

from authdeck.evidence import Signal
from authdeck.verdict import Rule

RULES: Final = (
    Rule(
        Signal.CREDENTIAL,
        "invalid_credentials",
        frozenset({400, 401, 403}),
        ("api_key_invalid", "api key not valid", "api key expired", "api_key_service_blocked"),
    ),
    Rule(Signal.REVIEW, "validation_required", frozenset({403}), ("validation_required", "verify your account")),
    Rule(
        Signal.QUOTA,
        "quota_exhausted",
        frozenset({429}),
        ("quota_exhausted", "perday", "generaterequestsperdayperprojectpermodel"),
        of_model=True,
    ),
)
"""Google counts by model: a day's end for one model says nothing of the others."""
