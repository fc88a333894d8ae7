"""``/notifications``: where people are told, of what, and what became of each message."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.account import Provider
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import Because, Listing, Shape, Time
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.health import Health
from authdeck.notice import ChannelKind, Kind, Rule, minutes_of, text_of
from authdeck.operations import channels as operations
from authdeck.operations.channels import RuleWish
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.notices import Channel, Delivery

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=Limited)

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
TimeOfDay = Annotated[str, Field(pattern="^[0-2][0-9]:[0-5][0-9]$", description="Such as `22:00`.")]


class NewChannel(BaseModel):
    """``url`` is sealed. ``private``: a webhook in one's own network, which may be plain http."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    kind: ChannelKind
    url: str = Field(min_length=1, max_length=operations.LONGEST_URL)
    private: bool = False


class ChannelShape(Shape):
    """``display`` is scheme and host; the rest of the URL is shown to nobody."""

    id: str
    name: str
    kind: str
    display: str
    private: bool
    created_by: str
    created_at: Time


class MadeChannelShape(ChannelShape):
    """``secret`` signs its webhooks; it is in this answer and nowhere else."""

    secret: str | None


class NewRule(BaseModel):
    """``below``: percent left, for ``quota_low``. ``states``: only changes to these. Empty lists are all."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    channel: str = Field(max_length=32)
    kinds: list[Kind]
    providers: list[Provider] = []
    states: list[Health] = []
    below: int | None = None
    digest_minutes: int = 0
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    zone: str = Field("UTC", max_length=64)
    locale: Literal["en", "zh-CN"] = "en"


class RuleChange(BaseModel):
    """What is to be otherwise; ``null`` clears, absent leaves."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=200)
    channel: str | None = Field(None, max_length=32)
    kinds: list[Kind] | None = None
    providers: list[Provider] | None = None
    states: list[Health] | None = None
    below: int | None = None
    digest_minutes: int | None = None
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    zone: str | None = Field(None, max_length=64)
    locale: Literal["en", "zh-CN"] | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """As ``RuleWish`` takes them; what is cleared becomes what it is where nothing is said."""
        said: dict[str, Any] = self.model_dump(exclude_unset=True)
        said |= {name: _minutes(said[name]) for name in ("quiet_from", "quiet_until") if name in said}
        return {name: _CLEARED.get(name) if value is None else value for name, value in said.items()}


_CLEARED: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("name", "channel"), ""),
    **dict.fromkeys(("kinds", "providers", "states"), ()),
    "digest_minutes": 0,
    "zone": "UTC",
    "locale": "en",
}


class RuleShape(Shape):
    id: str
    name: str
    channel: str
    kinds: list[str]
    providers: list[str]
    states: list[str]
    below: int | None
    digest_minutes: int
    quiet_from: str | None
    quiet_until: str | None
    zone: str
    locale: str
    paused: bool
    created_by: str


class DeliveryShape(Shape):
    """``status``: waiting, delivered or failed. ``next_at`` is when it is tried (again); ``message`` what is sent."""

    id: str
    channel: str
    rule: str | None
    status: str
    attempts: int
    next_at: Time | None
    error: Because | None
    created_at: Time
    ended_at: Time | None
    message: dict[str, Any]


@router.get("/channels")
@needs(Role.VIEWER)
async def channels(desk: DeskHere) -> Listing[ChannelShape]:
    found = [_channel(each) for each in await desk.read(reading.channels)]
    return Listing(items=found, total=len(found))


@router.post("/channels", status_code=201)
@needs(Role.ADMIN)
async def add_channel(asked: NewChannel, desk: DeskHere, actor: ActorHere) -> MadeChannelShape:
    """A webhook, or an Apprise URL where Apprise is installed."""
    made = await operations.add_channel(desk, asked.name, asked.kind, asked.url, actor, private=asked.private)
    secret = made.secret.open() if made.secret else None
    return MadeChannelShape(**_channel(made.channel).model_dump(), secret=secret)


@router.delete("/channels/{channel_id}", status_code=204)
@needs(Role.ADMIN)
async def remove_channel(channel_id: Id, desk: DeskHere, actor: ActorHere) -> None:
    """With its rules and its log. For a day it can be put back."""
    await operations.remove_channel(desk, channel_id, actor)


@router.post("/channels/{channel_id}/restoration")
@needs(Role.ADMIN)
async def put_channel_back(channel_id: Id, desk: DeskHere, actor: ActorHere) -> ChannelShape:
    """Put a channel back that was removed within a day, with the rules that went with it. Idempotent."""
    return _channel(await operations.put_channel_back(desk, channel_id, actor))


@router.post("/channels/{channel_id}/test")
@needs(Role.OPERATOR)
async def test_channel(channel_id: Id, parts: PartsHere, eyes: EyesHere) -> DeliveryShape:
    """Send a message that says it is a test, now."""
    return _delivery(await parts.deliverer.test(channel_id), eyes)


@router.get("/rules")
@needs(Role.VIEWER)
async def rules(desk: DeskHere) -> Listing[RuleShape]:
    found = [_rule(each) for each in await desk.read(reading.rules)]
    return Listing(items=found, total=len(found))


@router.post("/rules", status_code=201)
@needs(Role.OPERATOR)
async def add_rule(asked: NewRule, desk: DeskHere, actor: ActorHere) -> RuleShape:
    quiet = {name: _minutes(getattr(asked, name)) for name in ("quiet_from", "quiet_until")}
    return _rule(await operations.add_rule(desk, RuleWish(**{**asked.model_dump(), **quiet}), actor))


@router.patch("/rules/{rule_id}")
@needs(Role.OPERATOR)
async def change_rule(rule_id: Id, asked: RuleChange, desk: DeskHere, actor: ActorHere) -> RuleShape:
    """Fields as for a new rule; absent ones stay. Can be undone."""
    return _rule(await operations.change_rule(desk, rule_id, asked.changes, actor))


@router.post("/rules/{rule_id}/undo")
@needs(Role.OPERATOR)
async def undo_rule(rule_id: Id, desk: DeskHere, actor: ActorHere) -> RuleShape:
    """Have it say what it said before its last change; once more: what it said after it."""
    return _rule(await operations.undo_rule(desk, rule_id, actor))


@router.delete("/rules/{rule_id}", status_code=204)
@needs(Role.OPERATOR)
async def remove_rule(rule_id: Id, desk: DeskHere, actor: ActorHere) -> None:
    """For a day it can be put back."""
    await operations.remove_rule(desk, rule_id, actor)


@router.post("/rules/{rule_id}/restoration")
@needs(Role.OPERATOR)
async def put_rule_back(rule_id: Id, desk: DeskHere, actor: ActorHere) -> RuleShape:
    """Put a rule back that was removed within a day. Idempotent."""
    return _rule(await operations.put_rule_back(desk, rule_id, actor))


@router.put("/rules/{rule_id}/pause")
@needs(Role.OPERATOR)
async def pause(rule_id: Id, desk: DeskHere, actor: ActorHere) -> RuleShape:
    """Tell nobody for now; what waits is forgotten."""
    return _rule(await operations.pause_rule(desk, rule_id, actor, paused=True))


@router.delete("/rules/{rule_id}/pause")
@needs(Role.OPERATOR)
async def resume(rule_id: Id, desk: DeskHere, actor: ActorHere) -> RuleShape:
    return _rule(await operations.pause_rule(desk, rule_id, actor, paused=False))


@router.get("/deliveries")
@needs(Role.VIEWER)
async def deliveries(
    desk: DeskHere,
    eyes: EyesHere,
    channel: Annotated[str | None, Query(max_length=32)] = None,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{0,9}$")] = None,
) -> Listing[DeliveryShape]:
    """Messages of the last 30 days, newest first."""
    start = int(cursor or 0)
    found, total = await desk.read(
        lambda c: (
            reading.log(c, limit=page_size, start=start, channel_id=channel),
            reading.count_deliveries(c, channel),
        )
    )
    end = start + page_size
    return Listing(items=[_delivery(each, eyes) for each in found], total=total, next=str(end) if end < total else None)


@router.post("/deliveries/{delivery_id}/retry")
@needs(Role.OPERATOR)
async def retry(delivery_id: Id, parts: PartsHere, eyes: EyesHere) -> DeliveryShape:
    """Send it once more, under the same id. One that was delivered stays as it is."""
    return _delivery(await parts.deliverer.try_again(delivery_id), eyes)


def _minutes(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return minutes_of(text)
    except ValueError:
        raise DeckError("notification_rule_invalid", status=422, field="quiet", problem="quiet") from None


def _channel(channel: Channel) -> ChannelShape:
    return ChannelShape(
        id=channel.id,
        name=channel.name,
        kind=channel.kind.value,
        display=channel.display,
        private=channel.private,
        created_by=channel.created_by,
        created_at=channel.created_at,
    )


def _rule(rule: Rule) -> RuleShape:
    return RuleShape(
        id=rule.id,
        name=rule.name,
        channel=rule.channel,
        kinds=sorted(rule.kinds),
        providers=sorted(rule.providers),
        states=sorted(rule.states),
        below=rule.below,
        digest_minutes=rule.digest_minutes,
        quiet_from=None if rule.quiet_from is None else text_of(rule.quiet_from),
        quiet_until=None if rule.quiet_until is None else text_of(rule.quiet_until),
        zone=rule.zone,
        locale=rule.locale,
        paused=rule.paused,
        created_by=rule.created_by,
    )


def _delivery(delivery: Delivery, eyes: Eyes) -> DeliveryShape:
    error = None if delivery.error is None else eyes.because(delivery.error["code"], delivery.error["params"])
    return DeliveryShape(
        id=delivery.id,
        channel=delivery.channel,
        rule=delivery.rule,
        status=delivery.status,
        attempts=delivery.attempts,
        next_at=delivery.next_at,
        error=error,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at,
        message=dict(delivery.message),
    )
