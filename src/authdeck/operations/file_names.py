"""Names that an auth file may have: the rule for who asks before renaming."""

from authdeck.formats import check_name


def require_file_name(name: str) -> None:
    """Raises ``DeckError('file_name_invalid')`` with what is wrong with it."""
    check_name(name)
