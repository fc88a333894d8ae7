"""Accounts that turn out to be one, or two; and what is let go for good."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from authdeck.account import Provider
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.import_plan import Outcome
from authdeck.operations import disable, documents, edit_accounts, kin, trash
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.merge import merge, unmerge
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed
from authdeck.operations.release_hold import release_hold
from authdeck.operations.split import split
from authdeck.quota import QuotaWindow, Window
from authdeck.storage import tables
from authdeck.storage.database import Database, ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, audit, revisions
from authdeck.storage.reading import evidence as evidence_reads
from authdeck.storage.reading import trash as reading_trash
from authdeck.storage.writing import evidence as evidence_writes
from authdeck.storage.writing import holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB

BARE = {"type": "codex", "access_token": "at_FAKE_bare", "email": "ann@example.com"}


def bare(**fields: object) -> bytes:
    """Ann's file without any claim on whose it is."""
    return json.dumps({**BARE, "refresh_token": "rt_FAKE_bare", **fields}).encode()


async def take(desk: Desk, name: str, content: bytes, **choices: object) -> str:
    return str((await take_in(desk, (name, content), **choices)).items[0].auth_index)


async def two(desk: Desk) -> tuple[str, str]:
    return (
        await take(desk, "bare.json", bare(last_refresh="2026-11-23T09:00:00Z")),
        await take(desk, "full.json", codex()),
    )


async def test_it_works(desk: Desk) -> None:
    one, other = await two(desk)
    await edit_accounts.edit(desk, other, ANN, {"note": "stays"}, version=None)
    done = await merge(desk, one, other, ANN)
    entry = by_name(desk, one)
    assert entry.account.auth_index == other
    assert by_name(desk, "bare.json").account.auth_index == other
    assert desk.directory.get(one) is None
    assert (entry.account.settings.note, entry.account.revision, done.revisions) == ("stays", 2, (2,))
    assert [revision.generation for revision in await documents.history(desk, other)] == [2, 1]


async def test_the_newer_sign_in_serves(desk: Desk) -> None:
    one = await take(desk, "bare.json", bare(last_refresh="2026-11-20T09:00:00Z"))
    other = await take(desk, "full.json", codex())
    await merge(desk, one, other, ANN)
    entry = by_name(desk, other)
    assert (entry.account.revision, entry.account.generation) == (1, 1)
    assert len(await documents.history(desk, other)) == 2


async def test_unmerging_gives_everything_back(desk: Desk) -> None:
    one, other = await two(desk)
    before = [by_name(desk, index) for index in (one, other)]
    await merge(desk, one, other, ANN)
    await unmerge(desk, other, one, ANN)
    after = [by_name(desk, index) for index in (one, other)]
    assert [(e.account.revision, e.account.generation, e.account.file_name, e.account.aliases) for e in before] == [
        (e.account.revision, e.account.generation, e.account.file_name, e.account.aliases) for e in after
    ]
    (row,) = (await take_in(desk, ("bare.json", bare(last_refresh="2026-11-23T09:00:00Z")))).items
    assert (row.outcome, row.auth_index) == (Outcome.UNCHANGED, one)


async def test_a_merge_that_was_built_upon_is_not_undone(desk: Desk) -> None:
    one, other = await two(desk)
    await merge(desk, one, other, ANN)
    await take_in(desk, ("full.json", codex(refresh_token="rt_FAKE_third", last_refresh="2026-11-24T09:00:00Z")))
    with pytest.raises(Conflict, match="merge_built_upon"):
        await unmerge(desk, other, one, ANN)


async def test_what_a_person_switched_off_stays_off(desk: Desk) -> None:
    one, other = await two(desk)
    await disable.disable(desk, one, BOB, "not yet")
    await merge(desk, one, other, ANN)
    assert desk.directory.health(by_name(desk, other), desk.now()) is Health.DISABLED
    await unmerge(desk, other, one, ANN)
    assert by_name(desk, other).holds == ()
    assert by_name(desk, one).holds != ()


async def refused(desk: Desk, index: str, at: datetime) -> None:
    """The provider refused the account's sign-in of now, clearly."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, index)
        row = Evidence(
            account.generation, Source.RESPONSE, Signal.CREDENTIAL, "token_revoked", at, at,
            action=Action.REAUTH, confidence=Confidence.HIGH, may_automate=True,
        )  # fmt: skip
        evidence_writes.note(connection, account.key, row)
        settle(desk, connection, [account])
        changed(desk, connection, "account", index)

    await desk.write(work)


def codes(desk: Desk, index: str) -> list[tuple[str, str | None]]:
    return sorted((hold.code, hold.scope) for hold in by_name(desk, index).holds)


async def seen(desk: Desk, index: str) -> list[tuple[str, int]]:
    def work(connection: ReadConnection) -> list[tuple[str, int]]:
        page = evidence_reads.history(connection, accounts.by_index(connection, index).key, 50)
        return [(row.code, row.generation) for row in page.items]

    return await desk.read(work)


async def test_what_was_seen_of_a_sign_in_goes_with_it(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    await refused(desk, one, clock.now())
    await merge(desk, one, other, ANN)
    assert by_name(desk, other).account.generation == 2
    assert (codes(desk, other), await seen(desk, other)) == ([("token_revoked", None)], [("token_revoked", 2)])
    await unmerge(desk, other, one, ANN)
    assert (codes(desk, other), await seen(desk, other)) == ([], [])
    assert (codes(desk, one), await seen(desk, one)) == ([("token_revoked", None)], [("token_revoked", 1)])


async def test_what_was_seen_of_an_older_sign_in_holds_back_no_newer_one(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    await refused(desk, other, clock.now())
    await merge(desk, one, other, ANN)
    assert (codes(desk, other), await seen(desk, other)) == ([], [("token_revoked", 1)])
    await unmerge(desk, other, one, ANN)
    assert codes(desk, other) == [("token_revoked", None)]


async def test_what_a_person_released_is_not_raised_by_the_merge(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    await refused(desk, one, clock.now())
    await release_hold(desk, one, Owner.CREDENTIAL, "token_revoked", ANN)
    await merge(desk, one, other, ANN)
    assert codes(desk, other) == []


async def test_a_persons_holds_of_models_survive_and_go_back(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    for index, model in ((one, "gpt-5"), (other, "gpt-4")):
        hold = Hold(Owner.OPERATOR, "manual", clock.now(), scope=model, actor="ann")
        key = by_name(desk, index).account.key

        def work(connection: WriteConnection, key: int = key, hold: Hold = hold, index: str = index) -> None:
            holds.place(connection, key, hold)
            changed(desk, connection, "account", index)

        await desk.write(work)
    await merge(desk, one, other, ANN)
    assert codes(desk, other) == [("manual", "gpt-4"), ("manual", "gpt-5")]
    await unmerge(desk, other, one, ANN)
    assert (codes(desk, one), codes(desk, other)) == ([("manual", "gpt-5")], [("manual", "gpt-4")])


async def test_the_newest_figures_of_both_count(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    for index, used in ((other, 10.0), (one, 40.0)):
        clock.move(minutes=1)
        window = QuotaWindow(Window.WEEKLY, used, clock.now(), Source.HEADER)
        key = by_name(desk, index).account.key

        def work(connection: WriteConnection, key: int = key, window: QuotaWindow = window) -> None:
            evidence_writes.replace_windows(connection, {key: [window]})

        await desk.write(work)
    await merge(desk, one, other, ANN)
    assert [window.used_percent for window in by_name(desk, other).windows] == [40.0]
    await unmerge(desk, other, one, ANN)
    assert [window.used_percent for window in by_name(desk, other).windows] == []
    assert [window.used_percent for window in by_name(desk, one).windows] == [40.0]


async def test_new_tokens_end_what_held_the_former_ones_before_the_import_returns(desk: Desk, clock: SetClock) -> None:
    index = await take(desk, "a.json", codex())

    def limited(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, index)
        until = clock.now() + timedelta(hours=2)
        row = Evidence(
            account.generation, Source.RESPONSE, Signal.QUOTA, "usage_limit_reached", clock.now(), clock.now(),
            until=until, confidence=Confidence.HIGH, may_automate=True, is_told=True,
        )  # fmt: skip
        evidence_writes.note(connection, account.key, row)
        settle(desk, connection, [account])
        changed(desk, connection, "account", index)

    await desk.write(limited)
    assert codes(desk, index) == [("usage_limit_reached", None)]
    again = codex(refresh_token="rt_FAKE_next", last_refresh="2026-11-24T10:00:00Z")
    assert (await take_in(desk, ("a.json", again))).items[0].outcome is Outcome.UPDATED
    assert codes(desk, index) == []


async def test_two_identities_are_never_merged(desk: Desk) -> None:
    one = await take(desk, "a.json", codex())
    other = await take(desk, "b.json", codex(organization="acc-fake-2"))
    with pytest.raises(Conflict, match="merge_differs"):
        await merge(desk, one, other, ANN)
    with pytest.raises(Conflict, match="merge_with_itself"):
        await merge(desk, one, one, ANN)
    with pytest.raises(NotFound, match="not_merged"):
        await unmerge(desk, one, other, ANN)


async def test_near_accounts_are_shown_with_their_reasons(desk: Desk) -> None:
    one = await take(desk, "a.json", codex())
    other = await take(desk, "b.json", codex(organization="acc-fake-2"))
    third = await take(desk, "c.json", bare(refresh_token="rt_FAKE_acc-fake-1_user-fake-1x"))
    found = await kin.near(desk, one)
    assert {near.account.auth_index: near.why for near in found} == {
        other: ("shares_credential", "same_subject", "same_email"),
        third: ("same_email",),
    }
    assert [near.merge_proposed for near in found] == [False, False]


async def test_claims_that_show_an_existing_account_propose_a_merge_and_merge_nothing(desk: Desk) -> None:
    one = await take(desk, "bare.json", bare())
    other = await take(desk, "full.json", codex())
    (row,) = (
        await take_in(desk, ("x.json", codex(refresh_token="rt_FAKE_bare", last_refresh="2026-11-24T09:00:00Z")))
    ).items
    assert (row.outcome, row.auth_index) == (Outcome.UPDATED, other)
    assert ("merge_proposed", {"auth_indexes": [one]}) in row.notes
    assert [hold.code for hold in by_name(desk, one).holds] == ["merge_proposed"]
    (near,) = [near for near in await kin.near(desk, one) if near.account.auth_index == other]
    assert (near.merge_proposed, near.can_merge) == (True, True)
    await merge(desk, one, other, ANN)
    assert by_name(desk, one).account.auth_index == other


async def test_claims_make_a_partial_identity_full(desk: Desk) -> None:
    index = await take(desk, "bare.json", bare())
    (row,) = (await take_in(desk, ("x.json", codex(refresh_token="rt_FAKE_bare")))).items
    assert row.auth_index == index
    # The same token, now with claims: another access token makes it an update, which brings the identity.
    await take_in(desk, ("x.json", codex(refresh_token="rt_FAKE_new", last_refresh="2026-11-24T09:00:00Z")))
    strengths = {entry.account.identity_strength for entry in [by_name(desk, index)]}
    assert strengths == {"full"}


async def test_splitting_makes_the_other_sign_in_an_account(desk: Desk) -> None:
    one, other = await two(desk)
    await merge(desk, one, other, ANN)
    done = await split(desk, other, 2, ANN)
    assert done.auth_index not in {one, other}
    assert done.restored == 3
    former, new = by_name(desk, other).account, by_name(desk, done.auth_index).account
    assert (former.revision, former.generation, new.revision, new.provider) == (3, 3, 1, Provider.CODEX)
    (row,) = (await take_in(desk, ("n.json", bare(last_refresh="2026-11-23T09:00:00Z")))).items
    assert row.auth_index == done.auth_index


async def test_a_split_is_undone_by_merging_again(desk: Desk) -> None:
    one, other = await two(desk)
    await merge(desk, one, other, ANN)
    before = await desk.read(lambda connection: revisions.of_account(connection, other))
    done = await split(desk, other, 2, ANN)
    await merge(desk, done.auth_index, other, ANN)
    assert desk.directory.get(done.auth_index) is None
    after = await desk.read(lambda connection: revisions.of_account(connection, other))
    assert {revision.number for revision in before} <= {revision.number for revision in after}
    (row,) = (await take_in(desk, ("n.json", bare(last_refresh="2026-11-23T09:00:00Z")))).items
    assert row.auth_index == other
    name = await desk.read(lambda connection: accounts.resolve(connection, done.auth_index))
    assert name.auth_index == other


async def test_the_only_sign_in_is_not_split_off(desk: Desk) -> None:
    index = await take(desk, "a.json", codex())
    with pytest.raises(Conflict, match="split_leaves_nothing"):
        await split(desk, index, 1, ANN)
    with pytest.raises(NotFound, match="revision_not_found"):
        await split(desk, index, 9, ANN)


# ---- purge ----


async def test_a_purge_leaves_a_tombstone_and_the_audit(desk: Desk, database: Database) -> None:
    one, other = await two(desk)
    await edit_accounts.edit(
        desk, other, ANN, {"note": "n", "proxy_url": "http://u:p@proxy.example.com:1"}, version=None
    )
    await merge(desk, one, other, ANN)
    with pytest.raises(Conflict, match="not_in_trash"):
        await trash.purge(desk, other, ANN)
    await trash.delete(desk, other, ANN, version=None)
    await trash.purge(desk, other, ANN)
    with pytest.raises(NotFound):
        await trash.purge(desk, other, ANN)
    with pytest.raises(NotFound):
        await trash.restore(desk, other, ANN)
    left = {
        table.name: database.read_now(lambda c, table=table: len(c.execute(select(table)).all()))
        for table in (tables.revisions, tables.fingerprints, tables.aliases, tables.holds, tables.proxies)
    }
    assert set(left.values()) == {0}, left
    rows = database.read_now(lambda c: c.execute(select(tables.accounts)).all())
    assert {row.auth_index for row in rows} == {one, other}
    assert {(row.email, row.note, row.file_name, row.identity_hash) for row in rows} == {(None, "", "", None)}
    said = await desk.read(lambda connection: audit.newest(connection, target=other))
    assert {"account:trash:purged", "account:trash:moved"} <= {entry.what for entry in said}
    again = (await take_in(desk, ("full.json", codex()))).items[0]
    assert again.outcome is Outcome.NEW
    assert again.auth_index not in {one, other}


async def test_the_trash_is_purged_when_its_days_are_over(desk: Desk, clock: SetClock) -> None:
    one, other = await two(desk)
    await trash.delete(desk, one, ANN, version=None)
    clock.move(days=29)
    await trash.delete(desk, other, ANN, version=None)
    assert await trash.purge_due(desk) == 0
    clock.move(days=1)
    assert await trash.purge_due(desk) == 1
    assert await desk.read(reading_trash.indexes) == [other]


async def test_what_depends_on_an_account(desk: Desk, monitoring: Database) -> None:
    one, other = await two(desk)
    for index in (one, other):
        await edit_accounts.edit(desk, index, ANN, {"prefix": "team"}, version=None)
    await edit_accounts.edit(desk, one, ANN, {"file_name": "renamed.json"}, version=None)
    found = await kin.dependents(desk, monitoring, one)
    assert (found.aliases, found.requests, found.prefix, found.sharing_prefix) == (("bare.json",), 0, "team", 1)
    with pytest.raises(DeckError):
        await kin.dependents(desk, monitoring, "0" * 16)
