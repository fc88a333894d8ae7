"""``/settings``: what an admin may change while authdeck runs, where each value comes from, and changing it."""

from typing import Annotated

from fastapi import APIRouter, Body

from authdeck import wording
from authdeck.access import Role
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import adjust
from authdeck.operations.adjust import InForce
from authdeck.operations.desk import Desk

router = APIRouter(prefix="/settings", tags=["settings"], route_class=Limited)

Given = Annotated[dict[str, bool | float | str | None], Body(max_length=200)]


class SettingShape(Shape):
    """``value`` is in force; ``default`` would be without any change. ``least`` and ``most`` are allowed themselves.

    ``source``: ``default``, ``console`` (changed while running), or where it was given at the start, and is locked:
    ``flag``, ``environment``, ``file``. ``variable`` sets it there.
    """

    name: str
    section: str
    meaning: str
    kind: str
    value: bool | int | float | str
    default: bool | int | float | str
    least: float | None
    most: float | None
    choices: list[str]
    source: str
    locked: bool
    variable: str
    changed_by: str | None
    changed_at: Time | None


@router.get("")
@needs(Role.ADMIN)
async def settings(desk: DeskHere, eyes: EyesHere) -> Listing[SettingShape]:
    """Every setting that can be changed while authdeck runs."""
    return await _all(desk, eyes)


@router.patch("")
@needs(Role.ADMIN)
async def change(given: Given, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> Listing[SettingShape]:
    """``{name: value}``; ``null`` goes back to the default. All or none, in force at once, told in the audit."""
    await adjust.change(desk, given, actor)
    return await _all(desk, eyes)


async def _all(desk: Desk, eyes: Eyes) -> Listing[SettingShape]:
    items = [_shape(one, eyes) for one in await adjust.shown(desk)]
    return Listing(items=items, total=len(items))


def _shape(one: InForce, eyes: Eyes) -> SettingShape:
    setting = one.setting
    return SettingShape(
        name=setting.name,
        section=setting.section,
        meaning=wording.sentence(f"setting.{setting.name}", {}, eyes.locale),
        kind=setting.kind.value,
        value=one.value,
        default=one.default,
        least=setting.least,
        most=setting.most,
        choices=list(setting.choices),
        source=one.source,
        locked=one.locked,
        variable=setting.variable,
        changed_by=one.by,
        changed_at=one.at,
    )
