"""Asking what is left, as data: what a file here says about it in ``QUOTA``. Builds requests and reads answers.

None of these endpoints is documented: they are as neighbouring tools know them. What can't be read is left unknown.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import __version__, fields, in_passing
from authdeck.credential import Credential
from authdeck.exchange import Outgoing, Reply
from authdeck.providers import sending, waiting
from authdeck.quota import FULL, Accuracy
from authdeck.quota_answer import Told
from authdeck.settings import Providers

USER_AGENT: Final = f"authdeck/{__version__}"
"""We ask as ourselves. An endpoint that answers other programs only leaves us without an answer."""

TIMEOUT: Final = 20.0
SIDE_TIMEOUT: Final = 8.0
"""Seconds for what is only good to know."""

SUCCESS: Final = range(200, 300)

Replies = Mapping[str, Reply]
"""What was answered so far, by the question's name."""


Reset = tuple[datetime | None, Accuracy]


@dataclass(frozen=True, slots=True)
class Question:
    """One request. ``when``: it is worth asking after what was answered. ``is_side``: its failure is nothing."""

    name: str
    ask: Callable[[Credential, Providers], Outgoing]
    when: Callable[[Replies], bool] = lambda _replies: True
    is_side: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """How a provider tells of limits. ``read`` gets all replies and never raises; nothing read is an empty ``Told``.

    ``lacking`` is the code of what an account must have to be asked for, where it lacks it.
    ``use_reset`` spends a reset credit, where there are such: the request, named by an id that makes it count once.
    ``figures`` and ``words`` are what the headers of other answers tell beside windows.
    """

    questions: Sequence[Question]
    read: Callable[[Replies, datetime], Told]
    lacking: Callable[[Credential], str | None] = lambda _credential: None
    use_reset: Callable[[Credential, Providers, str], Outgoing] | None = None
    figures: Callable[[in_passing.Seen], in_passing.Figures] = lambda _seen: in_passing.Figures()
    words: in_passing.Words = in_passing.NO_WORDS


def get(credential: Credential, url: str, *headers: tuple[str, str], timeout: float = TIMEOUT) -> Outgoing:
    return Outgoing(
        "GET", url, [*_usual(credential), *headers], timeout=timeout, proxy_url=credential.sends.proxy_url
    )  # fmt: skip


def post(
    credential: Credential, url: str, body: Mapping[str, Any], *headers: tuple[str, str], timeout: float = TIMEOUT
) -> Outgoing:
    named = [*_usual(credential), ("content-type", "application/json"), *headers]
    return Outgoing(
        "POST", url, named, json.dumps(body).encode(), timeout=timeout, proxy_url=credential.sends.proxy_url
    )


def _usual(credential: Credential) -> sending.Headers:
    return [*sending.authorization(credential), ("accept", "application/json"), ("user-agent", USER_AGENT)]


def answered(*names: str) -> Callable[[Replies], bool]:
    """After these were answered well."""
    return lambda replies: all(name in replies and replies[name].status in SUCCESS for name in names)


# ---- reading ----


def objects(replies: Replies, name: str) -> Mapping[str, Any]:
    """A good answer's JSON object; empty for everything else."""
    reply = replies.get(name)
    if reply is None or reply.status not in SUCCESS:
        return {}
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def part(found: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is there, in snake or camel case."""
    for name in names:
        for spelling in (name, _camel(name)):
            if (value := found.get(spelling)) is not None:
                return value
    return None


def inside(found: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A field that is an object; empty where it is not."""
    value = part(found, *names)
    return value if isinstance(value, dict) else {}


def each(found: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    """The objects of a field that is a list, of a sane number."""
    value = part(found, *names)
    return [one for one in value[:_MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A number, or a text that is one; money may be ``{"val": 123}``."""
    if isinstance(value, dict):
        return number(value.get("val"))
    if isinstance(value, str):
        try:
            value = float(value.strip()) if len(value) <= _LONGEST else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        return None
    return float(value)


def share(used: float | None, limit: float | None, remaining: float | None = None) -> float | None:
    """Percent used, 0-100, from amounts."""
    if limit is None or limit <= 0:
        return None
    if used is None:
        used = None if remaining is None else limit - remaining
    return None if used is None else min(max(used * FULL / limit, 0.0), FULL)


def reset(found: Mapping[str, Any], now: datetime, at: Sequence[str], after: Sequence[str] = ()) -> Reset:
    """When it begins anew: the moment that is told, else the seconds until then."""
    told = waiting.sane(fields.moment(part(found, *at)), now)
    if told is not None:
        return told, Accuracy.EXACT
    left = number(part(found, *after))
    if left is None or not 0 <= left <= waiting.FARTHEST.total_seconds():
        return None, Accuracy.UNKNOWN
    return waiting.sane(now + timedelta(seconds=left), now), Accuracy.DERIVED


_MOST: Final = 64
_LONGEST: Final = 32
_HUGE: Final = 10.0**15


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
