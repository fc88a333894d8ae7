"""Schedules: who begins a run when, by itself and across processes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck.errors import DeckError
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.inspections import StoredInspection
from authdeck.storage.writing import schedules as writing
from fakes.clock import NOON, SetClock
from fakes.people import ANN
from fakes.shops import new_vault, open_shop, simulated
from operations.test_inspections import Clinic, clinic_of

HOURLY = {"name": "Codex hourly", "timing": {"every": 60}, "selection": {"provider": "codex"}}


@pytest_asyncio.fixture
async def clinic(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Clinic]:
    with simulated(clock, AUTHDECK_QUOTA__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as shop:
            made = clinic_of(shop)
            await made.move_in("ann", "bob")
            yield made


async def runs(clinic: Clinic) -> list[StoredInspection]:
    found, _ = await clinic.shop.desk.read(lambda connection: reading.newest(connection, limit=50))
    return found


async def settled(clinic: Clinic) -> list[StoredInspection]:
    for run in await runs(clinic):
        await clinic.inspecting.runner.carry_on(run.id)
    return await runs(clinic)


async def test_it_works(clinic: Clinic) -> None:
    made = await clinic.inspecting.schedules.create(HOURLY, ANN)
    assert (made.policy["may"], made.policy["refresh"], made.next_at) == ([], False, NOON.replace(hour=13))
    await clinic.inspecting.schedules.begin_due()
    assert await runs(clinic) == []
    clinic.shop.clock.move(minutes=60)
    await clinic.inspecting.schedules.begin_due()
    (run,) = await settled(clinic)
    assert (run.schedule, run.schedule_name, run.actor) == (made.key, "Codex hourly", "authdeck")
    assert (run.status, run.done, run.dry_run) == ("completed", 2, False)
    assert (await clinic.inspecting.schedules.one(made.key)).next_at == NOON.replace(hour=14)


async def test_what_was_missed_is_one_run(clinic: Clinic) -> None:
    await clinic.inspecting.schedules.create(HOURLY, ANN)
    clinic.shop.clock.move(hours=7, minutes=10)
    await clinic.inspecting.schedules.begin_due()
    await clinic.inspecting.schedules.begin_due()
    assert len(await settled(clinic)) == 1


async def test_a_schedule_has_one_open_run_at_a_time(clinic: Clinic) -> None:
    made = await clinic.inspecting.schedules.create(HOURLY, ANN)
    clinic.shop.clock.move(minutes=60)
    clinic.shop.simulator.fail(path="/wham/usage", stall_after_events=0, times=None)
    await clinic.inspecting.schedules.begin_due()
    clinic.shop.clock.move(minutes=60)
    await clinic.inspecting.schedules.begin_due()
    assert len(await runs(clinic)) == 1
    assert (await clinic.inspecting.schedules.one(made.key)).next_at == NOON.replace(hour=15)
    clinic.shop.simulator.release()
    clinic.shop.simulator.heal()
    await settled(clinic)


async def test_one_kept_with_the_order_of_a_list_goes_on(clinic: Clinic) -> None:
    """As they could be made once; now such words choose nobody and are refused."""
    schedules = clinic.inspecting.schedules
    made = await schedules.create(HOURLY, ANN)
    old = {"selection": {"provider": "codex", "sort": "-name", "page_size": "10"}}
    await clinic.shop.desk.write(lambda connection: writing.change(connection, made.key, old))
    await schedules.change(made.key, {"enabled": False}, ANN)
    changed = await schedules.change(made.key, {"enabled": True}, ANN)
    assert changed.selection == {"provider": "codex"}
    await clinic.shop.desk.write(lambda connection: writing.change(connection, made.key, old))
    clinic.shop.clock.move(minutes=60)
    await schedules.begin_due()
    (run,) = await settled(clinic)
    assert run.done == 2
    with pytest.raises(DeckError) as refused:
        await schedules.change(made.key, old, ANN)
    assert refused.value.code == "selection_no_filter"


async def test_whom_it_is_about_is_read_anew_each_time(clinic: Clinic) -> None:
    await clinic.inspecting.schedules.create({**HOURLY, "selection": {"provider": "kimi"}}, ANN)
    clinic.shop.clock.move(minutes=60)
    await clinic.inspecting.schedules.begin_due()
    assert await runs(clinic) == []
    await clinic.move_in("kim", provider="kimi")
    clinic.shop.clock.move(minutes=60)
    await clinic.inspecting.schedules.begin_due()
    (run,) = await settled(clinic)
    assert run.total == 1


async def test_switched_off_it_begins_nothing(clinic: Clinic) -> None:
    schedules = clinic.inspecting.schedules
    made = await schedules.create(HOURLY, ANN)
    off = await schedules.change(made.key, {"enabled": False}, ANN)
    assert off.next_at is None
    clinic.shop.clock.move(hours=5)
    await schedules.begin_due()
    assert await runs(clinic) == []
    on = await schedules.change(made.key, {"enabled": True}, ANN)
    assert on.next_at == NOON.replace(hour=18)


async def test_deleted_its_runs_stay(clinic: Clinic) -> None:
    schedules = clinic.inspecting.schedules
    made = await schedules.create(HOURLY, ANN)
    clinic.shop.clock.move(minutes=60)
    await schedules.begin_due()
    await settled(clinic)
    await schedules.delete(made.key, ANN)
    (run,) = await runs(clinic)
    assert (run.schedule, run.schedule_name) == (None, "Codex hourly")
    with pytest.raises(DeckError, match="schedule_not_found"):
        await schedules.one(made.key)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "schedule_invalid"),
        ({"name": "x" * 101}, "schedule_invalid"),
        ({"timing": {"every": 1}}, "timing_invalid"),
        ({"timing": None}, "schedule_invalid"),
        ({"policy": {"may": ["delete"]}}, "inspection_invalid"),
        ({"selection": {"provider": "nobody"}}, "filter_invalid"),
        ({"enabled": "yes"}, "schedule_invalid"),
        ({"colour": "red"}, "schedule_invalid"),
    ],
)
async def test_what_is_no_schedule(clinic: Clinic, change: dict[str, Any], code: str) -> None:
    with pytest.raises(DeckError, match=code):
        await clinic.inspecting.schedules.create({**HOURLY, **change}, ANN)


async def test_two_processes_begin_one_run_and_one_carries_it_out(
    clock: SetClock, tmp_path: Path, postgresql_url: str
) -> None:
    databases = [opening.control(postgresql_url, clock) for _ in range(2)]
    vault = new_vault()
    with simulated(clock, AUTHDECK_QUOTA__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with (
            open_shop(simulator, clock, tmp_path, databases[0], vault, ann, "1") as first,
            open_shop(simulator, clock, tmp_path, databases[1], vault, ann, "2") as second,
        ):
            one, two = clinic_of(first), clinic_of(second)
            indexes = await one.move_in(*(f"p{number}" for number in range(12)))
            await second.mirror.load()
            for number in range(3):
                await one.inspecting.schedules.create({**HOURLY, "name": f"schedule {number}"}, ANN)
            clock.move(minutes=60)
            await asyncio.gather(
                *(clinic.inspecting.schedules.begin_due() for clinic in (one, two, one, two) for _ in range(2))
            )
            assert len(await runs(one)) == 3
            for run in await runs(one):
                carried = await asyncio.gather(*(clinic.inspecting.runner.carry_on(run.id) for clinic in (one, two)))
                assert carried.count(True) <= 1 or (await two.inspecting.runs.one(run.id)).status == "completed"
            found = await settled(one)
            assert {(run.status, run.done) for run in found} == {("completed", len(indexes))}
            assert len(simulator.seen("/wham/usage")) == 3 * len(indexes)
    for database in databases:
        database.close()
