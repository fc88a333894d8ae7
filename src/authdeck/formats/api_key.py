"""Plain API keys as auth files: ``{"type": …, "api_key": …}``, and ``base_url`` where the provider has no fixed one."""

from collections.abc import Mapping
from typing import Any, Final

from authdeck import fields
from authdeck.account import ADDED, Kind, Provider
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats.attributes import lift
from authdeck.formats.document import canonical

SOURCE: Final = "api_key"

TYPES: Final[Mapping[str, Provider]] = {
    "openai_compatible": Provider.OPENAI_COMPATIBLE,
    "openai-compatible": Provider.OPENAI_COMPATIBLE,
    "openai-compatibility": Provider.OPENAI_COMPATIBLE,
    "openai_compatibility": Provider.OPENAI_COMPATIBLE,
    "gemini": Provider.GEMINI,
    "claude": Provider.CLAUDE,
    "anthropic": Provider.CLAUDE,
    "codex": Provider.CODEX,
    "openai": Provider.CODEX,
    "xai": Provider.XAI,
    "kimi": Provider.KIMI,
    "vertex": Provider.VERTEX,
    **{provider.value: provider for provider in ADDED},
}
_KEYS_ONLY: Final = frozenset({Provider.OPENAI_COMPATIBLE, Provider.GEMINI})
_TOKENS: Final = ("access_token", "refresh_token", "session_token")


def recognises(document: Mapping[str, Any]) -> bool:
    """A type of ours with a key and no token; types that have nothing but keys are ours without one too."""
    said = document.get("type")
    provider = TYPES.get(said.strip().lower()) if isinstance(said, str) else None
    if provider is None:
        return False
    found = canonical(document)
    if any(found.get(name) for name in _TOKENS) or isinstance(found.get("service_account"), dict):
        return False
    return provider in _KEYS_ONLY or "api_key" in found


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """The account; its provider's ``validate`` says what it lacks. Raises ``type_missing``, ``type_unknown``."""
    found = canonical(document)
    said = fields.text(found, "type")
    if said is None:
        raise DeckError("type_missing", known=sorted(TYPES))
    if said.lower() not in TYPES:
        raise DeckError("type_unknown", type=said[:64], known=sorted(TYPES))
    lifted = lift(found)
    return Draft(
        provider=TYPES[said.lower()],
        kind=Kind.API_KEY,
        file_name=file_name,
        source=SOURCE,
        content=content,
        document=found,
        settings=lifted.settings,
        secret_settings=lifted.secret_settings,
        disabled=lifted.disabled,
        notes=tuple(lifted.notes),
    )
