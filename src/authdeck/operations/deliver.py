"""Delivering notifications: what waits becomes messages, and messages are sent, by one process at a time.

A message is claimed before it is sent, by compare-and-set and with the moment of its next try: two processes never
send one, and one whose process died is tried again then, under the same id.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from authdeck import ids
from authdeck.errors import DeckError, NotFound
from authdeck.exchange import Outgoing
from authdeck.metrics import NOTIFICATIONS
from authdeck.notice import TOLD_EACH, ChannelKind, message, wait_after
from authdeck.operations import channels
from authdeck.operations.desk import Desk
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.notices import Channel, Delivery
from authdeck.storage.writing import notices as writing
from authdeck.storage.writing import refreshing
from authdeck.upstream import apprise
from authdeck.upstream.calls import Calls
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.origins import Origins
from authdeck.vault.signing import signature

Say = Callable[[Mapping[str, Any], str], tuple[str, str]]
"""A message's title and text, in a language."""

AT_ONCE: Final = 8
ROUNDS: Final = 5
TIMEOUT: Final = 8.0
"""Seconds a receiver has. With ``ROUNDS`` it stays within the lease."""

_LEASE: Final = "job:notify"
_LEASE_SECONDS: Final = 60
_PASSING: Final = frozenset({408, 409, 425, 429})
"""Refusals that pass; another 4xx is for good."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a try ended. ``error`` is a code with parameters, none of them secret."""

    delivery: Delivery
    error: DeckError | None = None
    is_final: bool = False


class Deliverer:
    """``load`` before ``run``; ``run`` by the timetable. ``calls`` may only go where ``origins`` says."""

    def __init__(self, desk: Desk, origins: Origins, calls: Calls, say: Say) -> None:
        self._desk: Final = desk
        self._origins: Final = origins
        self._calls: Final = calls
        self._say: Final = say
        desk.feed.subscribe(channels.CHANGE, self._changed)

    async def load(self) -> None:
        """Where messages may go is where channels lead."""
        found = await self._desk.read(reading.channels)
        webhooks = (each for each in found if each.kind is ChannelKind.WEBHOOK)
        self._origins.replace(map(channels.approval, webhooks))

    async def _changed(self, _channel: str) -> None:
        await self.load()

    async def run(self) -> int:
        """Make and send what is due. How many were sent. One process at a time does it."""
        desk = self._desk
        if not await desk.read(partial(reading.has_work, now=desk.now())):
            return 0
        fence = await desk.write(self._take_turn)
        if fence is None:
            return 0
        try:
            await desk.write(self._make)
            return await self._send_due(fence)
        finally:
            await desk.write(lambda connection: refreshing.release_lease(connection, _LEASE, desk.boot, fence))

    async def test(self, channel_id: str) -> Delivery:
        """Send a message that says it is a test. How that went so far. Raises ``NotFound('channel_not_found')``."""
        desk, id_ = self._desk, ids.new_id()

        def work(connection: WriteConnection) -> None:
            if reading.channel(connection, channel_id) is None:
                raise NotFound("channel_not_found", id=channel_id[:64])
            told = message(id_, "", (), {"test": 1}, desk.now())
            self._add(connection, id_, channel_id, None, told, "en")

        await desk.write(work)
        await self.run()
        return await self._delivery(id_)

    async def try_again(self, delivery_id: str) -> Delivery:
        """Send it once more, because a person asks. Raises ``NotFound('delivery_not_found')``."""
        found = await self._delivery(delivery_id)
        if found.status != "delivered":
            now = self._desk.now()
            await self._desk.write(lambda connection: writing.try_again(connection, delivery_id, now))
            await self.run()
        return await self._delivery(delivery_id)

    async def prune(self) -> None:
        """Forget what is old."""
        before = self._desk.now() - channels.LOG_KEPT
        await self._desk.write(lambda connection: writing.prune(connection, before))

    # ---- making messages ----

    def _take_turn(self, connection: WriteConnection) -> int | None:
        return refreshing.take_lease(connection, _LEASE, self._desk.boot, _LEASE_SECONDS)

    def _make(self, connection: WriteConnection) -> None:
        """One message of all that waits for a rule whose time has come."""
        now, oldest = self._desk.now(), reading.oldest_waiting(connection)
        for rule in reading.rules(connection):
            if rule.id not in oldest or rule.due_at(oldest[rule.id]) > now:
                continue
            named, counts, last = reading.waiting(connection, rule.id, TOLD_EACH)
            id_ = ids.new_id()
            self._add(connection, id_, rule.channel, rule.id, message(id_, rule.name, named, counts, now), rule.locale)
            writing.forget_waiting(connection, rule.id, last, now)

    def _add(
        self,
        connection: WriteConnection,
        id_: str,
        channel: str,
        rule: str | None,
        told: Mapping[str, Any],
        locale: str,
    ) -> None:
        title, text = self._say(told, locale)
        now, whole = self._desk.now(), {**told, "title": title, "text": text}
        made = Delivery(id_, channel, rule, "waiting", whole, told["count"], 0, now, None, now, None)
        writing.add_delivery(connection, made)

    # ---- sending them ----

    async def _send_due(self, fence: int) -> int:
        sent = 0
        for _ in range(ROUNDS):
            claimed = await self._desk.write(partial(self._claim, fence))
            if not claimed:
                break
            ended = await asyncio.gather(*(self._try(delivery, channel) for delivery, channel in claimed))
            await self._desk.write(partial(self._note, ended))
            sent += sum(each.error is None for each in ended)
        return sent

    def _claim(self, fence: int, connection: WriteConnection) -> list[tuple[Delivery, Channel]]:
        if not refreshing.holds_lease(connection, _LEASE, self._desk.boot, fence):
            return []
        now = self._desk.now()
        by_id = {each.id: each for each in reading.channels(connection)}
        claimed = []
        for delivery in reading.due(connection, now, AT_ONCE):
            wait = wait_after(delivery.attempts + 1)
            if writing.claim(connection, delivery, now + wait if wait else None, now):
                claimed.append((delivery, by_id[delivery.channel]))
        return claimed

    async def _try(self, delivery: Delivery, channel: Channel) -> _Ended:
        try:
            where = channels.opened(self._desk, channel)
            if channel.kind is ChannelKind.APPRISE:
                await apprise.notify(where.url, delivery.message["title"], delivery.message["text"])
                return _Ended(delivery)
            return await self._post(delivery, where)
        except UpstreamFailure as error:
            return _Ended(delivery, error)
        except DeckError as error:
            return _Ended(delivery, error, is_final=error.code != "notification_unanswered")
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            _log.exception("notification failed", delivery=delivery.id)
            return _Ended(delivery, DeckError("internal"))

    async def _post(self, delivery: Delivery, where: channels.Opened) -> _Ended:
        assert where.secret is not None
        body = json.dumps(delivery.message, ensure_ascii=False, separators=(",", ":")).encode()
        at = int(self._desk.now().timestamp())
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "authdeck"),
            ("X-Authdeck-Delivery", delivery.id),
            ("X-Authdeck-Timestamp", str(at)),
            ("X-Authdeck-Signature", signature(where.secret, at, body)),
        ]
        reply = await self._calls.send(Outgoing("POST", where.url.open(), headers, body, TIMEOUT))
        if 200 <= reply.status < 300:  # noqa: PLR2004 - a success
            return _Ended(delivery)
        is_final = 400 <= reply.status < 500 and reply.status not in _PASSING  # noqa: PLR2004 - the receiver's refusal
        return _Ended(delivery, DeckError("notification_refused", upstream_status=reply.status), is_final=is_final)

    def _note(self, ended: Sequence[_Ended], connection: WriteConnection) -> None:
        kinds = {each.id: each.kind for each in reading.channels(connection)}
        for each in ended:
            attempts = each.delivery.attempts + 1
            is_over = each.is_final or wait_after(attempts) is None
            status = "delivered" if each.error is None else "failed" if is_over else "waiting"
            error = {"code": each.error.code, "params": _plain(each.error.params)} if each.error else None
            writing.end_try(connection, each.delivery.id, attempts, status=status, at=self._desk.now(), error=error)
            outcome = "delivered" if each.error is None else "given_up" if is_over else "failed"
            if each.delivery.channel in kinds:
                NOTIFICATIONS.labels(kinds[each.delivery.channel].value, outcome).inc()

    async def _delivery(self, id_: str) -> Delivery:
        def work(connection: ReadConnection) -> Delivery:
            found = reading.delivery(connection, id_)
            if found is None:
                raise NotFound("delivery_not_found", id=id_[:64])
            return found

        return await self._desk.read(work)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if isinstance(value, str | int | float | bool)}
