"""Identities with their middle left out, for screens that others see. The start and the plan suffix stay readable."""

import re
from typing import Final

from authdeck.account import Provider

DOTS: Final = "•••"
_LEADS: Final = "|".join(provider.value.replace("_", "[-_]") for provider in Provider)
_EMAIL: Final = re.compile(rf"(?P<lead>\b(?:{_LEADS})-)?(?P<local>[^\s@/\\\"“”<>,;]+)@(?=[\w-]+\.)")
_LONG: Final = 14


def masked(text: str) -> str:
    """``codex-ann.lee@example.com.json`` → ``codex-ann•••@example.com.json``. Text without an e-mail stays."""
    return _EMAIL.sub(lambda found: f"{found['lead'] or ''}{_start(found['local'])}{DOTS}@", text)


def masked_id(text: str) -> str:
    """``org-7QdA…x2``: the first seven and the last two characters of a long id."""
    return text if len(text) <= _LONG else f"{text[:7]}…{text[-2:]}"


def _start(local: str) -> str:
    """At most three characters, and never more than half of what is hidden."""
    return local[: min(3, max(1, len(local) // 2 + len(local) % 2))]
