"""Notifications by Apprise, which knows a hundred services; an optional extra: ``pip install authdeck[apprise]``.

It opens its own connections, in a thread. Source of the calls: Apprise's README, "Developer API Usage".
"""

import asyncio
from importlib.util import find_spec
from typing import Final

from authdeck.errors import DeckError
from authdeck.secret import Secret

_MODULE: Final = "apprise"


def is_installed() -> bool:
    return find_spec(_MODULE) is not None


async def require(url: Secret) -> None:
    """Raises ``apprise_missing`` where it is not installed, ``apprise_url_invalid`` where no service fits the URL."""
    if not is_installed():
        raise DeckError("apprise_missing", status=422)
    if not await asyncio.to_thread(_fits, url):
        raise DeckError("apprise_url_invalid", status=422)


async def notify(url: Secret, title: str, text: str) -> None:
    """Hand the message over. Raises ``apprise_missing``, ``apprise_url_invalid`` and ``notification_unanswered``."""
    await require(url)
    if not await asyncio.to_thread(_send, url, title, text):
        raise DeckError("notification_unanswered", status=502)


def _fits(url: Secret) -> bool:
    import apprise  # noqa: PLC0415 - an extra: it may not be there, and loads all its services at first

    return bool(apprise.Apprise().add(url.open()))


def _send(url: Secret, title: str, text: str) -> bool:
    import apprise  # noqa: PLC0415

    service = apprise.Apprise()
    service.add(url.open())
    return bool(service.notify(title=title, body=text))
