"""How a failure reads on the command line: one sentence, then its code."""

from authdeck.errors import DeckError


class RefusedError(Exception):
    """The server refused, in its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def explain(error: DeckError | RefusedError) -> str:
    if isinstance(error, RefusedError):
        return f"{error.message} ({error.code})"
    from authdeck import wording  # noqa: PLC0415 - reading the catalogues takes time that no other command needs

    return f"{wording.sentence(error.code, error.params)} ({error.code})"
