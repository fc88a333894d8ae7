"""Whatever is done in whatever order, with a crash between any two writes: no token is lost, nothing is half done.

Checks DESIGN rules 1, 2 and 5 and DECISIONS §1 against a model that only knows what was committed.
"""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from authdeck.errors import DeckError
from authdeck.operations import disable, documents, edit_accounts, new_revision, seals, trash
from authdeck.operations.desk import Desk
from authdeck.operations.edit_document import edit_document
from authdeck.operations.restore_revision import restore_revision
from authdeck.operations.thin_revisions import thin_revisions
from authdeck.storage import opening, tables
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import revisions, thinning
from authdeck.storage.writing import revisions as writing
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.desks import CrashError, CrashingDatabase, desk_on
from fakes.laid import laid
from fakes.people import ANN

T = TypeVar("T")
WORKSPACES = ("acc-fake-1", "acc-fake-2", "acc-fake-3")
workspaces = st.sampled_from(WORKSPACES)
crashes = st.one_of(st.none(), st.integers(0, 3))


class Life(RuleBasedStateMachine):
    """``tokens``: refresh tokens that were certainly committed. ``indexes``: which account each workspace is."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = SetClock()
        self.vault = Vault.create(MasterKey.new()).vault
        self.count = 0
        self.tokens: dict[str, set[str]] = {}
        self.indexes: dict[str, str] = {}
        self.ever: set[str] = set()
        self.disabled: set[str] = set()
        self.notes: dict[str, str] = {}
        self.database: CrashingDatabase
        self.desk: Desk

    @initialize()
    def begin(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """What a process that starts again has: the file, and nothing that was in memory."""
        path = Path(self.folder.name, "authdeck.db")
        opening.control(laid(f"sqlite:///{path}"), self.clock).close()
        self.database = CrashingDatabase(f"sqlite:///{path}")
        self.desk = self.run(desk_on(self.database, self.vault, self.clock, Path(self.folder.name)))

    def teardown(self) -> None:
        self.database.close()
        self.loop.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def do(self, work: Coroutine[Any, Any, T], crash: int | None) -> T | None:
        """Do it, or crash before its ``crash``-th write's commit, and start again. ``None``: refused or crashed."""
        self.clock.move(seconds=61)
        self.database.crash_after(crash)
        try:
            return self.run(work)
        except CrashError:
            self.database.close()
            self.reopen()
            return None
        except DeckError:
            return None
        finally:
            self.database.crash_after(None)

    def token(self) -> str:
        self.count += 1
        return f"rt_FAKE_{self.count}"

    def content(self, workspace: str, token: str) -> bytes:
        at = self.clock.now().isoformat().replace("+00:00", "Z")
        return codex(organization=workspace, refresh_token=token, last_refresh=at, extra=token)

    def found(self, workspace: str) -> str | None:
        return self.indexes.get(workspace)

    # ---- what happens ----

    @rule(workspace=workspaces, crash=crashes, choice=st.sampled_from(["skip", "replace"]))
    def import_new_tokens(self, workspace: str, crash: int | None, choice: str) -> None:
        """A first import, a re-login, or one that brings an account back from the trash."""
        token = self.token()
        name = f"{workspace}.json"
        report = self.do(take_in(self.desk, (name, self.content(workspace, token)), on_conflict=choice), crash)
        if report is not None and report.items[0].outcome.value in ("new", "updated"):
            index = str(report.items[0].auth_index)
            assert self.indexes.setdefault(workspace, index) == index, "an identity changed its auth_index"
            self.tokens.setdefault(index, set()).add(token)
        self.learn()

    @rule(workspace=workspaces, crash=crashes)
    def import_an_old_copy(self, workspace: str, crash: int | None) -> None:
        index = self.found(workspace)
        if index is None or not self.tokens.get(index):
            return
        token = min(self.tokens[index])
        self.do(take_in(self.desk, ("copy.json", codex(organization=workspace, refresh_token=token))), crash)

    @rule(workspace=workspaces, crash=crashes, with_token=st.booleans())
    def edit_the_document(self, workspace: str, crash: int | None, with_token: bool) -> None:
        if (index := self.found(workspace)) is None:
            return
        token = self.token() if with_token else None

        async def edit() -> None:
            shown = (await documents.redacted_document(self.desk, index)).content
            changed = {**shown, "extra": f"edited {self.count}"} | ({"refresh_token": token} if token else {})
            await edit_document(self.desk, index, json.dumps(changed).encode(), ANN, revision=None)

        if self.committed(edit(), crash) and token:
            self.tokens[index].add(token)

    @rule(workspace=workspaces, crash=crashes)
    def refresh(self, workspace: str, crash: int | None) -> None:
        """The transaction in which the refresher commits an answered token."""
        if (index := self.found(workspace)) is None:
            return
        token = self.token()

        def commit(connection: WriteConnection) -> None:
            known = new_revision.current(self.desk, connection, index)
            number = writing.next_number(connection, known.account.key)
            content = json.dumps({**known.document, "refresh_token": token}).encode()
            new = writing.NewRevision(
                known.account.key, number, known.account.revision, known.account.generation, "refreshed", "refresh",
                "authdeck", self.clock.now(), seals.seal_file(self.vault, index, number, content), ["refresh_token"],
            )  # fmt: skip
            assert writing.add(connection, new)
            hash_ = self.vault.keyed_hash("fingerprint", token)
            writing.add_fingerprints(connection, known.account.key, number, [("refresh_token", hash_)])

        if self.committed(self.desk.write(commit), crash):
            self.tokens[index].add(token)

    @rule(workspace=workspaces, crash=crashes, number=st.integers(1, 6), credential=st.booleans())
    def restore_a_revision(self, workspace: str, crash: int | None, number: int, credential: bool) -> None:
        if (index := self.found(workspace)) is None:
            return
        before = self.current_token(index)
        done = self.do(restore_revision(self.desk, index, number, ANN, credential=credential), crash)
        if done is not None and not credential:
            assert self.current_token(index) == before, "restoring took the newest token away"

    @rule(workspace=workspaces, crash=crashes)
    def rename(self, workspace: str, crash: int | None) -> None:
        if (index := self.found(workspace)) is not None:
            self.count += 1
            changes = {"file_name": f"renamed-{self.count}.json"}
            self.do(edit_accounts.edit(self.desk, index, ANN, changes, version=None), crash)

    @rule(workspace=workspaces, crash=crashes)
    def note(self, workspace: str, crash: int | None) -> None:
        if (index := self.found(workspace)) is not None:
            self.count += 1
            text = f"note {self.count}"
            if self.committed(edit_accounts.edit(self.desk, index, ANN, {"note": text}, version=None), crash):
                self.notes[index] = text

    @rule(workspace=workspaces, crash=crashes)
    def switch_off(self, workspace: str, crash: int | None) -> None:
        if (index := self.found(workspace)) is not None and self.committed(
            disable.disable(self.desk, index, ANN), crash
        ):
            self.disabled.add(index)

    @rule(workspace=workspaces, crash=crashes)
    def delete(self, workspace: str, crash: int | None) -> None:
        if (index := self.found(workspace)) is not None:
            self.do(trash.delete(self.desk, index, ANN, version=None), crash)

    @rule(workspace=workspaces, crash=crashes)
    def bring_back(self, workspace: str, crash: int | None) -> None:
        if (index := self.found(workspace)) is not None:
            self.do(trash.restore(self.desk, index, ANN), crash)

    @rule(crash=crashes)
    @precondition(lambda self: self.indexes)
    def thin(self, crash: int | None) -> None:
        self.clock.move(days=40)
        self.do(thin_revisions(self.desk), crash)

    # ---- what always holds ----

    @invariant()
    def every_committed_token_is_found_again(self) -> None:
        for index, tokens in self.tokens.items():
            hashes = {self.vault.keyed_hash("fingerprint", token): token for token in tokens}
            known = self.database.read_now(lambda c, hashes=hashes: revisions.known_fingerprints(c, hashes))
            assert set(known) == set(hashes), "a committed token is not to be found"
            key = self.row(index).key
            assert all(any(seen.account == key for seen in together) for together in known.values())

    @invariant()
    def every_account_is_whole(self) -> None:
        """Its current revision opens, and its chain of parents ends at one that has none."""
        for row in self.rows():
            current, links = self.database.read_now(lambda c, key=row.key: thinning.links(c, key))
            at = links[current]
            while at.parent is not None:
                assert at.parent < at.number
                at = links[at.parent]
            stored = self.database.read_now(lambda c, row=row: revisions.current(c, row.auth_index))
            assert seals.open_file(self.vault, stored)
            assert stored.generation == row.generation

    @invariant()
    def an_auth_index_stays_and_is_never_given_again(self) -> None:
        indexes = {row.auth_index for row in self.rows()}
        assert self.ever <= indexes
        self.ever = indexes
        assert len(indexes) <= len(WORKSPACES)

    @invariant()
    def settings_and_an_operators_word_stay(self) -> None:
        for index, note in self.notes.items():
            assert self.row(index).note == note
        holds = self.database.read_now(
            lambda c: c.execute(
                select(tables.accounts.c.auth_index)
                .join(tables.holds, tables.holds.c.account == tables.accounts.c.key)
                .where(tables.holds.c.owner == "operator", tables.holds.c.released_at.is_(None))
            ).scalars().all()
        )  # fmt: skip
        assert self.disabled <= set(holds)

    # ---- helpers ----

    def committed(self, work: Coroutine[Any, Any, Any], crash: int | None) -> bool:
        """Whether it is done; each of these is one transaction, so a crash before its commit leaves nothing."""
        done = self.do(_yes(work), crash)
        return bool(done)

    def learn(self) -> None:
        """After a crash in the midst of an import: rows that were committed all the same."""
        for row in self.rows():
            self.indexes.setdefault(row.organization, row.auth_index)
            self.tokens.setdefault(row.auth_index, set()).add(self.current_token(row.auth_index))

    def current_token(self, index: str) -> str:
        stored = self.database.read_now(lambda c: revisions.current(c, index))
        return str(json.loads(seals.open_file(self.vault, stored))["refresh_token"])

    def rows(self) -> list[Any]:
        return list(self.database.read_now(lambda c: c.execute(select(tables.accounts)).all())) if self.ready else []

    def row(self, index: str) -> Any:
        return next(row for row in self.rows() if row.auth_index == index)

    @property
    def ready(self) -> bool:
        return hasattr(self, "database")


async def _yes(work: Coroutine[Any, Any, Any]) -> bool:
    await work
    return True


Life.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


class TestNothingIsLost(Life.TestCase):  # type: ignore[name-defined,misc]
    pass
