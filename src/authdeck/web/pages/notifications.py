"""Settings, Notifications: where people are told, of what, and what became of each message."""

from collections.abc import Callable, Coroutine
from typing import Any, Final
from zoneinfo import available_timezones

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Actor, Role
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.health import Health
from authdeck.notice import ChannelKind, Kind, Rule, minutes_of, text_of
from authdeck.operations import channels
from authdeck.operations.channels import NewChannel, RuleWish
from authdeck.operations.desk import Desk
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.notices import Channel
from authdeck.web import toasts
from authdeck.web.account_rows import NAMES
from authdeck.web.pages.settings import SECTIONS
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

PATH: Final = "/settings/notifications"
_LOGGED: Final = 30
PutBack = Callable[[Desk, str, Actor], Coroutine[Any, Any, Channel | Rule]]
_DIGESTS: Final = (0, 15, 60, 240, 1440)


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    return await _page(request, changing=request.query_params.get("rule", ""))


@needs(Role.ADMIN)
async def add_channel(request: Request) -> Response:
    """The secret that signs is in this answer and nowhere else."""
    said = await request.form()
    kind = ChannelKind.APPRISE if said.get("kind") == "apprise" else ChannelKind.WEBHOOK
    try:
        made = await channels.add_channel(
            room_of(request).desk,
            str(said.get("channel_name", "")),
            kind,
            str(said.get("url", "")),
            actor_of(request),
            private=said.get("private") == "yes",
        )
    except DeckError as error:
        return await _page(request, error=error, said=said)
    if made.secret is not None:
        return await _page(request, made=made)
    return _back("did_add_channel", name=made.channel.name)


@needs(Role.ADMIN)
async def remove_channel(request: Request) -> Response:
    gone = await channels.remove_channel(room_of(request).desk, request.path_params["id"], actor_of(request))
    return _back("did_remove_channel", Undo(f"{PATH}/channels/{gone.id}/restoration", "restored", PATH), name=gone.name)


@needs(Role.ADMIN)
async def put_channel_back(request: Request) -> Response:
    return await _put_back(request, channels.put_channel_back, "did_put_channel_back")


@needs(Role.OPERATOR)
async def test_channel(request: Request) -> Response:
    """Send a test message now."""
    delivery = await room_of(request).parts.deliverer.test(request.path_params["id"])
    return _back(f"did_deliver.{delivery.status}")


@needs(Role.OPERATOR)
async def add_rule(request: Request) -> Response:
    said = await request.form()
    try:
        made = await channels.add_rule(room_of(request).desk, _wish(request, said), actor_of(request))
    except DeckError as error:
        return await _page(request, error=error, said=said)
    return _back("did_add_rule", name=made.name)


@needs(Role.OPERATOR)
async def change_rule(request: Request) -> Response:
    """All that the form says; its words stay in the language that they had."""
    room, id_, said = room_of(request), request.path_params["id"], await request.form()
    try:
        changes = channels.said_by_wish(_wish(request, said))
        rule = await channels.change_rule(room.desk, id_, changes, actor_of(request))
    except DeckError as error:
        if error.code == "rule_not_found":
            raise
        return await _page(request, error=error, said=said, changing=id_)
    response = _back("did_change_rule", name=rule.name)
    toasts.leave(response, "did_change_rule", {"name": rule.name}, Undo(f"{PATH}/rules/{id_}/undo", "undone", PATH))
    return response


@needs(Role.OPERATOR)
async def undo_rule(request: Request) -> Response:
    rule = await channels.undo_rule(room_of(request).desk, request.path_params["id"], actor_of(request))
    return _back("did_undo_rule", name=rule.name)


@needs(Role.OPERATOR)
async def pause_rule(request: Request) -> Response:
    said = await request.form()
    rule = await channels.pause_rule(
        room_of(request).desk, request.path_params["id"], actor_of(request), paused=said.get("paused") == "yes"
    )
    return _back("did_change_rule", name=rule.name)


@needs(Role.OPERATOR)
async def remove_rule(request: Request) -> Response:
    gone = await channels.remove_rule(room_of(request).desk, request.path_params["id"], actor_of(request))
    return _back("did_remove_rule", Undo(f"{PATH}/rules/{gone.id}/restoration", "restored", PATH), name=gone.name)


@needs(Role.OPERATOR)
async def put_rule_back(request: Request) -> Response:
    return await _put_back(request, channels.put_rule_back, "did_put_rule_back")


@needs(Role.OPERATOR)
async def try_again(request: Request) -> Response:
    """Send a message of the log once more."""
    delivery = await room_of(request).parts.deliverer.try_again(request.path_params["id"])
    return _back(f"did_deliver.{delivery.status}")


def _wish(request: Request, said: FormData) -> RuleWish:
    prefs = room_of(request).pages.preferences(request)
    quiet = [str(said.get(name, "")).strip() for name in ("quiet_from", "quiet_until")]
    kinds = [Kind(str(kind)) for kind in said.getlist("kind") if str(kind) in set(Kind)]
    return RuleWish(
        name=str(said.get("rule_name", "")),
        channel=str(said.get("channel", "")),
        kinds=kinds,
        providers=[str(provider) for provider in said.getlist("provider")],
        states=[str(state) for state in said.getlist("state")],
        below=_number(str(said.get("below", "")), "below") if Kind.QUOTA_LOW in kinds else None,
        digest_minutes=_number(str(said.get("digest", "0")), "digest_minutes") or 0,
        quiet_from=_minutes(quiet[0]),
        quiet_until=_minutes(quiet[1]),
        zone=str(said.get("zone", "")) or "UTC",
        locale=prefs.locale,
    )


def _number(text: str, name: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or len(text.strip()) > 5:  # noqa: PLR2004 - percent, or minutes of a day
        raise DeckError("notification_rule_invalid", status=422, field=name, problem=name)
    return int(text)


def _minutes(text: str) -> int | None:
    if not text:
        return None
    try:
        return minutes_of(text)
    except ValueError:
        raise DeckError("notification_rule_invalid", status=422, field="quiet", problem="quiet") from None


async def _put_back(request: Request, put_back: PutBack, said: str) -> Response:
    try:
        found = await put_back(room_of(request).desk, request.path_params["id"], actor_of(request))
    except DeckError as error:
        return await _page(request, error=error)
    return _back(said, name=found.name)


def _back(code: str, undo: Undo | None = None, **params: str) -> Response:
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, code, params, undo)
    return response


async def _page(
    request: Request,
    *,
    made: NewChannel | None = None,
    error: DeckError | None = None,
    said: FormData | None = None,
    changing: str = "",
) -> Response:
    room = room_of(request)
    prefs = room.pages.preferences(request)

    def read(connection: ReadConnection) -> tuple[list[reading.Channel], list[Rule], list[reading.Delivery]]:
        return reading.channels(connection), reading.rules(connection), reading.log(connection, limit=_LOGGED)

    known, rules, log = await room.desk.read(read)
    changed = next((rule for rule in rules if rule.id == changing), None)
    typed, ticked = ({}, set()) if changed is None else _filled(changed)
    if said is not None:
        typed = {name: str(value) for name, value in said.items()}
        ticked = {str(value) for name in ("kind", "provider", "state") for value in said.getlist(name)}
    response = room.pages.answer(
        request,
        "settings/notifications.html",
        section="settings",
        part="notifications",
        parts=SECTIONS,
        status=200 if error is None else error.status,
        error=None if error is None else wording.sentence(error.code, error.params, prefs.locale),
        typed=typed,
        ticked=ticked,
        changing=changed,
        channels=known,
        channel_names={channel.id: channel.name for channel in known},
        rules_of={channel.id: [rule.name for rule in rules if rule.channel == channel.id] for channel in known},
        made=made,
        rules=rules,
        rule_names={rule.id: rule.name for rule in rules},
        log=[(each, _why(each, prefs.locale)) for each in log],
        kinds=list(Kind),
        states=[each.value for each in Health],
        provider_names=list(NAMES.items()),
        digests=_DIGESTS,
        text_of=text_of,
        zone=prefs.zone_name or "UTC",
        zones=sorted(available_timezones()),
        may_decide=actor_of(request).role >= Role.ADMIN,
    )
    response.headers["cache-control"] = "no-store"
    return response


def _filled(rule: Rule) -> tuple[dict[str, str], set[str]]:
    """The form's fields as the rule has them."""
    said = {
        "rule_name": rule.name,
        "channel": rule.channel,
        "below": "" if rule.below is None else str(rule.below),
        "digest": str(rule.digest_minutes),
        "quiet_from": "" if rule.quiet_from is None else text_of(rule.quiet_from),
        "quiet_until": "" if rule.quiet_until is None else text_of(rule.quiet_until),
        "zone": rule.zone,
    }
    return said, {*rule.kinds, *rule.providers, *rule.states}


def _why(delivery: reading.Delivery, locale: str) -> str:
    if not delivery.error:
        return ""
    return wording.sentence(delivery.error["code"], delivery.error["params"], locale)


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/channels", add_channel, methods=["POST"]),
    Route(f"{PATH}/channels/{{id}}/removal", remove_channel, methods=["POST"]),
    Route(f"{PATH}/channels/{{id}}/restoration", put_channel_back, methods=["POST"]),
    Route(f"{PATH}/channels/{{id}}/test", test_channel, methods=["POST"]),
    Route(f"{PATH}/rules", add_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{id}}", change_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{id}}/undo", undo_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{id}}/pause", pause_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{id}}/removal", remove_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{id}}/restoration", put_rule_back, methods=["POST"]),
    Route(f"{PATH}/deliveries/{{id}}/retry", try_again, methods=["POST"]),
)
