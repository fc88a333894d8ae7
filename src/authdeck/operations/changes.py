"""The change feed inside this process: who wants to know, and telling them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence

from authdeck.storage.database import Change

Subscriber = Callable[[Sequence[str]], Awaitable[None]]


class ChangeFeed:
    """Subscribers by kind of change. Each has taken in what changed before ``publish`` returns."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = defaultdict(list)

    def subscribe(self, kind: str, subscriber: Callable[[str], Awaitable[None]]) -> None:
        """Call with each subject that changed, one after the other."""

        async def one_by_one(subjects: Sequence[str]) -> None:
            for subject in subjects:
                await subscriber(subject)

        self.subscribe_many(kind, one_by_one)

    def subscribe_many(self, kind: str, subscriber: Subscriber) -> None:
        """Call with all subjects that changed together: for readers who can fetch many at once."""
        self._subscribers[kind].append(subscriber)

    async def publish(self, changes: Iterable[Change]) -> None:
        together: dict[str, list[str]] = defaultdict(list)
        for change in dict.fromkeys(changes):
            together[change.kind].append(change.subject)
        for kind, subjects in together.items():
            for subscriber in self._subscribers[kind]:
                await subscriber(subjects)
