"""The one base error. It carries a stable code and parameters, never a sentence.

Sentences live in ``authdeck.wording`` and are rendered at the edge (JSON, HTML, CLI) by one function,
``authdeck.gate.errors.render``. What is no ``DeckError`` means "internal" outside and is logged in full inside.
"""

from typing import Any, Final


class DeckError(Exception):
    """Something a person or client can act on.

    ``code`` is stable and part of the outside contract; ``params`` fill the sentence and are shown as ``details``,
    so no secret may be among them. ``status`` is the HTTP status the edges answer with. ``retry_after`` is in seconds.
    """

    def __init__(self, code: str, /, *, status: int = 400, retry_after: float | None = None, **params: Any) -> None:
        super().__init__(code)
        self.code: Final = code
        self.status: Final = status
        self.retry_after: Final = retry_after
        self.params: Final[dict[str, Any]] = params

    def __str__(self) -> str:
        """Code and parameters, for logs and tracebacks."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.code}({shown})"


class NotFound(DeckError):
    """The thing named does not exist (or not any more)."""

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code, status=404, **params)


class Conflict(DeckError):
    """The thing changed since it was read, or another thing stands in the way."""

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code, status=409, **params)
