"""Batches do, preview, cancel and undo what they are asked, row by row, and never more than that."""

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from authdeck import tasks
from authdeck.errors import Conflict, DeckError
from authdeck.hold import Hold, Owner
from authdeck.operations import disable, edit_accounts, seals, trash
from authdeck.operations.batches import AT_ONCE
from authdeck.operations.desk import Desk
from authdeck.storage.database import Change, WriteConnection
from authdeck.storage.reading import audit, batches, revisions
from authdeck.storage.writing import holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.crowd import Bulk, crowd
from fakes.people import ANN, BOB


@pytest.fixture
def bulk(desk: Desk) -> Bulk:
    return Bulk(desk)


def account(desk: Desk, index: str) -> Any:
    entry = desk.directory.get(index)
    assert entry is not None
    return entry.account


def open_codes(desk: Desk, index: str) -> list[tuple[str, str, str]]:
    entry = desk.directory.get(index)
    assert entry is not None
    return [(hold.owner.value, hold.code, hold.note) for hold in entry.holds]


async def place(desk: Desk, index: str, hold: Hold) -> None:
    key = account(desk, index).key

    def work(connection: WriteConnection) -> None:
        holds.place(connection, key, hold)

    await desk.write(work)
    await edit_accounts.edit(desk, index, ANN, {"note": f"held by {hold.owner.value}"}, version=None)


async def headers(desk: Desk, index: str) -> dict[str, str]:
    stored = await desk.read(lambda c: revisions.secret_settings(c, index))
    return {name: value.open() for name, value in seals.open_settings(desk.vault, index, stored).headers.items()}


async def test_it_works(desk: Desk, bulk: Bulk) -> None:
    ann, bob, eve = await crowd(desk, 3)
    await edit_accounts.edit(desk, bob, ANN, {"priority": 5, "note": "old"}, version=None)
    batch, items = await bulk.done([ann, bob], priority=5, note=None)
    assert (batch.status, batch.total, dict(batch.counts)) == (
        "completed",
        2,
        {"done": 2},
    )
    assert [(item.auth_index, item.outcome) for item in items] == [(ann, "done"), (bob, "done")]
    assert (items[0].before, items[0].after) == ({"priority": 0}, {"priority": 5})
    assert (items[1].before, items[1].after) == ({"note": "old"}, {"note": ""})
    assert [account(desk, one).settings.priority for one in (ann, bob, eve)] == [5, 5, 0]
    assert [account(desk, one).version for one in (ann, bob, eve)] == [2, 3, 1]


async def test_what_is_so_already_is_unchanged(desk: Desk, bulk: Bulk) -> None:
    (ann,) = await crowd(desk, 1)
    await bulk.change([ann], priority=5, disable={"reason": "away"})
    version = account(desk, ann).version
    batch, (item,) = await bulk.done([ann], priority=5, disable={"reason": "away"})
    assert (dict(batch.counts), item.outcome, item.after) == ({"unchanged": 1}, "unchanged", None)
    assert account(desk, ann).version == version


async def test_a_search_selects_what_matches_now(desk: Desk, bulk: Bulk) -> None:
    await crowd(desk, 5)
    batch, items = await bulk.done(None, weight=7)
    assert (batch.total, {item.outcome for item in items}) == (5, {"done"})


async def test_one_entry_of_the_audit_and_no_secret_in_it(desk: Desk, bulk: Bulk) -> None:
    indexes = await crowd(desk, 3)
    batch = await bulk.change(indexes, headers={"X-Team": "t_FAKE"}, proxy_url="http://u:pw_FAKE@10.0.0.1:8080")
    entries = [e for e in await desk.read(lambda c: audit.chain(c, desk.boot)) if e.batch == batch.id]
    assert [entry.what for entry in entries] == ["accounts:batch:begun"]
    assert "FAKE" not in json.dumps([entries[0].before, entries[0].after])
    assert "FAKE" not in json.dumps(dict(batch.change))


async def test_names_that_mean_nothing_are_rows_that_say_so(desk: Desk, bulk: Bulk) -> None:
    (ann,) = await crowd(desk, 1)
    batch, items = await bulk.done(["p0.json", ann, "0" * 16, "nobody.json"], priority=1)
    assert [(item.subject, item.outcome) for item in items] == [
        ("p0.json", "done"), ("0" * 16, "skipped"), ("nobody.json", "skipped"),
    ]  # fmt: skip
    assert items[1].reason == {"code": "account_not_found", "params": {"name": "0" * 16}}
    assert (batch.total, dict(batch.counts)) == (3, {"done": 1, "skipped": 2})


async def test_websockets_are_for_those_that_speak_them(desk: Desk, bulk: Bulk) -> None:
    document = {"type": "claude", "access_token": "at_FAKE", "refresh_token": "rt_FAKE", "email": "c@example.com"}
    (row,) = (await take_in(desk, ("claude.json", json.dumps(document).encode()))).items
    (ann,) = await crowd(desk, 1)
    _, items = await bulk.done([ann, str(row.auth_index)], websockets=True)
    assert [item.outcome for item in items] == ["done", "skipped"]
    assert items[1].reason == {"code": "websockets_not_spoken", "params": {"provider": "claude"}}
    _, (_, mixed) = await bulk.done([ann, str(row.auth_index)], websockets=False, priority=3)
    assert (mixed.outcome, mixed.after, (mixed.reason or {})["code"]) == (
        "done", {"priority": 3}, "websockets_not_spoken",
    )  # fmt: skip


async def test_a_lock_does_not_stop_a_person(desk: Desk, bulk: Bulk) -> None:
    (ann,) = await crowd(desk, 1)
    await bulk.change([ann], lock=True)
    assert account(desk, ann).locked
    await bulk.change([ann], disable={"reason": "x"})
    assert open_codes(desk, ann) == [("operator", "disabled", "x")]


async def test_headers_by_name_and_back(desk: Desk, bulk: Bulk) -> None:
    (ann,) = await crowd(desk, 1)
    await bulk.change([ann], headers={"X-Old": "o_FAKE", "X-Team": "t_FAKE"})
    batch, (item,) = await bulk.done([ann], headers={"x-old": None, "X-New": "n_FAKE"})
    assert await headers(desk, ann) == {"X-Team": "t_FAKE", "X-New": "n_FAKE"}
    assert "FAKE" not in json.dumps([item.before, item.after])
    assert b"FAKE" not in (item.sealed or b"")
    await bulk.undo(batch)
    assert {name.lower(): value for name, value in (await headers(desk, ann)).items()} == {
        "x-team": "t_FAKE", "x-old": "o_FAKE",
    }  # fmt: skip
    await bulk.change([ann], headers=None)
    assert await headers(desk, ann) == {}


async def test_a_proxy_and_back(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    await edit_accounts.edit(desk, ann, ANN, {"proxy_url": "http://a:pw_FAKE@10.0.0.1:1"}, version=None)
    batch = await bulk.change([ann, bob], proxy_url="socks5://b:pw_FAKE@10.0.0.2:2")
    assert {account(desk, one).proxy_display for one in (ann, bob)} == {"socks5://10.0.0.2:2"}
    await bulk.undo(batch)
    assert [account(desk, one).proxy_display for one in (ann, bob)] == ["http://10.0.0.1:1", None]


# ---- undo ----


async def test_undo_leaves_what_was_changed_since(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    batch = await bulk.change([ann, bob], priority=5, note="batch")
    await edit_accounts.edit(desk, ann, BOB, {"note": "Bob's"}, version=None)
    undone, items = await bulk.undo(batch)
    assert (undone.kind, undone.undo_of, dict(undone.counts)) == ("undo", batch.id, {"done": 2})
    assert items[0].differs == {"note": {"expected": "batch", "found": "Bob's"}}
    assert items[0].reason == {"code": "changed_since", "params": {"fields": ["note"]}}
    assert items[1].differs is None
    assert [account(desk, one).settings.note for one in (ann, bob)] == ["Bob's", ""]
    assert [account(desk, one).settings.priority for one in (ann, bob)] == [0, 0]


async def test_undo_is_idempotent_and_can_be_undone(desk: Desk, bulk: Bulk) -> None:
    indexes = await crowd(desk, 2)
    batch = await bulk.change(indexes, priority=5, prefix="team-a")
    undone, _ = await bulk.undo(batch)
    _, items = await bulk.undo(batch)
    assert {item.outcome for item in items} == {"unchanged"}
    redone, _ = await bulk.undo(undone)
    assert {account(desk, one).settings.prefix for one in indexes} == {"team-a"}
    await bulk.undo(redone)
    assert {account(desk, one).settings.prefix for one in indexes} == {None}


async def test_undoing_a_delete_is_a_restore(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    batch = await bulk.change([ann, bob], delete=True)
    assert len(desk.directory) == 0
    await take_in(desk, ("p0.json", codex("new@example.com", "acc-new", "user-new")))
    undone, items = await bulk.undo(batch)
    assert [account(desk, one).file_name for one in (ann, bob)] == ["p0-2.json", "p1.json"]
    assert items[0].after == {"trashed": False, "file_name": "p0-2.json"}
    await bulk.undo(undone)
    assert [desk.directory.get(one) for one in (ann, bob)] == [None, None]


async def test_undoing_a_delete_leaves_what_was_restored_and_deleted_again(
    desk: Desk, bulk: Bulk, clock: SetClock
) -> None:
    ann, bob, eve = await crowd(desk, 3)
    batch = await bulk.change([ann, bob, eve], delete=True)
    clock.move(minutes=1)
    for index in (ann, bob):
        await trash.restore(desk, index, BOB)
    await trash.delete(desk, ann, BOB, version=None)
    _, items = await bulk.undo(batch)
    assert [item.outcome for item in items] == ["skipped", "unchanged", "done"]
    assert items[0].reason == {"code": "changed_since", "params": {"fields": ["trashed"]}}
    assert [desk.directory.get(one) is None for one in (ann, bob, eve)] == [True, False, False]


async def test_equal_names_come_back_apart(desk: Desk, bulk: Bulk) -> None:
    indexes = []
    for number in range(3):
        name = ("same.json", codex(f"{number}@example.com", f"acc-{number}", f"user-{number}"))
        index = str((await take_in(desk, name)).items[0].auth_index)
        await trash.delete(desk, index, ANN, version=None)
        indexes.append(index)
    batch = await bulk.change(indexes, restore=True)
    assert dict(batch.counts) == {"done": 3}
    assert sorted(account(desk, one).file_name for one in indexes) == ["same-2.json", "same-3.json", "same.json"]


async def test_undoing_an_enable_brings_back_the_very_holds(desk: Desk, bulk: Bulk, clock: SetClock) -> None:
    (ann,) = await crowd(desk, 1)
    since = desk.now()
    await disable.disable(desk, ann, BOB, "until the audit is over", since + timedelta(days=3))
    await place(desk, ann, Hold(Owner.INSPECTION, "quota_exhausted", since, detail={"window": "weekly"}))
    await place(desk, ann, Hold(Owner.COOLDOWN, "usage_limit_reached", since))
    clock.move(hours=1)
    entry = desk.directory.get(ann)
    assert entry is not None
    former = {(h.owner, h.code): (h.since, h.until, h.note, h.actor, h.detail) for h in entry.holds}
    batch = await bulk.change([ann], enable=True)
    assert open_codes(desk, ann) == [("cooldown", "usage_limit_reached", "")]
    await bulk.undo(batch)
    entry = desk.directory.get(ann)
    assert entry is not None
    assert {(h.owner, h.code): (h.since, h.until, h.note, h.actor, h.detail) for h in entry.holds} == former


async def test_undoing_a_disable_leaves_another_persons(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    batch = await bulk.change([ann, bob], disable={"reason": "batch"})
    await disable.disable(desk, ann, BOB, "Bob's own")
    _, items = await bulk.undo(batch)
    assert [item.outcome for item in items] == ["skipped", "done"]
    assert open_codes(desk, ann) == [("operator", "disabled", "Bob's own")]
    assert open_codes(desk, bob) == []


@pytest.mark.parametrize("reason", ["", "batch"])
async def test_undoing_a_disable_leaves_one_that_looks_the_same(
    desk: Desk, bulk: Bulk, clock: SetClock, reason: str
) -> None:
    """Enabled and disabled again since, by another person and by the same: that is no longer the batch's hold."""
    ann, bob, eve = await crowd(desk, 3)
    batch = await bulk.change([ann, bob, eve], disable={"reason": reason})
    clock.move(minutes=1)
    for index, who in ((ann, BOB), (bob, ANN)):
        await disable.enable(desk, index, who)
        await disable.disable(desk, index, who, reason)
    preview, _ = await bulk.undo(batch, preview=True)
    for undone in (await bulk.batches.apply(preview.id, ANN), (await bulk.undo(batch))[0]):
        items = await bulk.items(undone)
        assert [item.outcome for item in items[:2]] == ["skipped", "skipped"]
        assert [(item.reason or {})["code"] for item in items[:2]] == ["changed_since", "changed_since"]
        assert set(items[0].differs or ()) == {"hold.operator.disabled"}
    assert [open_codes(desk, one) for one in (ann, bob, eve)] == [[("operator", "disabled", reason)]] * 2 + [[]]


async def test_a_disable_done_again_can_be_undone_again(desk: Desk, bulk: Bulk, clock: SetClock) -> None:
    (ann,) = await crowd(desk, 1)
    batch = await bulk.change([ann], disable=True)
    clock.move(minutes=1)
    undone, _ = await bulk.undo(batch)
    clock.move(minutes=1)
    redone, _ = await bulk.undo(undone)
    assert open_codes(desk, ann) == [("operator", "disabled", "")]
    _, (item,) = await bulk.undo(redone)
    assert (item.outcome, open_codes(desk, ann)) == ("done", [])


async def test_a_disable_that_ran_out_is_placed_anew(desk: Desk, bulk: Bulk, clock: SetClock) -> None:
    (ann,) = await crowd(desk, 1)
    await disable.disable(desk, ann, ANN, "short", desk.now() + timedelta(minutes=5))
    clock.move(hours=1)
    _, (item,) = await bulk.done([ann], disable=True)
    assert item.outcome == "done"
    entry = desk.directory.get(ann)
    assert entry is not None
    assert [(hold.since, hold.until) for hold in entry.holds] == [(desk.now(), None)]


async def test_an_account_in_the_trash_is_passed_over(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    batch = await bulk.change([ann, bob], priority=4)
    await trash.delete(desk, ann, ANN, version=None)
    _, items = await bulk.undo(batch)
    assert [(item.outcome, (item.reason or {}).get("code")) for item in items] == [
        ("skipped", "account_in_trash"), ("done", None),
    ]  # fmt: skip
    _, (direct,) = await bulk.done([ann], note="x")
    assert (direct.outcome, (direct.reason or {})["code"]) == ("skipped", "account_in_trash")


async def test_a_rename_and_back(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    batch = await bulk.change([ann], file_name="ann.json")
    assert account(desk, ann).file_name == "ann.json"
    await bulk.undo(batch)
    assert account(desk, ann).file_name == "p0.json"
    _, (taken,) = await bulk.done([ann], file_name="P1.json")
    assert (taken.outcome, (taken.reason or {})["code"]) == ("skipped", "file_name_taken")
    with pytest.raises(DeckError, match="file_name_for_one"):
        await bulk.change([ann, bob], file_name="both.json")


# ---- previews ----


async def test_a_preview_changes_nothing_and_its_rows_are_what_is_done(desk: Desk, bulk: Bulk) -> None:
    ann, bob = await crowd(desk, 2)
    preview, items = await bulk.done(None, preview=True, priority=5, proxy_url="http://10.0.0.9:1")
    assert (preview.status, [item.outcome for item in items]) == ("previewed", ["done", "done"])
    assert {account(desk, one).settings.priority for one in (ann, bob)} == {0}
    await crowd_more(desk)
    await edit_accounts.edit(desk, bob, BOB, {"priority": 3}, version=None)
    batch = await bulk.batches.apply(preview.id, ANN)
    applied = {item.auth_index: item for item in await bulk.items(batch)}
    assert set(applied) == {ann, bob}
    assert applied[ann].differs is None
    assert applied[bob].differs == {"priority": {"expected": 0, "found": 3}}
    assert {account(desk, one).settings.priority for one in (ann, bob)} == {5}
    with pytest.raises(Conflict, match="batch_preview_used"):
        await bulk.batches.apply(preview.id, ANN)
    await bulk.undo(batch)
    assert [account(desk, one).settings.priority for one in (ann, bob)] == [0, 3]


async def crowd_more(desk: Desk) -> None:
    await take_in(desk, ("late.json", codex("late@example.com", "acc-late", "user-late")))


async def test_a_preview_runs_out(desk: Desk, bulk: Bulk, clock: SetClock) -> None:
    indexes = await crowd(desk, 1)
    preview = await bulk.change(indexes, preview=True, priority=5)
    clock.move(minutes=16)
    with pytest.raises(Conflict, match="batch_preview_expired"):
        await bulk.batches.apply(preview.id, ANN)
    await bulk.batches.forget_previews()
    with pytest.raises(DeckError, match="batch_not_found"):
        await bulk.stored(preview)


async def test_an_undo_can_be_previewed(desk: Desk, bulk: Bulk) -> None:
    indexes = await crowd(desk, 2)
    batch = await bulk.change(indexes, priority=5)
    preview, items = await bulk.undo(batch, preview=True)
    assert [(item.before, item.after) for item in items] == [({"priority": 5}, {"priority": 0})] * 2
    assert account(desk, indexes[0]).settings.priority == 5
    await bulk.batches.apply(preview.id, ANN)
    assert account(desk, indexes[0]).settings.priority == 0


# ---- many, and what may happen to them ----


async def test_more_than_a_thousand_go_on_in_the_background(desk: Desk, bulk: Bulk) -> None:
    await crowd(desk, AT_ONCE + 1)
    batch = await bulk.change(None, priority=2)
    assert batch.status == "running"
    done = await bulk.ended(batch)
    assert (done.status, dict(done.counts)) == ("completed", {"done": AT_ONCE + 1})


async def test_one_that_says_it_is_completed_is_in_force(
    desk: Desk, bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last rows are committed a moment before this process knows of them."""
    (ann,) = await crowd(desk, 1)
    publish, committed, may_go_on = desk.feed.publish, asyncio.Event(), asyncio.Event()

    async def held(changes: Iterable[Change]) -> None:
        if changes := [change for change in changes if change.subject == ann]:
            committed.set()
            await may_go_on.wait()
        await publish(changes)

    monkeypatch.setattr(desk.feed, "publish", held)
    began = tasks.start(bulk.change([ann], project_id="team", key="k-1"), name="the call")
    await committed.wait()
    (batch,), _ = await desk.read(lambda c: batches.newest(c, limit=1, kind="change"))
    assert (batch.status, account(desk, ann).settings.project_id) == ("completed", None)
    repeated = tasks.start(bulk.change([ann], project_id="team", key="k-1"), name="the same call")
    looked = tasks.start(bulk.batches.one(batch.id), name="a look")
    for _ in range(20):
        await bulk.stored(batch)
    assert not any(task.done() for task in (began, repeated, looked))
    may_go_on.set()
    assert {(await task).id for task in (began, repeated, looked)} == {batch.id}
    assert account(desk, ann).settings.project_id == "team"


async def test_cancelled_between_rows_and_undone(desk: Desk, bulk: Bulk) -> None:
    indexes = await crowd(desk, AT_ONCE + 200)
    batch = await bulk.change(None, priority=2)
    cancelled = await bulk.batches.cancel(batch.id, BOB)
    assert cancelled.status == "cancelled"
    await bulk.ended(batch)
    done = sum(account(desk, one).settings.priority == 2 for one in indexes)
    assert done < len(indexes)
    stopped = await bulk.stored(batch)
    assert (stopped.counts.get("done", 0), stopped.left) == (done, len(indexes) - done)
    undone, _ = await bulk.undo(cancelled)
    await bulk.ended(undone)
    assert {account(desk, one).settings.priority for one in indexes} == {0}


async def test_the_same_key_is_the_same_batch(desk: Desk, bulk: Bulk) -> None:
    indexes = await crowd(desk, 2)
    first = await bulk.change(indexes, key="k-1", priority=5)
    again = await bulk.change(indexes, key="k-1", priority=5)
    assert first.id == again.id
    with pytest.raises(DeckError, match="idempotency_key_reused"):
        await bulk.change(indexes, key="k-1", priority=6)
    undone = await bulk.batches.undo(first.id, ANN, key="k-2")
    assert (await bulk.batches.undo(first.id, ANN, key="k-2")).id == undone.id


async def test_an_import_is_in_the_list_and_is_no_batch_to_undo(desk: Desk, bulk: Bulk) -> None:
    await crowd(desk, 1)
    found, _ = await desk.read(lambda c: batches.newest(c, limit=10))
    assert [(batch.kind, dict(batch.counts)) for batch in found] == [("import", {"new": 1})]
    with pytest.raises(Conflict, match="batch_not_undoable"):
        await bulk.undo(found[0])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "change_empty"),
        ({"headers": {}}, "change_empty"),
        ({"file_name": None, "delete": False}, "change_empty"),
        ({"colour": "red"}, "change_unknown"),
        ({"enable": True, "disable": True}, "change_contradicts"),
        ({"delete": True, "note": "x"}, "change_contradicts"),
        ({"lock": "yes"}, "change_invalid"),
        ({"disable": {"until": "soon"}}, "change_invalid"),
        ({"disable": {"until": "2020-01-01T00:00:00Z"}}, "change_invalid"),
        ({"disable": {"why": "x"}}, "change_invalid"),
        ({"priority": "high"}, "field_invalid"),
        ({"cloak_mode": "on"}, "field_not_ours"),
        ({"export": {"format": "zip"}}, "change_invalid"),
        ({"export": {"format": "archive"}}, "archive_key_missing"),
    ],
)
async def test_what_makes_no_sense_is_refused_whole(desk: Desk, bulk: Bulk, change: dict[str, Any], code: str) -> None:
    (ann,) = await crowd(desk, 1)
    with pytest.raises(DeckError) as refused:
        await bulk.change([ann], **change)
    assert refused.value.code == code
    assert account(desk, ann).version == 1
