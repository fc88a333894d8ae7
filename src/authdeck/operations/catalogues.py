"""The catalogue of models that a home goes by: its own file where it has one, and the settings' exclusions."""

from typing import Final

from authdeck.account import Provider
from authdeck.catalogue import FILE, SHIPPED, Catalogue, read
from authdeck.errors import DeckError
from authdeck.settings import Settings

MAX_BYTES: Final = 1024 * 1024


def of_home(settings: Settings) -> Catalogue:
    """``models.json`` in the home takes the place of the one we ship, whole. Raises ``catalogue_invalid(problem)``."""
    excluded = {
        Provider(name): tuple(sorted({pattern.lower() for pattern in patterns}))
        for name, patterns in settings.excluded_models
        if patterns
    }
    return _read(settings).without(excluded)


def _read(settings: Settings) -> Catalogue:
    try:
        with (settings.home / FILE).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return SHIPPED
    except OSError as error:
        raise DeckError("catalogue_invalid", problem=error.strerror or "unreadable") from None
    if len(content) > MAX_BYTES:
        raise DeckError("catalogue_invalid", problem=f"more than {MAX_BYTES} bytes")
    return read(content)
