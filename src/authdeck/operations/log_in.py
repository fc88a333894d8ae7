"""Signing in at a provider: from its page or a device code to an account with fresh tokens. Nothing is saved before.

A login is a row (``storage.reading.logins``), so it survives a restart; what runs here for it is a device's polling and
an open loopback port. Every step is a compare-and-set on its status: of two that do the same, one is told no.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from authdeck import tasks
from authdeck.access import Actor, Role
from authdeck.account import Provider
from authdeck.acts import Act
from authdeck.credential import Draft
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.evidence import Action
from authdeck.exchange import Outgoing
from authdeck.operations import call_backs, login_beginning, login_calls, login_storing, login_turns, seals
from authdeck.operations.answer_queue import tried_in_vain
from authdeck.operations.call_backs import CallBack
from authdeck.operations.desk import Desk
from authdeck.operations.login_beginning import Beginner, session_of, state_hash, unreachable
from authdeck.operations.login_now import LoginNow, login_of, shown
from authdeck.operations.login_storing import SignedIn
from authdeck.operations.login_turns import CHANGE
from authdeck.operations.login_waiting import Pause, Ports, Waiting
from authdeck.operations.records import changed, record
from authdeck.providers.signing_in import Grant, Login, Polled, Step, Way
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, logins
from authdeck.storage.reading.logins import OPEN, StoredLogin
from authdeck.storage.writing import logins as writing
from authdeck.upstream.failures import UpstreamFailure

KEPT: Final = timedelta(days=1)


class Logins:
    """All logins under way. ``start`` when the server starts, ``close`` when it stops."""

    def __init__(self, desk: Desk, ports: Ports, pause: Pause = asyncio.sleep) -> None:
        self._desk: Final = desk
        self._waiting: Final = Waiting(ports)
        self._pause: Final = pause

    async def start(self) -> None:
        """Go on with what a former process began, and open the ports that its browsers come back to."""
        self._desk.feed.subscribe(CHANGE, self._saw)
        await self.take_over()
        for login in await self._desk.read(logins.open_ones):
            if login.status == "pending" and login.outcome["way"] == Way.BROWSER.value:
                await self._go_on(login)

    async def take_over(self) -> None:
        """For the timetable: poll devices that nobody polls; an exchange that nobody ends is lost, and told."""
        for login in await self._desk.read(self._left_alone):
            if login.status == "exchanging":
                await self._fail(login.id, DeckError("login_interrupted"))
            else:
                await self._go_on(login)

    def _left_alone(self, connection: ReadConnection) -> list[StoredLogin]:
        return [login for login in logins.open_ones(connection) if self._is_left_alone(connection, login)]

    def _is_left_alone(self, connection: ReadConnection, login: StoredLogin) -> bool:
        if login.status == "exchanging":
            return not login_turns.is_exchanged(connection, login.id)
        is_device = login.status == "pending" and login.outcome["way"] == Way.DEVICE.value
        return (
            is_device
            and not self._waiting.is_polling(login.id)
            and login.expires_at > self._desk.now()
            and not login_turns.is_polled(connection, login.id)
        )

    async def close(self) -> None:
        await self._waiting.close()

    # ---- what a person does ----

    async def begin(
        self, provider: str, beginner: Beginner, *, way: Way | None = None, expected: str | None = None
    ) -> LoginNow:
        """A new login. ``expected`` is the auth_index that it is for.

        Raises ``NotFound``: ``provider_without_login``, ``account_not_found``; ``DeckError``: ``login_needs_settings``,
        ``login_way_unknown``, ``login_provider_differs``, and what the provider's device endpoint refused.
        """
        named, login = login_of(provider)
        if missing := login.missing(self._desk.settings.providers):
            raise DeckError("login_needs_settings", status=409, provider=provider, settings=list(missing))
        way = way or login.ways[0]
        if way not in login.ways:
            known = [each.value for each in login.ways]
            raise DeckError("login_way_unknown", status=422, provider=provider, way=way.value, known=known)
        if expected is not None:
            await self._desk.read(partial(_require_provider, auth_index=expected, provider=named))
        if way is Way.BROWSER:
            stored = await login_beginning.in_browser(self._desk, named, login, beginner, expected)
        else:
            stored = await login_beginning.on_device(self._desk, named, login, beginner, expected)
        await self._go_on(stored)
        return self._shown(stored)

    async def get(self, login_id: str, beginner: Beginner) -> LoginNow:
        """Its account is in force once it is ``done``.

        Raises ``NotFound('login_not_found')`` for those of other sessions too.
        """
        login = await self._desk.read(partial(self._mine, login_id=login_id, beginner=beginner))
        if login.status == "done":
            await self._desk.in_force()
        return self._shown(login)

    async def mine(self, beginner: Beginner) -> list[LoginNow]:
        """The session's own ones of the last day, newest first."""
        since, session = self._desk.now() - KEPT, session_of(self._desk, beginner)
        stored = await self._desk.read(partial(logins.of_session, session=session, since=since))
        await self._desk.in_force()
        return [self._shown(each) for each in stored]

    async def call_back(self, login_id: str, pasted: str, beginner: Beginner) -> LoginNow:
        """Finish a browser login with the address that the provider's page led to.

        Raises as ``call_backs.read``, and ``Conflict``: ``login_not_pending``, ``call_back_of_another``,
        ``call_back_state_unknown``. A refusal of the provider is the login's ``error``, not raised.
        """
        login = await self._desk.read(partial(self._mine, login_id=login_id, beginner=beginner))
        self._require(login, "pending")
        back = call_backs.read(pasted)
        found = await self._by_state(back)
        if found is None:
            raise Conflict("call_back_state_unknown")
        if found.id != login.id:
            raise Conflict("call_back_of_another" if found.session == login.session else "call_back_state_unknown")
        await self._finish(login, back)
        return await self.get(login_id, beginner)

    async def arrived(self, url: str) -> None:
        """A browser came back to a loopback port. Its state says which login it is of. Raises as ``call_back``."""
        back = call_backs.read(url)
        login = await self._by_state(back)
        if login is None:
            raise Conflict("call_back_state_unknown")
        await self._finish(login, back)
        after = await self._desk.read(partial(logins.one, login_id=login.id))
        if after.status == "failed":
            raise DeckError(after.outcome["error"]["code"], **after.outcome["error"]["params"])

    async def choose(self, login_id: str, choice: str, beginner: Beginner) -> LoginNow:
        """Say where the account that came back belongs. Raises ``choice_unknown``, ``login_not_pending``."""
        login = await self._desk.read(partial(self._mine, login_id=login_id, beginner=beginner))
        self._require(login, "choosing")
        document = self._sealed(login)["document"]
        draft = login_storing.draft_of(self._desk, login.provider, document)
        await self._store(login, draft, document, choice)
        return await self.get(login_id, beginner)

    async def checked(self, login_id: str, request_id: str, beginner: Beginner) -> None:
        """Remember the request that showed whether the account serves. Raises ``login_not_found``."""

        def work(connection: WriteConnection) -> None:
            login = self._mine(connection, login_id, beginner)
            writing.tell(connection, login.id, {**login.outcome, "check": request_id})

        await self._desk.write(work)

    async def cancel(self, login_id: str, beginner: Beginner) -> LoginNow:
        """End it; nothing of it is kept. One that has ended stays as it is."""

        def work(connection: WriteConnection) -> None:
            login = self._mine(connection, login_id, beginner)
            if writing.end(connection, login.id, "cancelled", among=OPEN, outcome=login.outcome):
                record(self._desk, connection, beginner.actor, Act.LOGIN_CANCELLED, login.id)
                changed(self._desk, connection, CHANGE, login.id)

        await self._desk.write(work)
        return await self.get(login_id, beginner)

    async def follow(self, login_id: str, beginner: Beginner) -> AsyncGenerator[LoginNow, None]:
        """The login as it is, and again whenever it changed; ends with it."""
        with self._waiting.watching(login_id) as event:
            while True:
                event.clear()
                now = await self.get(login_id, beginner)
                yield now
                if now.has_ended:
                    return
                await event.wait()

    async def expire(self) -> None:
        """For the timetable: end those whose time has run out, forget those of yesterday."""
        now = self._desk.now()

        def work(connection: WriteConnection) -> None:
            for login in logins.open_ones(connection):
                if login.expires_at <= now and writing.end(
                    connection, login.id, "expired", among=OPEN, outcome=login.outcome
                ):
                    actor = Actor(login.outcome["by"], Role.OPERATOR)
                    record(self._desk, connection, actor, Act.LOGIN_EXPIRED, login.id)
                    changed(self._desk, connection, CHANGE, login.id)
            writing.forget(connection, now - KEPT)

        if await self._desk.read(partial(_is_any_due, now=now)):
            await self._desk.write(work)

    async def _go_on(self, login: StoredLogin) -> None:
        """What a pending login needs while it waits: its port open, or its device polled."""
        described = login_of(login.provider)[1]
        if login.outcome["way"] == Way.BROWSER.value and described.browser is not None:
            await self._waiting.listen(login.id, described.browser.port)

        elif described.device is not None:
            self._waiting.poll(login.id, self._poll(login, described))

    # ---- finishing ----

    async def _by_state(self, back: CallBack) -> StoredLogin | None:
        return await self._desk.read(partial(logins.by_state, state_hash=state_hash(self._desk, back.state)))

    async def _finish(self, login: StoredLogin, back: CallBack) -> None:
        """Spend the state, then exchange the code. Who asked may leave: it goes on."""
        kept, described = self._sealed(login), login_of(login.provider)[1]
        assert described.browser is not None
        if not await login_turns.begin_exchange(self._desk, login):
            is_over = login.expires_at <= self._desk.now()
            raise Conflict("login_not_pending", problem="expired" if is_over else "exchanging")
        if back.error:
            code = "login_denied" if back.error == "access_denied" else "login_refused"
            await self._fail(login.id, DeckError(code, problem="error_in_call_back"))
            return
        grant = Grant(back.code, kept["verifier"], kept["state"], described.browser.redirect_uri)
        outgoing = described.browser.exchange(self._desk.settings.providers, grant)
        await asyncio.shield(tasks.start(self._exchange(login, described, outgoing), name="exchange a login's code"))

    async def _exchange(self, login: StoredLogin, described: Login, outgoing: Outgoing) -> None:
        try:
            reply = await login_calls.send(self._desk, login.expected, outgoing)
            await self._take(login, described, described.read_tokens(reply, self._desk.now()))
        except UpstreamFailure as failure:
            await self._fail(login.id, unreachable(failure))
        except DeckError as error:
            await self._fail(login.id, error)

    async def _take(self, login: StoredLogin, described: Login, tokens: Mapping[str, Any]) -> None:
        """Tokens came: ask whose they are, then store them where they belong."""
        document = await login_calls.looked_up(self._desk, login.expected, described, tokens, self._pause)
        draft = login_storing.draft_of(self._desk, login.provider, document)
        await self._store(login, draft, document, None)

    async def _store(self, login: StoredLogin, draft: Draft, document: Mapping[str, Any], choice: str | None) -> None:
        """In one transaction with the login's end: what was cancelled meanwhile stores nothing.

        Raises ``Conflict('login_not_pending')``.
        """
        desk, actor = self._desk, Actor(login.outcome["by"], Role.OPERATOR)
        among = ("exchanging",) if choice is None else ("choosing",)
        alike = await desk.read(partial(login_storing.alike, draft=draft))

        def work(connection: WriteConnection) -> None:
            now_stored = logins.one(connection, login.id)
            self._require(now_stored, *among)
            made = login_storing.place(
                desk, connection, draft, actor, login_id=login.id, expected=login.expected, alike=alike, choice=choice
            )
            told = {**login.outcome, **_told(made)}
            if made.choices:
                kept = {"way": login.outcome["way"], "document": dict(document)}
                sealed = seals.seal_login(desk.vault, login.id, json.dumps(kept).encode())
                writing.move(connection, login.id, "choosing", among=among, at=desk.now(), sealed=sealed, outcome=told)
            elif made.reason is not None:
                raise DeckError("login_not_stored", status=409, problem=made.reason)
            else:
                writing.end(connection, login.id, "done", among=among, outcome=told)
                after = {"login": login.id, "provider": login.provider, "outcome": made.outcome}
                record(desk, connection, actor, Act.LOGIN_DONE, made.auth_index or login.id, after=after)
            changed(desk, connection, CHANGE, login.id)

        await desk.write(work)

    async def _fail(self, login_id: str, error: DeckError) -> None:
        """Not stored, and why: codes only. One that ended otherwise meanwhile stays so."""
        desk = self._desk

        def work(connection: WriteConnection) -> None:
            login = logins.one(connection, login_id)
            told = {**login.outcome, "error": {"code": error.code, "params": error.params}}
            if writing.end(connection, login_id, "failed", among=("pending", "exchanging"), outcome=told):
                actor = Actor(login.outcome["by"], Role.OPERATOR)
                record(desk, connection, actor, Act.LOGIN_FAILED, login_id, after={"code": error.code})
                if login.expected is not None:
                    tried_in_vain(desk, connection, login.expected, Action.REAUTH, actor)
                changed(desk, connection, CHANGE, login_id)

        await desk.write(work)

    # ---- polling ----

    async def _poll(self, login: StoredLogin, described: Login) -> None:
        assert described.device is not None
        kept = self._sealed(login)["device"]
        polled = await login_turns.polled(self._desk, login, described.device, kept, self._pause)
        if polled is None:
            return
        if polled.step is Step.REFUSED:
            await self._fail(login.id, DeckError(polled.code))
        else:
            await asyncio.shield(tasks.start(self._approved(login, described, polled), name="take a device login"))

    async def _approved(self, login: StoredLogin, described: Login, polled: Polled) -> None:
        assert described.device is not None
        if not await login_turns.begin_exchange(self._desk, login):
            return
        if polled.grant is not None and described.device.exchange is not None:
            outgoing = described.device.exchange(self._desk.settings.providers, polled.grant)
            await self._exchange(login, described, outgoing)
            return
        try:
            await self._take(login, described, polled.document)
        except DeckError as error:
            await self._fail(login.id, error)

    # ---- seeing ----

    async def _saw(self, login_id: str) -> None:
        """It changed, here or in another process: tell who watches, and let go of what it no longer needs."""
        login = await self._desk.read(partial(logins.one, login_id=login_id))
        if login.status != "pending":
            await self._waiting.let_go(login_id)
        self._waiting.wake(login_id)

    def _mine(self, connection: ReadConnection, login_id: str, beginner: Beginner) -> StoredLogin:
        login = logins.one(connection, login_id)
        if login.session != session_of(self._desk, beginner):
            raise NotFound("login_not_found")
        return login

    def _require(self, login: StoredLogin, *statuses: str) -> None:
        """Raises ``Conflict('login_not_pending')`` naming the status that it has."""
        is_over = login.expires_at <= self._desk.now()
        if is_over or login.status not in statuses:
            status = "expired" if is_over and login.status in OPEN else login.status
            raise Conflict("login_not_pending", problem=status)

    def _sealed(self, login: StoredLogin) -> Mapping[str, Any]:
        if login.sealed is None:
            raise Conflict("login_not_pending", problem=login.status)
        kept: Mapping[str, Any] = json.loads(seals.open_login(self._desk.vault, login.id, login.sealed))
        return kept

    def _shown(self, login: StoredLogin) -> LoginNow:
        kept = self._sealed(login) if login.status == "pending" else {}
        return shown(login, kept, self._desk.now(), is_listening=self._waiting.is_listening(login.id))


def _told(made: SignedIn) -> Mapping[str, Any]:
    return {
        "outcome": made.outcome,
        "auth_index": made.auth_index,
        "file_name": made.file_name,
        "reason": made.reason,
        "choices": list(made.choices),
        "labels": dict(made.labels),
        "near": list(made.near),
    }


def _require_provider(connection: ReadConnection, *, auth_index: str, provider: Provider) -> None:
    account = accounts.by_index(connection, auth_index)
    if account.provider is not provider:
        raise DeckError(
            "login_provider_differs", status=422, provider=account.provider.value, file_name=account.file_name
        )


def _is_any_due(connection: ReadConnection, *, now: datetime) -> bool:
    return any(login.expires_at <= now for login in logins.open_ones(connection))
