"""Changing settings while authdeck runs: kept in the database, in force in every process, told in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck import adjustable
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.adjustable import ADJUSTABLE, Adjustable, Value
from authdeck.errors import Conflict
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.adjusted import Adjusted, adjusted
from authdeck.storage.writing import adjusted as writing

CHANGE: Final = "setting"
"""The kind of change that the feed tells."""


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting as it is now.

    ``source``: ``default``, ``console`` (an admin set it, here or by API or command line), or where it was given when
    authdeck started: ``flag``, ``environment``, ``file``. ``default`` is what is in force when nobody set it.
    """

    setting: Adjustable
    value: Value
    default: Value
    source: str
    by: str | None = None
    at: datetime | None = None

    @property
    def locked(self) -> bool:
        return self.source not in {"default", "console"}


async def shown(desk: Desk) -> list[InForce]:
    """All adjustable settings, in the order of their pages."""
    kept = await desk.read(adjusted)
    return [_in_force(desk, setting, kept.get(setting.name)) for setting in ADJUSTABLE]


async def take_in(desk: Desk) -> None:
    """Put in force what is kept: at the start, and when any process changed it."""
    kept = await desk.read(adjusted)
    desk.settings = adjustable.in_force(desk.started, {name: each.value for name, each in kept.items()})


async def change(desk: Desk, wanted: Mapping[str, object], actor: Actor) -> dict[str, Value | None]:
    """Set each named setting; ``None`` goes back to the default. All or none; in force before this returns.

    Returns what was kept before of those that differ now: the same call with it takes the change back.
    Raises ``setting_unknown``, ``setting_refused`` and 409 ``setting_locked``.
    """
    asked = {name: _read(desk, name, value) for name, value in wanted.items()}

    def work(connection: WriteConnection) -> dict[str, Value | None]:
        kept = adjusted(connection)
        before: dict[str, Value | None] = {}
        for name, value in asked.items():
            setting, was = adjustable.named(name), kept.get(name)
            if (was is None) is (value is None) and (was is None or was.value == value):
                continue
            before[name] = None if was is None else setting.read(was.value)
            _store(desk, connection, setting, was, value, actor)
        return before

    return await desk.write(work)


def _store(
    desk: Desk,
    connection: WriteConnection,
    setting: Adjustable,
    was: Adjusted | None,
    value: Value | None,
    actor: Actor,
) -> None:
    default = setting.of(desk.started)
    if value is None:
        writing.drop(connection, setting.name)
    else:
        writing.keep(connection, setting.name, value, by=actor.name, at=desk.now())
    before, after = (default if was is None else was.value), (default if value is None else value)
    act = Act.SETTING_CHANGED
    record(desk, connection, actor, act, setting.name, before={"value": before}, after={"value": after})
    changed(desk, connection, CHANGE, setting.name)


def _read(desk: Desk, name: str, value: object) -> Value | None:
    setting = adjustable.named(name)
    if setting.name in desk.started.given:
        raise Conflict("setting_locked", setting=name, variable=setting.variable)
    return None if value is None else setting.read(value)


def _in_force(desk: Desk, setting: Adjustable, kept: Adjusted | None) -> InForce:
    value, default = setting.of(desk.settings), setting.of(desk.started)
    if given := desk.started.given.get(setting.name):
        return InForce(setting, value, default, given)
    if kept is None:
        return InForce(setting, value, default, "default")
    return InForce(setting, value, default, "console", kept.by, kept.at)
