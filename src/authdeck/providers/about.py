"""What a provider is called, and what is true of all its sign-ins: ``ABOUT`` in its file."""

from dataclasses import dataclass
from typing import Final

BOTH: Final = frozenset({"organization", "subject"})


@dataclass(frozen=True, slots=True)
class About:
    """``title`` is its name as people write it, ``letters`` are the two of its mark.

    ``whole`` are the claims that together name one account for good. ``names_users``: two subjects are two users;
    where false, a subject names one sign-in at most. ``rotates``: a refresh token works once, so that
    a copy of it is stale as soon as the original was used. ``terms`` is what an added one's terms
    mean for serving with a sign-in; of ours the sentences ``terms.<provider>`` say it.
    """

    title: str
    letters: str
    whole: frozenset[str] = BOTH
    rotates: bool = True
    names_users: bool = True
    terms: str | None = None
